"""Evaluations that a config or a script asks for, and how they are told of."""

import json

import pytest
import torch
import yaml
from experiment.helpers import TINY, ring, trained

from gnnneg import (
    Evaluator,
    Findings,
    KnownNegatives,
    PairClassification,
    Ranking,
    Run,
    TripleClassification,
    UserError,
)
from gnnneg.cli import main
from gnnneg.experiment import Evaluation, plan, resume
from gnnneg.former import FormerName
from gnnneg.models import KGEModel
from gnnneg.report.page import page
from gnnneg.report.reading import read
from gnnneg.report.tables import group

pytestmark = pytest.mark.filterwarnings("ignore:Ties decide")


class Halves(Evaluator):
    """A user's own: as many as it is told of."""

    def __init__(self, half: float = 0.5):
        super().__init__()
        self.half = half

    def refuse(self, testbed):
        """It asks about no statement."""

    def forward(self, model, testbed):
        return Findings({"half": self.half * testbed.num_nodes, "sure": True})


def test_a_run_tells_what_it_was_asked_for(tmp_path):
    asked = Evaluation(evaluators=[KnownNegatives("valid"), Ranking(per="side"), Ranking("train"), Halves(0.25)])
    run = trained(ring(), tmp_path / "run", evaluation=asked)
    usual = trained(ring(), None)
    metrics, before = run.metrics, usual.metrics
    assert list(before["test"])[-1] == "classification"
    assert metrics["train"]["mrr"] == usual.evaluate("train")["mrr"]
    assert metrics["test"].pop("Halves") == {"half": 5.0, "sure": 1}
    assert metrics["test"].pop("side")["tail"]["mrr"] == before["test"]["tail"]["mrr"]
    found = usual.evaluate(KnownNegatives("valid"))
    assert metrics["valid"].pop("verified_negatives") == json.loads(json.dumps(found.kept()))
    assert metrics["valid"] == before["valid"]
    assert metrics["test"] == {name: value for name, value in before["test"].items() if name != "classification"}
    assert "verified_negatives" not in run.result
    # whoever reads the folder needs none of the classes that it names ...
    again = Run.load(tmp_path / "run", "cpu")
    assert again.evaluate()["mrr"] == before["test"]["mrr"]
    assert again.evaluate(TripleClassification()).figures == before["test"]["classification"]
    said = again.config["evaluation"]["evaluators"]
    assert said[0] == {"class_path": "KnownNegatives", "init_args": {"split": "valid", "num_random": 100}}
    # ... and tables show the figures
    (one,) = group([read(tmp_path / "run")])
    assert one.to_json()["metrics"]["Halves.half"]["mean"] == 5.0
    assert page([read(tmp_path / "run")])


def test_by_default_a_run_tells_of_denied_statements(tmp_path):
    run = trained(ring(), None)
    found = run.evaluate(KnownNegatives())
    assert run.result["verified_negatives"] == found.kept()
    assert run.metrics["test"]["classification"] == run.evaluate(TripleClassification()).figures
    nothing = trained(ring(), None, evaluation=Evaluation(evaluators=[]))
    assert "classification" not in nothing.metrics["test"]
    assert "verified_negatives" not in nothing.result
    assert nothing.metrics["test"]["mrr"] == run.metrics["test"]["mrr"]


def test_what_the_data_lack_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(KGEModel, "encode", lambda *_: pytest.fail("it trains"))
    with pytest.raises(UserError, match="no labelled pairs"):
        trained(ring(), tmp_path / "run", evaluation=Evaluation(evaluators=[PairClassification()]))
    assert not (tmp_path / "run").exists()


def test_one_place_holds_one_finding():
    with pytest.raises(UserError, match=r"evaluation\.evaluators finds 'verified_negatives' of test twice"):
        Evaluation(evaluators=[KnownNegatives(), KnownNegatives(num_random=3)])
    Evaluation(evaluators=[KnownNegatives(), KnownNegatives("valid"), Ranking(sampled=3), Ranking(sampled=5)])


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("[TripleClassification]", {"evaluators": ["TripleClassification"]}),
        ("{evaluators: [Ranking], sampled: 5}", {"evaluators": ["Ranking"], "sampled": 5}),
        ("[]", {"evaluators": []}),
    ],
)
def test_a_bare_list_is_short_for_its_key(written, means):
    tree = yaml.safe_load(TINY % "synthetic")
    found = plan({**tree, "evaluation": yaml.safe_load(written)}).arguments["evaluation"].build({})
    assert [type(one).__name__ for one in found.evaluators] == means["evaluators"]
    assert found.sampled == means.get("sampled")


def test_a_config_names_evaluators(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(TINY % "synthetic" + "evaluation: [Clustering, TripleClassification]\n")
    assert main(["train", "c.yaml", "--out", "run", "--quiet", "--evaluation.memory_mib", "64"]) == 0
    told = capsys.readouterr().out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["metrics"]["test"]["Clustering"]["types"] == 5
    assert f"{result['metrics']['test']['Clustering']['ari']:.4f}" in told
    assert "Clustering" in told
    assert "classification" in told
    capsys.readouterr()
    (tmp_path / "wrong.yaml").write_text(TINY % "synthetic" + "evaluation: [Clusterin]\n")
    assert main(["train", "wrong.yaml", "--out", "other", "--quiet"]) == 2
    assert "did you mean 'Clustering'" in capsys.readouterr().err


def test_names_are_looked_up_before_anything_is_encoded(monkeypatch):
    run = trained(ring(), None)
    monkeypatch.setattr(KGEModel, "encode", lambda *_: pytest.fail("it encodes"))
    for ask in (
        lambda: run.paths("e1", "next", "nobody"),
        lambda: run.paths("e1", "nxt", "e2"),
        lambda: run.explain("e1", "next", "nobody"),
        lambda: run.explain("e1", "next", "e2", among=["e3"]),
        lambda: run.predict("e1", "next", among="nobody"),
    ):
        with pytest.raises(UserError):
            ask()


def test_a_judge_is_a_testbed_now():
    run = trained(ring(), None)
    with pytest.warns(FormerName, match="'judge' is now called 'testbed'"):
        assert run.judge is run.testbed


def test_seeds_of_draws_are_the_runs_own(tmp_path):
    """From the folder as from the call."""
    torch.manual_seed(0)
    run = trained(ring(), tmp_path / "run", seed=5)
    again = Run.load(tmp_path / "run", "cpu")
    assert run.testbed.seed == again.testbed.seed == 5
    assert run.evaluate(KnownNegatives()).plain() == again.evaluate(KnownNegatives()).plain()


@pytest.mark.filterwarnings("ignore:The data set has no test statements")
def test_what_needs_no_test_statements_is_told_without_any(tmp_path):
    """A run that ranked none is finished all the same, and its headlines are validation's."""
    data = ring()
    split = data["entity", "stated", "entity"].split
    split[split == 2] = 0
    out = tmp_path / "run"
    found = trained(data, out, evaluation=Evaluation(evaluators=[Halves()])).metrics
    assert found["test"] == {"Halves": {"half": 10.0, "sure": 1}}
    assert not (out / "ranks.parquet").exists()
    before = (out / "result.json").read_bytes()
    resume(out, progress=False)
    assert (out / "result.json").read_bytes() == before
    assert read(out).split == "valid"
    assert read(out).metrics["mrr"] == found["valid"]["mrr"]
