"""Where random walks from the anchor end."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import FARTHEST, draws, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import neighbours
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class RandomWalk(Sampler):
    """The ends of independent random walks, each from the anchor.

    The walk form of `"Structure Aware Negative Sampling in Knowledge Graphs" <https://arxiv.org/abs/2009.11355>`_ (that
    paper's code continues from the end of the last walk). Only the graph is kept. Each step goes to one of the
    neighbours, all with equal probability; an anchor without neighbours gives weight 0. Cost: ``hops`` look-ups a
    candidate.

    Args:
        known (KnownAnswers): Training facts; steps go in both directions.
        num_negatives (int): Candidates per query.
        hops (int): Steps of a walk. (default: :obj:`2`)

    Raises:
        UserError: If there are no hops.
    """

    def __init__(self, known: KnownAnswers, num_negatives: int, hops: int = 2):
        super().__init__()
        draws("RandomWalk", num_negatives=num_negatives)
        whole("RandomWalk", 1, FARTHEST, hops=hops)
        self.num_negatives, self.hops = num_negatives, hops
        self.near = neighbours(known)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        index = query.anchor[:, None].expand(-1, self.num_negatives)
        for _ in range(self.hops):
            index = self.near.draw(index, rng)
        return Negatives(index, (self.near.length(query.anchor) > 0)[:, None].float())
