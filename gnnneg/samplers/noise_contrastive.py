"""Negatives as noise of a known distribution."""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Noise, Query


class NoiseContrastive(Sampler):
    r"""Noise-contrastive estimation, `"Noise-contrastive estimation: A new estimation principle for unnormalized
    statistical models" <https://proceedings.mlr.press/v9/gutmann10a.html>`_: the proposal draws :math:`k` candidates
    with probability :math:`q`, and the task turns the scores of the target and the candidates into logits

    .. math::
        s_0 - \log k q_0 , \qquad s_j - \log k q_j .

    Under :class:`~gnnneg.losses.BCE` these are the log-odds that an entity comes from the data and not from the noise.
    The optimum is :math:`s = \log p`: scores become log-probabilities of the answers. The probabilities sum to 1,
    although no sum over all entities is ever computed. Use a model whose scores can be any number; BCE's ``margin`` is
    an offset.

    Under :class:`~gnnneg.losses.InfoNCE` it is sampled softmax with logits :math:`s - \log q` for candidates and target
    alike (:math:`k` cancels). The optimum is :math:`\log p` up to one number for each query. :class:`Corrected`
    corrects the candidates only, for an estimate of the softmax over all entities.

    Candidates of weight 0 (:class:`Filtered`) are left out of the loss, but they count in :math:`k`, because they are
    draws of the noise too. A query without candidates keeps its plain score.

    Cost: the proposal's, and one probability a candidate and target.

    Args:
        proposal (Sampler): Draws independently, and knows the probability of each draw.

    Raises:
        UserError: When drawing, if the proposal does not know it, or can never draw a target; from a task, if this is
            not the outermost sampler, if there are generators, or if the loss is neither BCE nor InfoNCE at temperature
            1.
    """

    gives_noise = True

    def __init__(self, proposal: Sampler):
        super().__init__()
        self.proposal = proposal

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        offered = self.proposal(query, target, critic, rng)
        there, log_k = offered.weight > 0, math.log(max(1, offered.index.size(1)))
        own = self.proposal.log_prob(query, target, critic, target[:, None])
        drawn = self.proposal.log_prob(query, target, critic, offered.index)
        if own.numel() > 1:  # one number for all is that of what was drawn
            own = self._refuse(own, own.isneginf() & there.any(1, keepdim=True))
        # what is not there may have any probability
        noise = Noise(torch.where(own.isneginf(), 0.0, own + log_k), torch.where(there, drawn + log_k, 0.0))
        return Negatives(offered.index, offered.weight, noise)

    def _refuse(self, own: Tensor, never: Tensor) -> Tensor:
        """Refuses a target that is never drawn, if its query has candidates. This check would have to wait for a
        device. On a device the loss becomes NaN instead, which the trainer refuses.
        """
        if own.device.type != "cpu":
            return own.masked_fill(never, torch.nan)
        if never.any():
            raise UserError(
                f"NoiseContrastive({type(self.proposal).__name__}): the proposal never draws some of the targets, so "
                "they would teach nothing: use one that can draw every answer, such as Uniform or Popular."
            )
        return own
