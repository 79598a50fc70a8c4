"""Less weight for candidates that may be true."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.interfaces import Sampler, Scorer, SoftLabel
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed


class Discounted(Composed):
    """Reduces a candidate's weight by the probability that it is true after all.

    Cost: the proposal's, and one label a candidate.

    Args:
        proposal (Sampler): Offers the candidates.
        label (SoftLabel): That probability, such as :class:`~gnnneg.labels.PathLabel`.
    """

    def __init__(self, proposal: Sampler, label: SoftLabel):
        super().__init__()
        self.proposal, self.label = proposal, label

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        return Negatives(offered.index, offered.weight * (1 - self.label(query, offered.index)))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return self.proposal.log_prob(query, target, critic, index)
