"""Pair classification: do the vectors of two entities show whether the two belong together?"""

from collections.abc import Callable
from itertools import product
from typing import Any, ClassVar

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from gnnneg.data.statements import PAIR, POLARITIES
from gnnneg.errors import MissingExtra, UserError
from gnnneg.evaluation.asking import representations
from gnnneg.evaluation.classification import auroc
from gnnneg.evaluation.entity_ranking import Split
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.held_back import truth
from gnnneg.evaluation.strata import degree
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model
from gnnneg.kernels.unique import numbered_rows

TREES, FOLDS, STATE = 100, 5, 42
MORE = "use a data set with more labelled pairs"

Features = Callable[[Tensor, Tensor], Tensor]


def hadamard(x: Float[Tensor, "m d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
    """The product coordinate by coordinate; it does not depend on the order of the two."""
    return x * y


def concatenation(x: Float[Tensor, "m d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "m e"]:
    """One vector after the other."""
    return torch.cat([x, y], 1)


class PairClassification(Evaluator):
    """:func:`pair_classification` of the data set's labelled pairs, with controls.

    If a run holds pairs back for choosing settings (``evaluation.pairs_held_back``), ``split="valid"`` is these, and
    ``split="test"`` all others. No forest sees pairs of both.

    It gives a table of all pairs and of degree-matched pairs. The controls for the model's ``vectors`` are ``random``
    vectors of the same width, which only identify entities, and the ``counts`` of stated and denied training
    statements. Figures are missing if too few pairs match.

    If ``fit.metric`` is ``pair_f1``, ``pair_f1_mean``, ``pair_accuracy`` or ``pair_auroc``, training is validated on
    the pairs that are held back: by the product of two vectors, without controls.

    Args:
        split (str): ``"valid"`` for the pairs that are held back, ``"test"`` for all others. (default: :obj:`"test"`)

    Raises:
        UserError: If it is ``"train"``: there is nothing to train on pairs.
    """

    validated: ClassVar[tuple[str, ...]] = ("pair_f1", "pair_f1_mean", "pair_accuracy", "pair_auroc")

    def __init__(self, split: Split = "test"):
        super().__init__()
        if split == "train":
            raise UserError("PairClassification: split is 'train': labelled pairs are of valid or test.")
        self.split = split

    def refuse(self, testbed: Testbed) -> None:
        if PAIR not in testbed.data.edge_types:
            raise UserError(
                "The data set has no labelled pairs of entities to classify: use one such as GO-NegStatements."
            )
        if self.split == "valid" and not testbed.pairs_held_back:
            raise UserError(
                "No labelled pairs are held back for validation: give evaluation.pairs_held_back a share, such as 0.25."
            )
        for split in ("valid", "test") if testbed.pairs_held_back else (self.split,):  # what one has, the other lacks
            _refuse_few(
                truth(testbed.pairs(split)[1]),
                "change evaluation.pairs_held_back" if testbed.pairs_held_back else MORE,
            )

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        pairs, label = testbed.pairs(self.split)
        rng, vector = testbed.draws(), representations(model, testbed.graph_for(model))
        count = torch.stack([degree(testbed.statements("train", p), testbed.num_nodes) for p in POLARITIES], 1)
        known = {"vectors": vector, "random": torch.randn(vector.shape, generator=rng), "counts": count.float()}
        chosen = {"all": torch.arange(label.numel()), "degree-matched": matched(pairs, label, count, rng)}
        rows = []
        for (which, row), (what, of), features in product(chosen.items(), known.items(), (hadamard, concatenation)):
            if which == "all" or row.numel() >= 2 * FOLDS:
                figures, _ = pair_classification(of, pairs[:, row], label[row], features)
            else:  # nothing is left to classify
                figures = {"pairs": row.numel(), "positive": row.numel() // 2}
            rows.append({"among": which, "of": what, "features": features.__name__, **figures})
        return Findings({}, pd.DataFrame(rows), remarks=self._remarks(label.numel(), testbed))

    def validate(self, model: Model, testbed: Testbed) -> dict[str, float]:
        """The figures of the product of the model's vectors during training, without controls."""
        pairs, label = testbed.pairs(self.split)
        figures, _ = pair_classification(representations(model, testbed.graph_for(model)), pairs, label)
        return {name: figures[name.removeprefix("pair_")] for name in self.validated}

    def _remarks(self, count: int, testbed: Testbed) -> tuple[str, ...]:
        if not testbed.pairs_held_back:
            return ()
        total = testbed.data[PAIR].edge_label.numel()
        which = "held back for choosing settings" if self.split == "valid" else "not held back for choosing settings"
        return (f"{count:,} of {total:,} labelled pairs, which are {which}.",)


def pair_classification(
    vector: Float[Tensor, "n d"],
    pairs: Int[Tensor, "2 m"],
    label: Shaped[Tensor, "m"],
    features: Features = hadamard,
    *,
    seed: int = 42,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """A random forest on features of a pair, over five stratified folds.

    The protocol of `"Improving Knowledge Graph Embeddings through Contrastive Learning with Negative Statements"
    <https://arxiv.org/abs/2510.11868>`_ on GO: 100 trees, and the median of the five weighted F1 scores. The model
    behind the vectors has never seen the labels. But a forest also learns which entities occur in positive pairs, and
    an entity's number of statements may be enough to predict the label. Compare with random vectors and with counts of
    statements in place of vectors, and look at :func:`matched` pairs. (On GO-NegStatements, random vectors of 50
    numbers give .53 with :func:`hadamard` and .72 with :func:`concatenation`, four counts .71.)

    Args:
        vector (torch.Tensor): A vector of each entity, as from :func:`~gnnneg.evaluation.representations`.
        pairs (torch.Tensor): The two entities of each pair.
        label (torch.Tensor): 1 if they belong together, otherwise 0.
        features (Callable): Makes ``(m, e)`` features from the vectors of both ends, such as :func:`hadamard` and
            :func:`concatenation`. (default: :func:`hadamard`)
        seed (int): Seed for shuffling the pairs before the split into folds; the forest's own seed is 42.
            (default: :obj:`42`)

    Returns:
        ``f1`` (the median over folds of weighted F1), ``f1_mean`` and ``f1_std``, the means of ``accuracy`` and
        ``auroc``, and the numbers of ``pairs`` and of ``positive`` ones among them; and a table by fold.

    Raises:
        UserError: If labels are not 0 and 1, a fold would lack one of them, or a vector is not finite.
        MissingExtra: If scikit-learn is not installed.
    """
    belongs = truth(label)
    _refuse_few(belongs, MORE)
    x = features(vector[pairs[0]], vector[pairs[1]])
    if not bool(x.isfinite().all()):
        raise UserError("A vector is not finite: the model has diverged, so train more gently.")
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import f1_score
        from sklearn.model_selection import StratifiedKFold
    except ImportError as error:
        raise MissingExtra("plot", "Pair classification") from error
    rows = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (train, test) in enumerate(folds.split(x.numpy(), belongs.numpy())):
        forest = RandomForestClassifier(TREES, random_state=STATE, n_jobs=torch.get_num_threads())
        forest.fit(x[train].numpy(), belongs[train].numpy())
        share = torch.from_numpy(forest.predict_proba(x[test].numpy())[:, 1])
        called, right = forest.predict(x[test].numpy()), belongs[test]
        rows.append(
            {
                "fold": number,
                "f1": float(f1_score(right.numpy(), called, average="weighted")),
                "accuracy": float((torch.from_numpy(called) == right).double().mean()),
                "auroc": auroc(share, right),
                "trained": len(train),
                "tested": len(test),
            }
        )
    table = pd.DataFrame(rows)
    figures = {
        "f1": float(table["f1"].median()),
        "f1_mean": float(table["f1"].mean()),
        "f1_std": float(table["f1"].std()),
        "accuracy": float(table["accuracy"].mean()),
        "auroc": float(table["auroc"].mean()),
        "pairs": belongs.numel(),
        "positive": int(belongs.sum()),
    }
    return figures, table


def matched(
    pairs: Int[Tensor, "2 m"],
    label: Shaped[Tensor, "m"],
    degree: Int[Tensor, "n *c"],
    rng: torch.Generator | None = None,
) -> Int[Tensor, "k"]:
    r"""Pairs such that positive and negative ones have the same degrees at both ends, in bins :math:`\lfloor \log_2(1 +
    d) \rfloor`. Then an entity's number of statements does not tell them apart.

    In each combination of bins the same number of positive and negative pairs stay; pairs of the more frequent label
    are drawn at random.

    Args:
        pairs (torch.Tensor): The two entities of each pair.
        label (torch.Tensor): 1 where they belong together, else 0.
        degree (torch.Tensor): The number of statements of each entity; with several columns, such as stated and denied,
            all columns are matched.
        rng (torch.Generator, optional): Draws.

    Returns:
        The positions of the pairs that stay, ascending.

    Raises:
        UserError: If labels are not 0 and 1.
    """
    belongs = truth(label)
    level = torch.frexp((degree.view(degree.size(0), -1) + 1).double()).exponent  # exact where a logarithm may round
    _, cell = numbered_rows(*torch.cat([level[pairs[0]], level[pairs[1]]], 1).T)
    group = 2 * cell + belongs.long()
    count = group.bincount(minlength=2 * int(cell.max()) + 2 if cell.numel() else 2)
    order = torch.randperm(group.numel(), generator=rng)
    order = order[group[order].argsort(stable=True)]
    first = count.cumsum(0) - count
    place = torch.arange(group.numel()) - first[group[order]]
    quota = count.view(-1, 2).amin(1)
    return order[place < quota[cell[order]]].sort().values


def _refuse_few(belongs: Bool[Tensor, "m"], advice: str) -> None:
    """Refuses labels of which a fold would lack one."""
    positive = int(belongs.sum())
    if min(positive, belongs.numel() - positive) < FOLDS:
        raise UserError(
            f"{FOLDS} stratified folds need {FOLDS} pairs of each label, and there are {positive} positive and "
            f"{belongs.numel() - positive} negative ones: {advice}."
        )
