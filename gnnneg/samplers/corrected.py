"""Candidates weighted by the inverse of their probability."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Corrected(Sampler):
    r"""Weights candidates so that sums over them are estimates of sums over all entities,

    .. math::
        w_j = \frac{w_j}{k \, q(j)} ,

    so that :class:`~gnnneg.losses.InfoNCE` is sampled softmax, `"On Using Very Large Target Vocabulary"
    <https://arxiv.org/abs/1412.2007>`_, with logits :math:`s_j - \log k q_j`: an estimate of 1-vs-all cross-entropy,
    without bias for every proposal.

    Cost: the proposal's, and one probability a candidate.

    Args:
        proposal (Sampler): Draws independently, and knows the probability of each draw.

    Raises:
        UserError: When drawing, if the proposal does not know it; on a CPU, if it draws a candidate to which it gives
            probability 0.
    """

    def __init__(self, proposal: Sampler):
        super().__init__()
        self.proposal = proposal

    @property
    def is_corrected(self) -> bool | None:
        return True

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        log_prob = self.proposal.log_prob(query, target, critic, offered.index)
        if log_prob.device.type == "cpu":  # elsewhere to look at it is to wait for the device
            self._refuse((offered.weight > 0) & log_prob.isneginf())
        weight = offered.weight * (-log_prob).exp() / offered.index.size(1)
        return Negatives(offered.index, torch.where(offered.weight == 0, 0.0, weight))

    def _refuse(self, never: Bool[Tensor, "w l"]) -> None:
        """Refuses candidates of probability 0, whose weight would be infinite."""
        if never.any():
            raise UserError(
                f"Corrected({type(self.proposal).__name__}): a candidate was drawn that the known statements say is "
                "never drawn: give the proposal the statements that are trained on."
            )
