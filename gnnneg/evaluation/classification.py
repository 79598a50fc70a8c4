"""Triple classification: does a threshold on the score tell stated from denied?"""

from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.data.statements import POLARITIES
from gnnneg.errors import UserError
from gnnneg.evaluation.evaluator import Evaluator, Findings, refuse_undenied
from gnnneg.evaluation.predict import of_triplets
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.looking import judging
from gnnneg.records import Triplets

FOLDS = 5  # of validation during training


@dataclass(frozen=True)
class Thresholds:
    """The score from which on a triple counts as true.

    Args:
        relation (torch.Tensor): One for each relation; relations without their own hold ``overall``.
        seen (torch.Tensor): Whether each relation has its own.
        overall (float): The threshold of all relations together.
    """

    relation: Float[Tensor, "r"]
    seen: Bool[Tensor, "r"]
    overall: float

    def call(self, score: Float[Tensor, "b"], rel_type: Int[Tensor, "b"]) -> Bool[Tensor, "b"]:
        """Which triplets count as true."""
        return score >= self.relation[rel_type]


class TripleClassification(Evaluator):
    """Triple classification as in `"Reasoning With Neural Tensor Networks" <https://papers.nips.cc/paper/5028>`_.

    One threshold a relation, chosen on validation for accuracy; AUROC and average precision need no threshold.

    It finds ``accuracy, f1, f1_weighted, precision, recall, auroc, average_precision, all_true, count`` over all test
    triplets, and a table of the same by relation. ``f1`` is that of the stated triplets. ``f1_weighted`` is the mean of
    the F1 of stated and of denied triplets, weighted by their numbers. ``all_true`` is the accuracy of calling every
    triplet true.

    If ``fit.metric`` is ``triple_accuracy``, ``triple_f1``, ``triple_auroc`` or ``triple_average_precision``, training
    is validated on the validation triplets alone, in five folds: each is judged by the thresholds of the other four.
    """

    key = "classification"
    no_split = "Triple classification takes thresholds from valid and judges test"
    validated = ("triple_accuracy", "triple_f1", "triple_auroc", "triple_average_precision")

    def refuse(self, testbed: Testbed) -> None:
        refuse_undenied(testbed, ("valid", "test"), "Triple classification")

    def refuse_validation(self, testbed: Testbed) -> None:
        refuse_undenied(testbed, ("valid",), "Triple classification")

    def validate(self, model: Model, testbed: Testbed) -> dict[str, float]:
        """The figures of validation in folds during training. Chance puts a triplet into a fold, always the same."""
        score, label, rel_type = split_scores(model, testbed, "valid")
        fold = torch.randperm(len(score), generator=testbed.draws()) % FOLDS
        called = torch.zeros_like(label)
        for one in range(FOLDS):
            own, others = fold == one, fold != one
            fitted = thresholds(score[others], label[others], rel_type[others], testbed.num_relations)
            called[own] = fitted.call(score[own], rel_type[own])
        figures = _figures(called, score, label)
        return {name: figures[name.removeprefix("triple_")] for name in self.validated}

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        fitted = thresholds(*split_scores(model, testbed, "valid"), testbed.num_relations)
        figures, table = judge(fitted, *split_scores(model, testbed, "test"), testbed.data.relation_names)
        idle = "Calling every statement true (all_true) is as accurate or more: these thresholds are of no use here."
        return Findings(figures, table, "relations", remarks=(idle,) * (figures["accuracy"] <= figures["all_true"]))


