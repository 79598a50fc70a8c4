r"""Scores of mutated candidates in closed form, for scores that are a sum over coordinates.

Let :math:`f_l` be the term of coordinate :math:`l` in the score of a candidate, and :math:`f^+_l` that in the score of
the target. If all candidates of a query share a mask :math:`\kappa`, the mutated score is
:math:`\sum_l \kappa_l f_l + (1 - \kappa_l) f^+_l`. If a mask is drawn for each candidate and keeps a coordinate with
probability :math:`\kappa_l`, this is the mean, and the variance is
:math:`\sum_l \kappa_l (1 - \kappa_l) (f_l - f^+_l)^2`. The expanded square is again a few sums over coordinates.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels.noise import LEAST, noisy, rounding
from gnnneg.records import Mutation


def mutated(
    total: Callable[[Float[Tensor, "b h"] | None, Float[Tensor, "b 1"] | None], Float[Tensor, "b k"]],
    variance: Callable[
        [Float[Tensor, "b h"] | None], tuple[Float[Tensor, "b k"], Float[Tensor, "b 1"], Float[Tensor, "b 1"]]
    ],
    own: Float[Tensor, "b h"],
    mutation: Mutation,
) -> Float[Tensor, "b k"]:
    r"""The sum over coordinates of mutated candidates.

    Args:
        total (Callable): :math:`(w, o) \mapsto o + \sum_l w_l f_l`, ``(b, h), (b, 1) -> (b, k)``; no weights are
            weights of 1.
        variance (Callable): :math:`w \mapsto \sum_l w_l (f_l - f^+_l)^2`, in three parts: the part that differs between
            candidates, the part that is the same for all, and the size of the sums that cancel if a candidate is near
            the target.
        own (torch.Tensor): :math:`f^+`, ``(b, h)``.
        mutation (Mutation): The mutation, with ``(b, h)`` probabilities or one mask for each query.
    """
    keep, whole = mutation.keep, own.sum(1, keepdim=True)
    if mutation.noise is None:
        return total(keep.expand_as(own), ((1 - keep) * own).sum(1, keepdim=True))
    # variances are small differences of large products: not in half precision
    with torch.autocast(own.device.type, enabled=False):
        none = torch.zeros_like(whole)
        if mutation.pace is not None:
            every, (parts, constant, size) = total(None, None), variance(None)
            spread = torch.maximum(parts + constant, rounding(size).clamp(min=LEAST))
            square = (whole - every).detach().clamp(min=0).square()  # one that wins already is left alone
            share = square / (square + mutation.pace**2 * spread.detach())
            mean, spread = torch.lerp(every.to(whole.dtype), whole, share), share * (1 - share) * spread
            return noisy(none, torch.ones_like(whole), mean, spread, none, none, mutation.noise)
        parts, constant, size = variance((keep * (1 - keep)).expand_as(own))
        varied = parts, constant, rounding(size)
        if keep.size(1) == 1:  # one probability for all coordinates: the mean is made of the plain score
            return noisy((1 - keep) * whole, keep, total(None, None), *varied, mutation.noise)
        mean = total(keep, ((1 - keep) * own).sum(1, keepdim=True))
        return noisy(none, torch.ones_like(whole), mean, *varied, mutation.noise)
