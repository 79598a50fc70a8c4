"""The three records that travel between the parts: what is said, what is asked, what is offered as wrong.

Shape letters used in every file: ``b`` queries, ``k`` candidates, ``d`` channels, ``n`` nodes, ``r`` relations,
``m`` generated vectors; ``#b`` means *1 or b*.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Weights = Float[Tensor, "w l"]
"""Weights of candidates, ``(#b, #k)``: 0 means *not there*."""
Labels = float | Float[Tensor, "v j"]
"""Soft labels of candidates, one for all or ``(#b, #k)``."""


class Triplets(NamedTuple):
    """Statements, one a row, in PyG's names: three integer tensors of shape ``(b,)``."""

    head_index: Int[Tensor, "b"]
    rel_type: Int[Tensor, "b"]
    tail_index: Int[Tensor, "b"]


class Query(NamedTuple):
    """What is asked: ``(anchor, rel_type) -> ?``, two integer tensors of shape ``(b,)``.

    ``rel_type`` lies in ``[0, 2 * num_relations)``. The upper half are the inverse relations, so
    ``(tail, rel + num_relations)`` asks for the head, and there is one direction everywhere.
    """

    anchor: Int[Tensor, "b"]
    rel_type: Int[Tensor, "b"]


class Noise(NamedTuple):
    r""":math:`\log k q`, which is taken off scores: of :math:`k` draws each gives an entity with probability :math:`q`.

    Args:
        target (torch.Tensor): That of each query's target, ``(#b, 1)``.
        negatives (torch.Tensor): That of each candidate, ``(#b, #k)``.
    """

    target: Float[Tensor, "t 1"]
    negatives: Float[Tensor, "w l"]


@dataclass(frozen=True)
class Negatives:
    """Candidates taken to be wrong answers.

    The shape says how they are shared: ``index`` of ``(b, k)`` is private to each query, ``(1, k)`` is shared by
    the batch. ``weight`` carries mask, discount and importance correction at once: 0 means *not there*.

    Args:
        index (torch.Tensor): Entities, ``(#b, k)``.
        weight (torch.Tensor): Non-negative weights, ``(#b, #k)``.
        noise (Noise, optional): What the task takes off scores before its loss. (default: :obj:`None`, nothing)
    """

    index: Int[Tensor, "c k"]
    weight: Weights
    noise: Noise | None = None

    def take(self, column: Int[Tensor, "b s"]) -> "Negatives":
        """The candidates at ``column`` ``(b, s)`` of each row, with their weights."""
        rows = column.size(0)
        index = self.index.expand(rows, -1).gather(1, column)
        weight = self.weight.expand(rows, self.index.size(1)).gather(1, column)
        return Negatives(index, weight)


@dataclass(frozen=True)
class Mutation:
    r"""Coordinates of candidates exchanged for those of each query's target.

    Args:
        positive (torch.Tensor, optional): The targets' vectors, ``(b, d)``. With :obj:`None` scores are those of the
            coordinates that stay: of sums over coordinates, all that a softmax sees, whatever the target is.
        keep (torch.Tensor): 1 where a coordinate stays the candidate's, 0 where it becomes the target's: ``(b, h)``
            shared by a query's candidates, or ``(b, k, h)``, where ``h`` is 1, ``d``, or the number of complex
            coordinates. With ``noise``, ``(b, h)`` probabilities of staying; without, anything in between mixes.
        noise (int, optional): Seed of Gaussian noise; scores then have the mean and the variance that masks drawn anew
            for each candidate would give them, and no mask is drawn. (default: :obj:`None`)
        pace (float, optional): With ``noise``: instead of by ``keep``, each candidate is mutated to the share at which
            it beats the target with probability :math:`\Phi(-z)`, for this :math:`z`. (default: :obj:`None`)
    """

    positive: Float[Tensor, "b d"] | None
    keep: Float[Tensor, "b *h"] | Bool[Tensor, "b *h"]
    noise: int | None = None
    pace: float | None = None


@dataclass(frozen=True)
class Made:
    """The scores of negatives that a generator has made, and what its loss term needs besides.

    Args:
        score (torch.Tensor): ``(b, m)``.
        weight (torch.Tensor): As in :class:`Negatives`, ``(#b, #m)``.
        label (float or torch.Tensor): Their soft label, ``(#b, #m)`` if they differ.
        scale (float or torch.Tensor): What the term is multiplied by, ``(#b,)``.
    """

    score: Float[Tensor, "b m"]
    weight: Weights
    label: Labels
    scale: float | Float[Tensor, "s"]


class Path(NamedTuple):
    """A way through the graph, and what it counts for a prediction.

    Args:
        weight (float): The mean of what its steps count.
        steps (list[tuple[int, int, int]]): Source, edge type (an inverse one from ``num_relations`` on) and target.
    """

    weight: float
    steps: list[tuple[int, int, int]]


def ones(index: Int[Tensor, "c k"]) -> Float[Tensor, "1 1"]:
    """The weight that says nothing, ``(1, 1)``."""
    return torch.ones(1, 1, device=index.device)


def asked(triplets: Triplets, num_relations: int, head: bool | Tensor = False) -> tuple[Query, Int[Tensor, "b"]]:
    """The queries that ``triplets`` answer, and their targets.

    Args:
        triplets (Triplets): Statements.
        num_relations (int): Number of relations, inverses not counted.
        head (bool or torch.Tensor): Which side is asked, for all rows or row by row. (default: :obj:`False`)
    """
    head_index, rel_type, tail_index = triplets
    if not isinstance(head, Tensor):
        head = torch.full_like(rel_type, head, dtype=torch.bool)
    anchor = torch.where(head, tail_index, head_index)
    target = torch.where(head, head_index, tail_index)
    return Query(anchor, rel_type + num_relations * head), target
