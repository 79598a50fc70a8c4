"""No known answer among the negatives, exactly."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed


class Filtered(Composed):
    """Gives weight 0 to candidates that are known answers of the query, including its target.

    Cost: the proposal's, and one search among the known answers a candidate.

    Args:
        proposal (Sampler): Offers the candidates.
        known (KnownAnswers): The facts to filter by. Use training facts only, or the test set leaks into training.
    """

    def __init__(self, proposal: Sampler, known: KnownAnswers):
        super().__init__()
        self.proposal, self.known = proposal, known

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        known = self.known.contains(query, offered.index) | (offered.index == target[:, None])
        return Negatives(offered.index, offered.weight * ~known)

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return self.proposal.log_prob(query, target, critic, index)
