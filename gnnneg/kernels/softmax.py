"""The weighted log-sum-exp that softmax losses stand on."""

import torch
from jaxtyping import Float
from torch import Tensor


def _forward(score: Tensor, weight: Tensor) -> Tensor:
    if weight.numel() > 1:  # an absent candidate must not set the scale, however high it scores
        score = torch.where(weight > 0, score, -torch.inf)
    top = score.amax(1, keepdim=True).clamp(min=torch.finfo(score.dtype).min)
    total = (score - top).exp_()
    total = total.mul_(weight).sum(1) if weight.numel() > 1 else total.sum(1) * weight[0, 0]
    return total.log_() + top[:, 0]


class _WeightedLogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, score: Tensor, weight: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        value = _forward(score, weight)
        ctx.save_for_backward(score, weight, value)
        return value

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        score, weight, value = ctx.saved_tensors
        # a row without candidates has value -inf; any finite stand-in will do, since its weights are zero
        value = value.clamp(min=torch.finfo(value.dtype).min)
        share = (score - value[:, None]).clamp_(max=80).exp_()  # absent ones may lie far above
        return share.mul_(weight * grad[:, None]), None


def weighted_logsumexp(score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]) -> Float[Tensor, "b"]:
    r"""The logarithm of a weighted sum of exponentials,

    .. math::
        \log \sum_j w_j e^{s_j} .

    Weights carry no gradient. A row whose weights are all zero gives :math:`-\infty` with gradient zero. Cost: one
    temporary as large as the scores forward, one backward.
    """
    return _WeightedLogSumExp.apply(score, weight.detach().to(score.dtype))
