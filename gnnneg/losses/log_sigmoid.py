"""RotatE's loss, with or without self-adversarial weights."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import draws, finite, not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Loss
from gnnneg.losses.weighting import weighted_mean
from gnnneg.records import Labels, Weights


class LogSigmoid(Loss):
    r"""The log-sigmoid loss with margin from `"RotatE: Knowledge Graph Embedding by Relational Rotation in Complex
    Space" <https://arxiv.org/abs/1902.10197>`_,

    .. math::
        \ell = - \tfrac{1}{2} \log \sigma(\gamma + s_0) - \tfrac{1}{2} \sum_j a_j \log \sigma(-\gamma - s_j) ,
        \qquad a_j = \frac{w_j e^{\alpha s_j}}{\sum_i w_i e^{\alpha s_i}} .

    :math:`a` carries no gradient. :math:`\alpha = 0` is the plain mean, :math:`\alpha \to \infty` only the hardest. The
    two halves and the mean are as in the authors' code. Their text has no halves, and a number :math:`k` in place of
    the sum of weights. The option :obj:`k` gives that loss:

    .. math::
        \ell = - \log \sigma(\gamma + s_0) - \frac{1}{k} \sum_j w_j \log \sigma(-\gamma - s_j) .

    With :math:`k = 1` the negatives are summed, and it is :class:`~gnnneg.losses.BCE` with that margin. Twice as many
    negatives then have twice the effect, for any :math:`k`.

    A soft label :math:`\beta` of a negative gives its term weight :math:`1 - \beta` and :math:`\log \sigma(\gamma +
    s_j)` weight :math:`\beta`.

    Cost: :math:`O(b k)`.

    Args:
        margin (float): :math:`\gamma`, an offset that distances need and inner products do not. (default: :obj:`0.0`)
        adversarial (float): :math:`\alpha`. (default: :obj:`0.0`)
        k (int, optional): :math:`k` of the second formula. (default: :obj:`None`, the first formula)

    Raises:
        UserError: If a number is out of range; if both :obj:`adversarial` and :obj:`k` are given, because
            self-adversarial weights add up to 1.
    """

    def __init__(self, margin: float = 0.0, adversarial: float = 0.0, k: int | None = None):
        super().__init__()
        finite("LogSigmoid", margin=margin)
        not_negative("LogSigmoid", adversarial=adversarial)
        draws("LogSigmoid", k=k)
        if adversarial and k is not None:
            raise UserError(
                f"LogSigmoid(adversarial={adversarial}, k={k}): self-adversarial weights add up to 1 and have no k: "
                "give one of the two."
            )
        self.margin, self.adversarial, self.k = margin, adversarial, k

    def forward(
        self, positive: Float[Tensor, "b 1"], negative: Float[Tensor, "b k"], weight: Weights, label: Labels = 0.0
    ) -> Float[Tensor, "b"]:
        if self.adversarial:
            hardness = self.adversarial * negative.detach() + weight.log()
            # shifted by the row's largest, so that no row is lost to underflow; an all-absent row stays at weight 0
            weight = (hardness - hardness.amax(1, keepdim=True).clamp(min=torch.finfo(negative.dtype).min)).exp()
        logit = self.margin + negative
        wrong = F.logsigmoid(-logit)
        if isinstance(label, Tensor) or label:
            wrong = (1 - label) * wrong + label * F.logsigmoid(logit)
        right = F.logsigmoid(self.margin + positive).squeeze(1)
        if self.k is None:
            return -(right + weighted_mean(wrong, weight)) / 2
        return -right - (wrong * weight).sum(1) / self.k
