"""Hardness that follows the model's training."""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws, fraction, not_negative
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class SelfPaced(Sampler):
    r"""Takes the hardest of a pool, whose size is adapted until a wanted share of the negatives outscore the target.

    Of the :math:`K` proposed candidates only the first :math:`K_t` are scored, and the hardest :math:`k` of these are
    kept. :math:`\log K_t` rises while fewer negatives than wanted score above their target, and falls while more do. So
    hardness follows the model's training, and no schedule of steps: an untrained model gets random negatives, a good
    one the hardest of all.

    Cost: the scores of the first :math:`K_t` candidates, without gradient.

    Args:
        proposal (Sampler): Offers candidates in no order.
        num_negatives (int): :math:`k`.
        violation (float): The wanted share of negatives above their target. (default: :obj:`0.2`)
        rate (float): Each step changes :math:`\log K_t` by this rate times the difference from the wanted share.
            (default: :obj:`0.5`)
    """

    log_size: Tensor

    def __init__(self, proposal: Sampler, num_negatives: int, violation: float = 0.2, rate: float = 0.5):
        super().__init__()
        draws("SelfPaced", num_negatives=num_negatives)
        not_negative("SelfPaced", violation=violation)
        fraction("SelfPaced", rate=rate)
        self.proposal, self.num_negatives = proposal, num_negatives
        self.violation, self.rate = violation, rate
        self.register_buffer("log_size", torch.tensor(float(num_negatives)).log())

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        most = offered.index.size(1)
        kept = min(self.num_negatives, most)
        size = min(most, max(kept, round(float(self.log_size.exp()))))
        weight = offered.weight.expand(-1, most)[:, :size]
        offered = Negatives(offered.index[:, :size], weight)
        with torch.no_grad():
            score = critic(offered.index).float().masked_fill(weight == 0, -torch.inf)
            top = score.topk(kept, dim=1)
            if self.training:
                above = (top.values > critic(target[:, None]).float()).float().mean()
                log_size = self.log_size + self.rate * (self.violation - above)
                self.log_size.copy_(log_size.clamp(math.log(kept), math.log(most)))
        return offered.take(top.indices)
