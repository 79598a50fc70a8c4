"""Triple classification against scikit-learn on scores full of ties, and thresholds against brute force."""

import math

import pytest
import torch
from evaluation.tabled import NODES, RELATIONS, Tabled, bed, coarse, world
from sklearn import metrics

from gnnneg.errors import UserError
from gnnneg.evaluation import TripleClassification
from gnnneg.evaluation.classification import _figures, auroc, average_precision, judge, scores, thresholds
from gnnneg.records import Triplets


def triplets(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*(torch.tensor(column) for column in zip(*rows)))


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_agrees(levels, seed):
    torch.manual_seed(seed)
    score = torch.randint(levels, (200,)).float() / 7
    label = torch.rand(200) < (score / score.max() + 0.2)
    rel_type = torch.randint(4, (200,))
    fitted = thresholds(score[:100], label[:100], rel_type[:100], 4)
    score, label, rel_type = score[100:], label[100:], rel_type[100:]
    ours, table = judge(fitted, score, label, rel_type)
    called = score.numpy() >= fitted.relation[rel_type].numpy()
    truth = label.numpy()
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(truth, called))
    assert ours["f1"] == pytest.approx(metrics.f1_score(truth, called))
    assert ours["f1_weighted"] == pytest.approx(metrics.f1_score(truth, called, average="weighted"))
    assert ours["precision"] == pytest.approx(metrics.precision_score(truth, called))
    assert ours["recall"] == pytest.approx(metrics.recall_score(truth, called))
    assert ours["auroc"] == pytest.approx(metrics.roc_auc_score(truth, score.numpy()))
    assert ours["average_precision"] == pytest.approx(metrics.average_precision_score(truth, score.numpy()))
    assert ours["count"] == 100
    for row in table.to_dict("records"):
        mine = rel_type == int(row["relation"])
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(truth[mine], called[mine]))
        assert row["auroc"] == pytest.approx(metrics.roc_auc_score(truth[mine], score[mine].numpy()))
        assert (row["stated"], row["denied"]) == (int(label[mine].sum()), int((~label[mine]).sum()))


@pytest.mark.parametrize("seed", range(10))
def test_thresholds_are_the_smallest_of_the_best(seed):
    torch.manual_seed(seed)
    score, label = torch.randint(6, (30,)).float(), torch.rand(30) < 0.5
    rel_type = torch.randint(3, (30,))
    fitted = thresholds(score, label, rel_type, 3)

    def best(mine: torch.Tensor) -> float:
        above = float(torch.nextafter(score[mine].max(), torch.tensor(torch.inf)))
        values = [*score[mine].unique().tolist(), above]
        tried = {v: float(((score[mine] >= v) == label[mine]).float().mean()) for v in values}
        found = min(v for v, accuracy in tried.items() if accuracy == max(tried.values()))
        return max(found, fitted.overall) if found == above else found

    assert fitted.overall == best(torch.ones(30, dtype=torch.bool))
    assert fitted.relation.tolist() == [best(rel_type == r) for r in range(3)]


def test_nothing_of_a_relation_is_true():
    """Relations 1 and 2 are only denied, below the overall threshold and above it; 3 is mostly denied, at the top."""
    score = torch.tensor([0.9, 0.2, 0.7, 0.6, 0.95, 1.0, 2.0, 3.0, 4.0])
    label = torch.tensor([True, False, False, False, False, True, False, False, False])
    rel_type = torch.tensor([0, 0, 1, 1, 2, 3, 3, 3, 3])
    fitted = thresholds(score[:4], label[:4], rel_type[:4], 2)
    assert fitted.relation.tolist() == pytest.approx([0.9, 0.9])
    assert fitted.seen.tolist() == [True, False]
    figures, _ = judge(fitted, score[:4], label[:4], rel_type[:4])
    assert (figures["accuracy"], figures["all_true"]) == (1.0, 0.25)
    figures, table = judge(fitted, torch.tensor([0.7, 0.8]), torch.tensor([False, False]), torch.tensor([1, 1]))
    assert figures["accuracy"] == 1.0
    assert table["fallback"].tolist() == [True]
    whole = thresholds(score, label, rel_type, 4)
    figures, table = judge(whole, score, label, rel_type)
    assert figures["accuracy"] == pytest.approx(8 / 9)  # all but the one of relation 3 below what is denied
    assert table["accuracy"].tolist() == [1, 1, 1, 0.75]
    assert whole.overall > 4  # calling all of it false is right most often
    alone = thresholds(torch.tensor([0.5]), torch.tensor([False]), torch.tensor([0]), 1)
    assert 0.5 < alone.overall < 0.5 + 1e-6
    assert judge(alone, torch.tensor([0.5]), torch.tensor([False]), torch.tensor([0]))[0]["accuracy"] == 1