def split_scores(
    model: Model, testbed: Testbed, split: str
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"], Int[Tensor, "b"]]:
    """The result of :func:`labelled` for a split's statements."""
    stated, denied = (testbed.statements(split, polarity) for polarity in POLARITIES)
    return labelled(model, testbed.on(split).graph_for(model), stated, denied)


def scores(model: Model, graph: Data | None, triplets: Triplets, batch_size: int = 1024) -> Float[Tensor, "b"]:
    """The scores of triplets, each as the answer to its tail question, on the CPU; the model encodes once.

    Raises:
        UserError: If a score is NaN.
    """
    with judging(model):
        encoding = model.encode(graph)
        nodes = graph.num_nodes if graph is not None else 0
        score = of_triplets(model, encoding, triplets, nodes, batch_size=batch_size)
    if bool(score.isnan().any()):
        raise UserError("The model scores NaN: it has diverged, so load an earlier checkpoint or train more gently.")
    return score


def labelled(
    model: Model, graph: Data | None, stated: Triplets, denied: Triplets
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"], Int[Tensor, "b"]]:
    """The scores of stated triplets and then of denied ones, whether each is stated, and their relations."""
    both = Triplets(*(torch.cat([a.cpu(), b.cpu()]) for a, b in zip(stated, denied)))
    label = torch.arange(both.head_index.numel()) < stated.head_index.numel()
    return scores(model, graph, both), label, both.rel_type


def thresholds(
    score: Float[Tensor, "b"], label: Bool[Tensor, "b"], rel_type: Int[Tensor, "b"], num_relations: int
) -> Thresholds:
    """The most accurate thresholds on validation: the smallest of the best, among the observed scores and one above
    them all.

    With the threshold above all scores no validation triplet of a relation counts as true. Validation then does not
    show where true ones would begin, so the threshold is no lower than that of all relations together. A relation
    without validation triplets uses the threshold of all relations together. (The script released with `"CoDEx"
    <https://arxiv.org/abs/2009.07810>`_ intends this but does not do it: its default is minus infinity for every
    relation, so all triples of such a relation are called true. It also cannot call everything false.)
    """
    overall = _best(score, label)
    relation = torch.full((num_relations,), overall, dtype=score.dtype)
    seen = torch.zeros(num_relations, dtype=torch.bool)
    for r in rel_type.unique().tolist():
        mine = rel_type == r
        own = _best(score[mine], label[mine])
        seen[r] = own <= float(score[mine].max()) or own >= overall
        relation[r] = own if seen[r] else overall
    return Thresholds(relation, seen, overall)


def judge(
    threshold: Thresholds,
    score: Float[Tensor, "b"],
    label: Bool[Tensor, "b"],
    rel_type: Int[Tensor, "b"],
    relation_names: list[str] | None = None,
) -> tuple[dict[str, float], pd.DataFrame]:
    """The quality of the thresholds on other triplets, over all and by relation (undefined figures are missing)."""
    called = threshold.call(score, rel_type)
    rows = []
    for r in rel_type.unique().tolist():
        mine = rel_type == r
        rows.append(
            {
                "relation": str(r) if relation_names is None else relation_names[r],
                "stated": int(label[mine].sum()),
                "denied": int((~label[mine]).sum()),
                "threshold": float(threshold.relation[r]),
                "fallback": not bool(threshold.seen[r]),
                **_figures(called[mine], score[mine], label[mine]),
            }
        )
    table = pd.DataFrame(rows).drop(columns="count")
    return _figures(called, score, label), table


def auroc(score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> float:
    """The probability that a stated triple scores above a denied one; ties count half. NaN if one of the two kinds is
    missing.
    """
    _, place, length = score.unique(return_inverse=True, return_counts=True)
    rank = (length.cumsum(0) - (length - 1).double() / 2)[place]  # float32 would round ranks above 8 million
    stated, denied = int(label.sum()), int((~label).sum())
    if not stated or not denied:
        return float("nan")
    return float((rank[label].sum() - stated * (stated + 1) / 2) / (stated * denied))


def average_precision(score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> float:
    r"""The precision at every distinct score, weighted by the recall it adds; NaN if nothing is stated.

    .. math::
        \mathrm{AP} = \sum_i (R_i - R_{i-1}) P_i
    """
    if not bool(label.any()):
        return float("nan")
    _, place, length = (-score).unique(return_inverse=True, return_counts=True)
    gained = torch.zeros(length.numel(), dtype=torch.double).index_add_(0, place, label.double())
    precision = gained.cumsum(0) / length.cumsum(0)
    return float((gained * precision).sum() / gained.sum())


def _best(score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> float:
    value, place, length = score.unique(return_inverse=True, return_counts=True)
    stated = torch.zeros_like(length).index_add_(0, place, label.long())
    # true from value[i] on: right are the stated at or above it and the denied below it; last, nothing is true
    right = torch.nn.functional.pad(stated.flip(0).cumsum(0).flip(0), (0, 1))
    right += torch.nn.functional.pad((length - stated).cumsum(0), (1, 0))
    value = torch.cat([value, torch.nextafter(value[-1:], torch.full_like(value[-1:], torch.inf))])
    return float(value[int((right == right.max()).nonzero()[0])])


def _figures(called: Bool[Tensor, "b"], score: Float[Tensor, "b"], label: Bool[Tensor, "b"]) -> dict[str, float]:
    hit, called_true, stated = int((called & label).sum()), int(called.sum()), int(label.sum())
    right, count = int((called == label).sum()), label.numel()
    f1 = 2 * hit / (called_true + stated) if called_true + stated else 0.0
    other = 2 * (right - hit) / (2 * count - called_true - stated) if called_true + stated < 2 * count else 0.0
    return {
        "accuracy": right / count,
        "f1": f1,
        "f1_weighted": (stated * f1 + (count - stated) * other) / count,
        "precision": hit / called_true if called_true else 0.0,
        "recall": hit / stated if stated else 0.0,
        "auroc": auroc(score, label),
        "average_precision": average_precision(score, label),
        "all_true": stated / count,
        "count": count,
    }
