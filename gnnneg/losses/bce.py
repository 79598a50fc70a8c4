"""Binary cross-entropy."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import finite
from gnnneg.interfaces import Loss
from gnnneg.records import Labels, Weights


class BCE(Loss):
    r"""Binary cross-entropy of a positive against its negatives, summed,

    .. math::
        \ell = \mathrm{softplus}(-\gamma - s_0) + \sum_j w_j \, \mathrm{softplus}(\gamma + s_j) .

    A soft label :math:`\beta` of the negatives adds :math:`\beta` times the opposite term. With the negatives of
    :class:`~gnnneg.samplers.NoiseContrastive` it is the loss of noise-contrastive estimation.

    Cost: :math:`O(b k)`.

    Args:
        margin (float): :math:`\gamma`, an offset; scores that are never positive (TransE, RotatE) need one.
            (default: :obj:`0.0`)
    """

    takes_noise = True

    def __init__(self, margin: float = 0.0):
        super().__init__()
        finite("BCE", margin=margin)
        self.margin = margin

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        logit = self.margin + negative
        wrong = F.softplus(logit) - label * logit  # = (1 - label) softplus(x) + label softplus(-x)
        return F.softplus(-self.margin - positive).squeeze(1) + (weight * wrong).sum(1)
