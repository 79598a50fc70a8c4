"""The hinge loss on pairs."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import finite
from gnnneg.interfaces import Loss
from gnnneg.losses.weighting import weighted_mean


class MarginRanking(Loss):
    r"""The margin ranking loss of `"Translating Embeddings for Modeling Multi-relational Data"
    <https://papers.nips.cc/paper/5071>`_, the mean over the negatives of

    .. math::
        \max(0, m + s_j - s_0) .

    A satisfied margin has no gradient, so uniform negatives starve it. A soft label :math:`\beta` of the negatives
    shrinks the margin to :math:`(1 - \beta) m`.

    Args:
        margin (float): :math:`m`. (default: :obj:`1.0`)
    """

    def __init__(self, margin: float = 1.0):
        super().__init__()
        finite("MarginRanking", margin=margin)
        self.margin = margin

    def forward(
        self,
        positive: Float[Tensor, "b 1"],
        negative: Float[Tensor, "b k"],
        weight: Float[Tensor, "w l"],
        label: float | Float[Tensor, "v j"] = 0.0,
    ) -> Float[Tensor, "b"]:
        return weighted_mean(F.relu((1 - label) * self.margin + negative - positive), weight)