def test_auroc_beyond_the_integers_of_float32():
    """Two stated ones above 2**24 + 1 denied ones that tie."""
    score = torch.zeros(2**24 + 3, dtype=torch.uint8)
    score[-2:] = 1
    assert auroc(score.half(), score.bool()) == 1.0


def test_a_relation_that_validation_never_saw_takes_the_overall_threshold():
    """Relation 1 is in test alone. Where the CoDEx script calls all of it true, 2 is what parts validation's scores."""
    valid = torch.tensor([1.0, 3.0, 2.0, 1.0]), torch.tensor([False, True, True, False]), torch.tensor([0, 0, 2, 2])
    fitted = thresholds(*valid, 3)
    assert fitted.seen.tolist() == [True, False, True]
    assert fitted.relation.tolist() == [3.0, 2.0, 2.0]
    score, label = torch.tensor([0.5, 1.5, 2.5, 9.0]), torch.tensor([False, False, True, True])
    figures, table = judge(fitted, score, label, torch.ones(4, dtype=torch.long), ["a", "b", "c"])
    assert figures["accuracy"] == 1.0
    assert table.to_dict("records")[0]["fallback"]
    assert table.to_dict("records")[0]["relation"] == "b"


def test_one_sided_labels():
    score = torch.tensor([1.0, 2.0])
    none, all = torch.tensor([False, False]), torch.tensor([True, True])
    assert math.isnan(auroc(score, none))
    assert math.isnan(auroc(score, all))
    assert math.isnan(average_precision(score, none))
    assert average_precision(score, all) == 1
    fitted = thresholds(score, torch.tensor([False, True]), torch.tensor([0, 0]), 1)
    assert judge(fitted, score, none, torch.tensor([0, 0]))[0]["f1"] == 0


def test_from_the_model():
    """Scores 0 to 3 by tail; stated valid tails 2 and 3, denied 0 and 1: the threshold is 2, and test errs once."""
    score = torch.zeros(2, 4, 4)
    score[0] = torch.arange(4.0)
    judged_on = bed(
        4,
        1,
        {"valid": triplets((0, 0, 2), (1, 0, 3)), "test": triplets((2, 0, 3), (2, 0, 1))},
        {"valid": triplets((0, 0, 0), (1, 0, 1)), "test": triplets((3, 0, 0), (3, 0, 1))},
    )
    judged_on.data.relation_names = ["likes"]
    found = TripleClassification()(Tabled(score), judged_on)
    figures, table = found.figures, found.table
    assert (found.rows, found.remarks) == ("relations", ())
    assert figures["accuracy"] == 0.75
    assert (figures["precision"], figures["recall"]) == (1, 0.5)
    assert figures["auroc"] == pytest.approx(3.5 / 4)
    assert table.iloc[0]["relation"] == "likes"
    assert table.iloc[0]["threshold"] == 2


def test_scores_in_batches():
    _, tested = world(0)
    model = Tabled(coarse())
    expected = model.score[tested.rel_type, tested.head_index, tested.tail_index]
    assert torch.equal(scores(model, None, tested, batch_size=4), expected)
    assert model.encoded == 1
    model.score[:] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        scores(model, None, tested)


def test_without_denied_statements():
    _, tested = world(0)
    model, both = Tabled(torch.zeros(2 * RELATIONS, NODES, NODES)), {"valid": tested, "test": tested}
    with pytest.raises(UserError, match="valid split has no denied"):
        TripleClassification()(model, bed(NODES, RELATIONS, both, {"test": tested}))
    with pytest.raises(UserError, match="test split has no denied"):
        TripleClassification()(model, bed(NODES, RELATIONS, both, {"valid": tested}))
    found = TripleClassification()(model, bed(NODES, RELATIONS, both, both))  # all score alike
    assert found.figures["accuracy"] == found.figures["all_true"] == 0.5
    assert "as accurate" in found.remarks[0]


def test_figures_of_nothing_called_true_and_of_nothing_true():
    """What divides by 0 is 0, not 1: nothing called true has no precision and no F1."""
    score = torch.tensor([0.1, 0.2, 0.3, 0.4])
    none, some = torch.zeros(4, dtype=torch.bool), torch.tensor([True, False, True, True])
    found = _figures(none, score, some)
    assert (found["precision"], found["recall"], found["f1"], found["accuracy"]) == (0.0, 0.0, 0.0, 0.25)
    assert found["f1_weighted"] == pytest.approx(0.25 * 2 * 1 / (4 + 1))
    found = _figures(none, score, none)
    assert (found["precision"], found["recall"], found["f1"], found["accuracy"]) == (0.0, 0.0, 0.0, 1.0)
    found = _figures(~none, score, ~none)
    assert (found["precision"], found["recall"], found["f1"], found["f1_weighted"]) == (1.0, 1.0, 1.0, 1.0)
