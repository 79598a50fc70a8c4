"""Runs and tunings that are validated on labelled pairs, on a graph without validation statements."""

import json

import pytest
import torch
from experiment.helpers import SMALL, linked, log, ring

from gnnneg import Fit, PairClassification, Run, UserError, train, tune
from gnnneg.data.statements import PAIR
from gnnneg.documents import parse_yaml
from gnnneg.evaluation.held_back import held_back
from gnnneg.experiment import Evaluation, resume
from gnnneg.report.page import page
from gnnneg.report.reading import read

SHARE, ROWS = 0.4, 60


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr("gnnneg.evaluation.pairs.TREES", 2)  # for speed


def paired(valid: bool = False):
    """A ring with training statements alone, and pairs: neighbours belong together."""
    data = ring()
    for polarity in ("stated", "denied"):
        split = data["entity", polarity, "entity"].split
        data["entity", polarity, "entity"].split = split if valid else torch.zeros_like(split)
    one = torch.arange(ROWS) % 20
    data[PAIR].edge_label_index = torch.stack([one, (one + torch.arange(ROWS) // 20 + 1) % 20])
    data[PAIR].edge_label = (torch.arange(ROWS) < 30).long()
    return data


def run_of(data, out=None, metric: str = "pair_f1", **options) -> Run:
    torch.manual_seed(0)
    task = linked(data)
    fit = Fit(epochs=3, batch_size=8, evaluate_every=1, patience=None, metric=metric, checkpoint_seconds=0.0)
    judged = Evaluation(evaluators=[PairClassification()], **{"pairs_held_back": SHARE, **options})
    return train(
        task, data, torch.optim.Adagrad(task.trained(), lr=0.5), fit, out=out, progress=False, evaluation=judged
    )


def test_training_is_validated_on_pairs_that_are_held_back(tmp_path):
    """The best epoch is that of the best figure, and the figures of test are of all other pairs."""
    data = paired()
    run = run_of(data, tmp_path / "run")
    told = [line["valid"] for line in log(tmp_path / "run") if "valid" in line]
    assert len(told) == 3
    assert all(set(one) == set(PairClassification.validated) for one in told)
    best = max(range(3), key=lambda place: told[place]["pair_f1"])
    assert run.result["best_epoch"] == best + 1
    assert run.metrics["valid"] == told[best]
    (row,) = (of for name, of in run.metrics["test"]["PairClassification"].items() if name == "all vectors hadamard")
    assert row["pairs"] == ROWS - round(SHARE * ROWS) == 36
    # read again, it judges by the same policy
    again = Run.load(tmp_path / "run", "cpu")
    assert again.evaluate(PairClassification()).table["pairs"][0] == 36
    assert again.evaluate(PairClassification("valid")).table["f1"][0] == told[best]["pair_f1"]
    assert read(tmp_path / "run").split == "test"
    assert "Validation pair_f1 (ringed: best)" in page([read(tmp_path / "run")])
    with pytest.raises(UserError, match=r"evaluation\.pairs_held_back"):
        resume(tmp_path / "run", progress=False, overrides=["--evaluation.pairs_held_back", "0.3"])


def test_labels_of_test_choose_no_weights(tmp_path, monkeypatch):
    """Turned round among the pairs of test, they leave validation, the best epoch and the weights as they were."""
    data = paired()
    held = held_back(data[PAIR].edge_label_index, data[PAIR].edge_label, SHARE)
    monkeypatch.setattr("gnnneg.evaluation.testbed.held_back", lambda *_: held)
    one = run_of(data)
    data[PAIR].edge_label[~held] = data[PAIR].edge_label[~held].flip(0)
    other = run_of(data)
    assert one.metrics["valid"] == other.metrics["valid"]
    assert one.result["best_epoch"] == other.result["best_epoch"]
    assert torch.equal(one.model.encoder.weight, other.model.encoder.weight)
    assert one.metrics["test"] != other.metrics["test"]


def test_validation_statements_are_ranked_beside():
    run = run_of(paired(valid=True), metric="pair_auroc")
    assert run.metrics["valid"]["mrr"] > 0
    assert run.metrics["valid"]["pair_auroc"] == run.evaluate(PairClassification("valid")).table["auroc"][0]
    assert "pair_auroc" not in run_of(paired(valid=True), metric="mrr").metrics["valid"]


def test_what_cannot_be_is_refused_before_training():
    with pytest.raises(UserError, match="No labelled pairs are held back"):
        run_of(paired(), pairs_held_back=0.0)
    data = paired()
    del data[PAIR]
    with pytest.raises(UserError, match=r"evaluation\.pairs_held_back is 0\.4, and the data set has no labelled pairs"):
        run_of(data, metric="mrr")
    with pytest.raises(UserError, match=r"evaluation\.pairs_held_back is 2\.0: give a share"):
        Evaluation(pairs_held_back=2.0)


def test_trials_are_chosen_by_held_back_pairs(tmp_path, monkeypatch):
    """No trial has figures of other pairs; the winner has them, and is the best by those that are held back."""
    monkeypatch.setattr("gnnneg.experiment.settings.datasets.graphs", lambda *_: [paired()])
    tree = parse_yaml(SMALL % "UMLS", "")
    tree["evaluation"] = {"evaluators": ["PairClassification"], "pairs_held_back": SHARE}
    tree["fit"]["metric"] = "pair_f1_mean"
    tree["tune"] = {"optimizer.lr": {"low": 0.01, "high": 1.0, "log": True}}
    study = tune(tree, 4, startup=2, seeds=2, out=tmp_path / "study", progress=False)
    trials = study.trials
    for number in trials["trial"]:
        home = tmp_path / "study" / "trials" / f"{number:04d}"
        assert "test" not in (home / "metrics.jsonl").read_text()
        if trials["state"][number] == "complete":
            metrics = json.loads((home / "result.json").read_text())["metrics"]
            assert metrics == {"valid": metrics["valid"]}
            assert metrics["valid"]["pair_f1_mean"] == trials["pair_f1_mean"][number]
    best = study.best
    assert best.metrics["valid"]["pair_f1_mean"] == trials["pair_f1_mean"].max()
    held = [run.testbed.pairs("valid")[0] for run in study.seeds]
    assert torch.equal(*held)  # whatever the seed
    for run in study.seeds:
        assert run.metrics["test"]["PairClassification"]["all vectors hadamard"]["pairs"] == 36
    text = (tmp_path / "study" / "study.html").read_text()
    assert "<th>valid pair_f1_mean</th>" in text
    del tree["evaluation"]
    with pytest.raises(UserError, match="No labelled pairs are held back"):
        tune(tree, 1, out=tmp_path / "other", progress=False)
