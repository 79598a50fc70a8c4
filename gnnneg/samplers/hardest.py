"""The candidates that score highest."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query

SCORES = 1 << 24  # held at once, 64 MiB


class Hardest(Sampler):
    """Takes the candidates that the critic scores highest (or lowest), absent ones last.

    ``Hardest(Filtered(Uniform(1000)), 10)`` is dynamic hard sampling; ``Hardest(Filtered(All()), k)`` gives *near
    misses*: the wrong entities that the model scores highest, or another model under :class:`WithCritic`. Cost: the
    scores of the proposed candidates, without gradient, in chunks.

    Args:
        proposal (Sampler): Offers the candidates.
        num_negatives (int): Candidates kept per query; all, if fewer are offered.
        likeliest (bool): Whether the highest scores are kept; otherwise the lowest. (default: :obj:`True`)
    """

    def __init__(self, proposal: Sampler, num_negatives: int, likeliest: bool = True):
        super().__init__()
        draws("Hardest", num_negatives=num_negatives)
        self.proposal, self.num_negatives, self.likeliest = proposal, num_negatives, likeliest

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        size = offered.index.size(1)
        kept = min(self.num_negatives, size)
        weight = offered.weight.expand(-1, size)
        best = torch.empty(len(target), 0, device=target.device)
        column = torch.empty(len(target), 0, dtype=torch.long, device=target.device)
        with torch.no_grad():
            for some in torch.arange(size, device=target.device).split(max(kept, SCORES // max(len(target), 1))):
                index = offered.index if len(some) == size else offered.index[:, some]
                score = critic(index).float() if self.likeliest else -critic(index).float()
                score = score.masked_fill(weight[:, some] == 0, -torch.inf)
                best = torch.cat([best, score], dim=1)
                column = torch.cat([column, some.expand(len(target), -1)], dim=1)
                best, place = best.topk(min(kept, best.size(1)), dim=1)
                column = column.gather(1, place)
        return offered.take(column)
