"""Softmax cross-entropy that removes suspected false negatives from the negatives' sum."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import below_one, finite, not_negative
from gnnneg.interfaces import Loss
from gnnneg.records import Labels, Weights


class HaSa(Loss):
    r"""The hardness and structure-aware contrastive loss of `"HaSa: Hardness and Structure-Aware Contrastive Knowledge
    Graph Embedding" <https://arxiv.org/abs/2305.10563>`_,

    .. math::
        \ell = - \log \frac{e^{s_0 - m}}{e^{s_0 - m} + \frac{N}{1 - \tau} \max \left( 0, \;
        \mathbb{E}_{p_A} e^{s} - \tau \, \mathbb{E}_{p_F} e^{s} \right)} , \qquad
        p_A(j) \propto w_j e^{\beta s_j} , \quad p_F(j) \propto w_j y_j \, e^{\beta s_j} .

    The model behind it: a share :math:`\tau` of the candidates are false negatives. Candidates with a positive soft
    label are the suspected ones, and represent them (:class:`~gnnneg.labels.PathLabel` suspects entities near the
    anchor). :math:`p_A` and :math:`p_F` carry no gradient; :math:`N` is the sum of weights. At :math:`\tau = \beta = m
    = 0` it is :class:`InfoNCE`. A query without suspected candidates has no second expectation.

    HaSa+ adds the reverse direction, which predicts the query. That is the penalty
    :class:`~gnnneg.penalties.QueryPrediction` with the same margin.

    Cost: :math:`O(b k)`.

    Args:
        prior (float): :math:`\tau`. (default: :obj:`0.0001`)
        hardness (float): :math:`\beta`. (default: :obj:`1.0`)
        margin (float): :math:`m`. (default: :obj:`0.0`)

    Raises:
        UserError: If the prior is not in :math:`[0, 1)`.
    """

    def __init__(self, prior: float = 1e-4, hardness: float = 1.0, margin: float = 0.0):
        super().__init__()
        below_one("HaSa", prior=prior)
        not_negative("HaSa", hardness=hardness)
        finite("HaSa", margin=margin)
        self.prior, self.hardness, self.margin = prior, hardness, margin

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        negative = negative.to(torch.promote_types(negative.dtype, torch.float32))
        there = weight.expand_as(negative)
        suspicion = there * label
        every, false = self._mean(negative, there), self._mean(negative, suspicion)
        # log(e^every - prior e^false), and nothing left where that is below 0
        gap = torch.where((suspicion > 0).any(1), false - every, -torch.inf)
        most = -math.log(self.prior) if self.prior else math.inf
        share = self.prior * gap.clamp(max=most if self.prior else 0).exp()
        left = every + torch.log1p(-share.clamp(max=1 - torch.finfo(share.dtype).eps))
        rest = left + (there.sum(1) / (1 - self.prior)).log()
        first = positive[:, 0] - self.margin
        return torch.logaddexp(first, rest.masked_fill(gap >= most, -torch.inf)) - first

    def _mean(self, score: Float[Tensor, "b k"], weight: Float[Tensor, "b k"]) -> Float[Tensor, "b"]:
        """The log of the mean of ``exp(score)`` by weight and hardness; for a row without candidates any number."""
        logit = self.hardness * score.detach() + weight.log()
        share = torch.where((weight > 0).any(1, keepdim=True), logit, 0.0).log_softmax(1)
        return torch.logsumexp(score + share, 1)
