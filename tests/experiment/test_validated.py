"""Figures of triple classification, and those of one's own evaluator, choose the best epoch."""

import json

import numpy as np
import pytest
import torch
from experiment.helpers import SMALL, linked, log, ring

from gnnneg import Evaluator, Findings, Fit, TripleClassification, UserError, train, tune
from gnnneg.data.statements import assemble, triplets
from gnnneg.documents import parse_yaml
from gnnneg.evaluation.classification import FOLDS, auroc, average_precision, scores
from gnnneg.experiment import Evaluation
from gnnneg.records import Triplets
from gnnneg.report.page import page
from gnnneg.report.reading import read

NAMES = ("triple_accuracy", "triple_f1", "triple_auroc", "triple_average_precision")


def labelled(size: int = 60, splits: tuple[int, ...] = (0, 1, 2)):
    """A ring with a denied statement beside each stated one, in three splits."""
    one = torch.arange(size)
    stated = Triplets(one, one % 2, (one + 1) % size)
    denied = Triplets(one, one % 2, (one + 7) % size)
    split = torch.tensor(splits).repeat(-(-size // len(splits)))[:size]
    return assemble(stated, split, [f"e{i}" for i in range(size)], ["even", "odd"], denied, split)


def run_of(data, metric: str, out=None, **options):
    torch.manual_seed(0)
    task = linked(data)
    fit = Fit(epochs=4, batch_size=8, evaluate_every=1, patience=None, metric=metric, checkpoint_seconds=0.0)
    optimizer = torch.optim.Adagrad(task.trained(), lr=0.5)
    return train(task, data, optimizer, fit, out=out, progress=False, **options)


def by_hand(score: np.ndarray, label: np.ndarray, relation: np.ndarray, fold: np.ndarray) -> float:
    """The accuracy of folds, by trying each threshold; for relations that both folds' rests have."""
    right = 0
    for one in range(FOLDS):
        for r in np.unique(relation):
            rest, own = (fold != one) & (relation == r), (fold == one) & (relation == r)
            tried = [*np.unique(score[rest]), np.inf]
            best = max(tried, key=lambda t: (((score[rest] >= t) == label[rest]).sum(), -t))
            right += ((score[own] >= best) == label[own]).sum()
    return right / len(label)


def test_triplets_are_judged_by_thresholds_that_they_did_not_choose():
    data = labelled()
    run = run_of(data, "triple_accuracy")
    stated, denied = (triplets(data, polarity, "valid") for polarity in ("stated", "denied"))
    both = Triplets(*(torch.cat(pair) for pair in zip(stated, denied)))
    score = scores(run.model, None, both)
    label = torch.arange(40) < 20
    fold = torch.randperm(40, generator=run.testbed.draws()) % FOLDS
    assert fold.bincount().tolist() == [8] * FOLDS
    found = TripleClassification().validate(run.model, run.testbed)
    columns = (column.numpy() for column in (score, label, both.rel_type, fold))
    assert tuple(found) == TripleClassification.validated == NAMES
    assert found["triple_accuracy"] == by_hand(*columns)
    assert found["triple_auroc"] == auroc(score, label)
    assert found["triple_average_precision"] == average_precision(score, label)
    inside = TripleClassification()(run.model, run.testbed).figures  # of test, by thresholds of all of validation
    assert set(inside) > {name.removeprefix("triple_") for name in NAMES}


@pytest.mark.parametrize("metric", NAMES)
def test_the_best_epoch_is_that_of_the_metric(tmp_path, metric):
    run = run_of(labelled(), metric, tmp_path / "run")
    told = [line["valid"] for line in log(tmp_path / "run") if "valid" in line]
    best = max(range(4), key=lambda place: told[place][metric])  # the first of equal ones
    assert run.result["best_epoch"] == best + 1
    assert all(set(one) >= {"mrr", *NAMES} for one in told)
    assert {name: run.metrics["valid"][name] for name in NAMES} == {name: told[best][name] for name in NAMES}
    assert run.metrics["test"]["classification"]["count"] == 40
    assert not set(run_of(labelled(), "mrr").metrics["valid"]) & set(NAMES)


def test_labels_of_test_choose_no_weights():
    """Stated and denied ones of test change places, without a change of the weights."""
    data = labelled()
    one = run_of(data, "triple_accuracy")
    stated, denied = (data["entity", polarity, "entity"] for polarity in ("stated", "denied"))
    test = stated.split == 2
    swapped = stated.edge_index[:, test].clone()
    stated.edge_index[:, test] = denied.edge_index[:, test]
    denied.edge_index[:, test] = swapped
    other = run_of(data, "triple_accuracy")
    assert torch.equal(one.model.encoder.weight, other.model.encoder.weight)
    assert [one.metrics["valid"][name] for name in NAMES] == [other.metrics["valid"][name] for name in NAMES]
    assert one.metrics["test"]["classification"] != other.metrics["test"]["classification"]


def test_denied_statements_are_needed_in_validation_alone():
    without = labelled(splits=(0, 1))  # nothing to test
    with pytest.warns(UserWarning, match="nothing was tested"):
        run = run_of(without, "triple_accuracy")
    assert 0 <= run.metrics["valid"]["triple_accuracy"] <= 1
    data = ring()
    denied = data["entity", "denied", "entity"]
    denied.split = torch.zeros_like(denied.split)
    with pytest.raises(UserError, match=r"Triple classification needs .* the valid split has no denied"):
        run_of(data, "triple_f1")


class Later(Evaluator):
    """A user's own: highest in the third epoch."""

    validated = ("turn", "error")
    falling = ("error",)
    seen = 0

    def validate(self, model, testbed):
        type(self).seen += 1
        return {"turn": -abs(3.0 - self.seen), "error": 1.0}

    def forward(self, model, testbed):
        return Findings({"seen": self.seen})


def test_an_evaluator_of_ones_own_chooses():
    Later.seen = 0
    run = run_of(ring(), "turn", evaluation=Evaluation(evaluators=[Later()]))
    assert run.result["best_epoch"] == 3
    assert run.metrics["test"]["Later"]["seen"] == 5  # four epochs, and the figures of the best at the end
    assert run.metrics["valid"]["mrr"] > 0
    with pytest.raises(UserError, match=r"fit\.metric is 'error', which falls as a model gets better by Later"):
        run_of(ring(), "error", evaluation=Evaluation(evaluators=[Later()]))
    with pytest.raises(UserError, match=r"no metric 'turn' \(fit\.metric\)"):
        run_of(ring(), "turn")


class Given(Evaluator):
    """A user's own, which gives what a test says."""

    validated: tuple[str, ...] = ("mine",)
    gives: object = {"mine": 0.5}

    def validate(self, model, testbed):
        return self.gives

    def forward(self, model, testbed):
        return Findings({"seen": 1})


@pytest.mark.parametrize("value", [torch.tensor(0.5), torch.tensor([0.5]), np.float32(0.5), np.array(0.5), 0.5])
def test_any_number_will_do_and_is_written_as_a_number(tmp_path, monkeypatch, value):
    monkeypatch.setattr(Given, "gives", {"mine": value})
    run_of(ring(), "mine", tmp_path / "run", evaluation=Evaluation(evaluators=[Given()]))
    assert json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]["valid"]["mine"] == 0.5


@pytest.mark.parametrize(
    ("gives", "words"),
    [
        ({"mine": "0.5"}, r"Given\.validate gives '0\.5' for mine: return a number"),
        ({"mine": None}, r"Given\.validate gives None for mine: return a number"),
        ({"mine": torch.ones(2)}, r"Given\.validate gives .* for mine: return a number"),
        (None, r"Given\.validate gives None: it has to return a dict of 'mine' \(validated\)"),
        ({}, r"Given\.validate gives nothing: it has to return a dict of 'mine'"),
        ({"mine": 0.5, "mrr": 0.9}, r"Given\.validate gives 'mine', 'mrr': it has to return a dict of 'mine'"),
        ({"mine": float("inf")}, r"The validation metric 'mine' is infinite after epoch 1"),
        ({"mine": float("nan")}, r"The validation metric 'mine' is not a number after epoch 1"),
    ],
)
def test_what_is_no_figure_is_refused_in_a_sentence(monkeypatch, gives, words):
    monkeypatch.setattr(Given, "gives", gives)
    with pytest.raises(UserError, match=words):
        run_of(ring(), "mine", evaluation=Evaluation(evaluators=[Given()]))


@pytest.mark.parametrize(("name", "whose"), [("mrr", "Ranking"), ("hits@10", "Ranking"), ("pair_f1", "Given")])
def test_a_name_is_of_one_evaluator(monkeypatch, name, whose):
    """No evaluator overwrites a figure of another one."""
    monkeypatch.setattr(Given, "validated", (name, "other"))
    with pytest.raises(UserError, match=rf"the validation metric '{name}' of \w+ is one of {whose} too"):
        run_of(ring(), name, evaluation=Evaluation(evaluators=[Given()]))


@pytest.mark.filterwarnings("ignore:On data, run leads")
def test_a_report_rings_the_best_of_what_chose(tmp_path):
    run_of(labelled(), "triple_f1", tmp_path / "run")
    told = read(tmp_path / "run")
    assert "Validation triple_f1 (ringed: best)" in page([told])
    run_of(labelled(), "mrr", tmp_path / "other")
    assert "Validation MRR (ringed: best)" in page([told, read(tmp_path / "other")])


def test_a_metric_that_was_meant_is_told():
    for asked, meant in (("triple_acuracy", "triple_accuracy"), ("hits@100", "hits@10"), ("pair_f", "pair_f1")):
        with pytest.raises(UserError, match=rf"no metric '{asked}' \(fit\.metric\): did you mean .*'{meant}'"):
            run_of(labelled(), asked)


def test_names_without_figures_are_refused_where_the_class_is_written():
    with pytest.raises(TypeError, match=r"Spelt\.validated is 'one': give a tuple of names"):
        type("Spelt", (Evaluator,), {"validated": "one", "forward": lambda self, model, testbed: None})
    with pytest.raises(TypeError, match=r"Nameless names validation metrics \(validated\): give it a method validate"):
        type("Nameless", (Evaluator,), {"validated": ("one",), "forward": lambda self, model, testbed: None})


def test_trials_are_chosen_by_it(tmp_path, monkeypatch):
    monkeypatch.setattr("gnnneg.experiment.settings.datasets.graphs", lambda *_: [labelled()])
    tree = parse_yaml(SMALL % "UMLS", "")
    tree["fit"]["metric"] = "triple_accuracy"
    tree["tune"] = {"optimizer.lr": {"low": 0.01, "high": 1.0, "log": True}}
    study = tune(tree, 3, startup=2, seeds=1, out=tmp_path / "study", progress=False)
    assert study.best.metrics["valid"]["triple_accuracy"] == study.trials["triple_accuracy"].max()
    for path in (tmp_path / "study" / "trials").glob("*/result.json"):
        assert set(json.loads(path.read_text())["metrics"]) == {"valid"}
