"""Entities a few steps from the anchor."""

from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import FARTHEST, draws, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import neighbours, reached
from gnnneg.records import Query
from gnnneg.samplers.pooled import Pooled


class KHop(Pooled):
    """Entities at the end of a walk of ``hops - 1`` or ``hops`` steps from the anchor, all with equal probability.

    Structure-aware negative sampling, `"Structure Aware Negative Sampling in Knowledge Graphs"
    <https://arxiv.org/abs/2009.11355>`_, from exact sets. The anchor itself is among them, because a walk may return.
    Cost: the sets are computed once, at the start, and kept, four bytes a member. Use :class:`RandomWalk` if they do
    not fit.

    Args:
        known (KnownAnswers): Training facts; steps go in both directions.
        num_negatives (int): Candidates per query.
        hops (int): Longest walk. (default: :obj:`2`)

    Raises:
        UserError: If there are no hops, or the sets would take more than 2 GiB.
    """

    def __init__(self, known: KnownAnswers, num_negatives: int, hops: int = 2):
        super().__init__()
        draws("KHop", num_negatives=num_negatives)
        whole("KHop", 1, FARTHEST, hops=hops)
        self.num_negatives, self.hops = num_negatives, hops
        self.pools = reached(neighbours(known), hops, 1)

    def row(self, query: Query, target: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
        return query.anchor
