"""The ranking of a run is on the disk before anything else is found out, and stays where that fails."""

import json

import pandas as pd
import pytest
import yaml
from experiment.helpers import TINY, ring, trained

from gnnneg import Evaluator, Findings, Ranking, Run, TripleClassification, UserError
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import triplets
from gnnneg.data.synthetic import world
from gnnneg.experiment import Evaluation, plan, resume
from gnnneg.experiment.setup import assemble
from gnnneg.training import Interrupted

pytestmark = pytest.mark.filterwarnings("ignore:Ties decide")


class Failing(Evaluator):
    """Looks at what is written when it is asked, and fails with what it is given."""

    out = None
    error: BaseException | None = None
    there: list[bool] = []

    def forward(self, model, testbed):
        result = json.loads((self.out / "result.json").read_text())
        self.there.append("mrr" in result["metrics"]["test"] and len(pd.read_parquet(self.out / "ranks.parquet")) > 0)
        if self.error is not None:
            raise self.error
        return Findings({"one": 1})


@pytest.fixture
def failing(tmp_path, monkeypatch):
    monkeypatch.setattr(Failing, "out", tmp_path / "run")
    monkeypatch.setattr(Failing, "there", [])
    return monkeypatch


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError(), "there is not enough memory"),
        (UserError("A score is NaN."), "A score is NaN"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "can't allocate memory"),
    ],
)
def test_a_run_is_finished_without_what_fails(failing, error, why):
    failing.setattr(Failing, "error", error)
    asked = Evaluation(evaluators=[Failing(), TripleClassification()])
    with pytest.warns(UserWarning, match=rf"finished without Failing of test: .*{why}"):
        run = trained(ring(), Failing.out, evaluation=asked)
    assert Failing.there == [True]
    assert list(run.metrics["test"])[-1] == "classification"
    assert json.loads((Failing.out / "result.json").read_text()) == run.result
    assert "pending" not in run.result
    before = (Failing.out / "result.json").read_bytes()
    resume(Failing.out, progress=False, allow="experiment")
    assert (Failing.out / "result.json").read_bytes() == before


def test_one_index_of_training_answers_and_no_graph_for_who_looks_at_none(tmp_path, monkeypatch):
    """A config's run whose sampler filters: rankings share its index, and no message graph is made."""
    monkeypatch.setattr("gnnneg.data.statements.message_graph", lambda *_: pytest.fail("a graph is made"))
    monkeypatch.setattr("gnnneg.evaluation.testbed.message_graph", lambda *_: pytest.fail("a graph is made"))
    tree = yaml.safe_load(TINY % "synthetic")
    uniform = tree["task"]["init_args"]["sampler"]
    tree["task"]["init_args"]["sampler"] = {"class_path": "Filtered", "init_args": {"proposal": uniform}}
    setup = assemble(plan(tree), world(200).data)
    assert setup.testbed.known.part[0] is setup.task.sampler.known
    every = KnownAnswers(triplets(setup.data), setup.testbed.num_nodes, setup.testbed.num_relations)
    assert len(setup.testbed.known) == len(every)
    assert Ranking().ranks(setup.model, setup.testbed)
    assert setup.task.graph is None


def test_other_errors_are_not_hidden(failing):
    failing.setattr(Failing, "error", RuntimeError("a mistake of its own"))
    with pytest.raises(RuntimeError, match="a mistake"):
        trained(ring(), Failing.out, evaluation=Evaluation(evaluators=[Failing()]))


def test_ranks_stay_where_strata_fail(failing):
    def fails(*_):
        raise MemoryError

    failing.setattr("gnnneg.experiment.result.strata", fails)
    with pytest.warns(UserWarning, match=r"without the strata of ranks\.parquet: there is not enough memory"):
        run = trained(ring(), Failing.out)
    found = pd.read_parquet(Failing.out / "ranks.parquet")
    assert "degree" not in found
    assert (1 / ((found.optimistic + found.pessimistic) / 2)).mean() == pytest.approx(run.metrics["test"]["mrr"])


def test_a_run_interrupted_while_more_is_found_out_is_ended_by_resume(failing):
    failing.setattr(Failing, "error", KeyboardInterrupt())
    asked = Evaluation(evaluators=[Failing()])
    with pytest.raises(Interrupted, match="gnnneg resume"):
        trained(ring(), Failing.out, evaluation=asked)
    mrr = Run.load(Failing.out, "cpu").metrics["test"]["mrr"]  # it can be read by now
    failing.setattr(Failing, "error", None)
    run = resume(Failing.out, progress=False, allow="experiment")
    assert run.metrics["test"]["mrr"] == mrr
    assert run.metrics["test"]["Failing"] == {"one": 1}
    assert "pending" not in json.loads((Failing.out / "result.json").read_text())
