"""The hinge loss on pairs."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import draws, finite
from gnnneg.interfaces import Loss
from gnnneg.losses.weighting import weighted_mean
from gnnneg.records import Labels, Weights


class MarginRanking(Loss):
    r"""The margin ranking loss of `"Translating Embeddings for Modeling Multi-relational Data"
    <https://papers.nips.cc/paper/5071>`_,

    .. math::
        \ell = \frac{1}{k} \sum_j w_j \max(0, m + s_j - s_0) .

    :math:`k` is :math:`\sum_j w_j` if it is not given, so that :math:`\ell` is the mean over the negatives. With
    :math:`k = 1` it is their sum, as in the paper. A given :math:`k` need not be the number of negatives: twice as many
    negatives then have twice the effect. A query without negatives has loss 0.

    A satisfied margin has no gradient, so with uniform negatives most terms soon have none. A soft label :math:`\beta`
    of the negatives reduces the margin to :math:`(1 - \beta) m`.

    Cost: :math:`O(b k)`.

    Args:
        margin (float): :math:`m`. (default: :obj:`1.0`)
        k (int, optional): :math:`k`. (default: :obj:`None`, the mean)

    Raises:
        UserError: If a number is out of range.
    """

    def __init__(self, margin: float = 1.0, k: int | None = None):
        super().__init__()
        finite("MarginRanking", margin=margin)
        draws("MarginRanking", k=k)
        self.margin, self.k = margin, k

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        hinge = F.relu((1 - label) * self.margin + negative - positive)
        return weighted_mean(hinge, weight) if self.k is None else (hinge * weight).sum(1) / self.k
