"""Softmax cross-entropy over a positive and its negatives."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import positive
from gnnneg.errors import UserError
from gnnneg.interfaces import Loss
from gnnneg.kernels.cross_entropy import cross_entropy
from gnnneg.kernels.softmax import softmax_sums
from gnnneg.records import Labels, Weights

MOST = math.log(100)  # of a learned log scale, as in CLIP


class InfoNCE(Loss):
    r"""Softmax cross-entropy, with temperature as in `"Representation Learning with Contrastive Predictive Coding"
    <https://arxiv.org/abs/1807.03748>`_,

    .. math::
        \ell = - \log \frac{e^{s_0 / \tau}}{e^{s_0 / \tau} + \sum_j w_j e^{s_j / \tau}} ,

    the strongest default for link prediction (`Ruffinelli et al. 2020 <https://openreview.net/forum?id=BkxSmlBFvr>`_).
    At :math:`\tau = 1` with every entity as a negative it is 1-vs-all cross-entropy.

    Soft labels :math:`\beta_j` of the negatives add :math:`- \sum_j \beta_j w_j \log p_j` (targets :math:`1, \beta_1,
    \beta_2, \ldots`, not normalised: unbounded label smoothing), where :math:`p_j` is the softmax. The gradient
    vanishes where :math:`s_0 - s_j = \tau \ln (1 / \beta_j)`: a finite margin, which is smaller for doubtful negatives.

    Cost: :math:`O(b k)`; with shared negatives and inner products no matrix of scores is kept.

    Args:
        temperature (float): :math:`\tau`. (default: :obj:`1.0`)
        learnable (bool): Whether :math:`\log(1 / \tau)` is learned, with :math:`1 / \tau` at most 100. If a step of the
            optimiser makes it larger, the next loss sets it back to 100. (default: :obj:`False`)

    Raises:
        UserError: If the temperature is not above 0; if it is learnable and starts below 0.01.
    """

    def __init__(self, temperature: float = 1.0, learnable: bool = False):
        super().__init__()
        positive("InfoNCE", temperature=temperature)
        if learnable and temperature < 0.01:
            raise UserError(
                f"InfoNCE(temperature={temperature}, learnable=True): a learned temperature stays at 0.01 or above: "
                "start there, or leave learnable out."
            )
        self.temperature, self.learnable = temperature, learnable
        self.takes_noise = not learnable and temperature == 1  # a temperature would divide log(k q), too
        if learnable:
            self.log_scale = Parameter(torch.tensor(-math.log(temperature)))

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        scale = self._scale() if self.learnable else 1 / self.temperature
        if self.learnable or self.temperature != 1:
            positive, negative = positive * scale, negative * scale
        positive = positive.squeeze(1)
        rest, total = softmax_sums(negative, weight)
        whole = torch.logaddexp(positive, rest)
        if isinstance(label, Tensor):
            share = (weight * label).expand_as(negative)
            return (1 + share.sum(1)) * whole - positive - torch.linalg.vecdot(share, negative.to(share.dtype))
        if not label:
            return whole - positive
        count = weight.sum(1) if weight.size(1) > 1 else weight[:, 0] * negative.size(1)
        return (1 + label * count) * whole - positive - label * total

    def of_product(
        self,
        positive: Float[Tensor, "b 1"],
        query: Float[Tensor, "b d"],
        candidate: Float[Tensor, "k d"],
        weight: Weights,
    ) -> Float[Tensor, "b"] | None:
        plain = type(self).forward is InfoNCE.forward  # or it is a user's own, which has to see the scores
        if not plain or query.device.type != "cpu" or query.dtype == torch.float16:
            return None
        if self.learnable or self.temperature != 1:
            scale = self._scale() if self.learnable else 1 / self.temperature
            positive, query = positive * scale, (query * scale).to(candidate.dtype)
        return cross_entropy(positive.squeeze(1), query, candidate, weight)

    def _scale(self) -> Float[Tensor, ""]:
        """The learned scale. The parameter itself is clamped, because a clamped value would have no gradient above the
        limit.
        """
        if not self.training:
            return self.log_scale.clamp(max=MOST).exp()
        with torch.no_grad():
            self.log_scale.clamp_(max=MOST)
        return self.log_scale.exp()
