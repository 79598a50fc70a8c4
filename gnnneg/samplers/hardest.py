"""The candidates that score highest."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Hardest(Sampler):
    """The candidates that the critic scores highest, absent ones last.

    ``Hardest(Filtered(Uniform(1000)), 10)`` is dynamic hard sampling; ``Hardest(Filtered(All()), k)`` gives *near
    misses*, the entities nearest to where the model expects the answer, and under :class:`Taught` those of a teacher.
    Cost: the scores of what is proposed, without gradient.

    Args:
        proposal (Sampler): Offers the candidates.
        num_negatives (int): How many are kept; all, if fewer are offered.
    """

    def __init__(self, proposal: Sampler, num_negatives: int):
        super().__init__()
        self.proposal, self.num_negatives = proposal, num_negatives

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, generator)
        with torch.no_grad():
            score = critic(offered.index).float().masked_fill(offered.weight == 0, -torch.inf)
        return offered.take(score.topk(min(self.num_negatives, score.size(1)), dim=1).indices)
