"""Weighted means in which weight 0 means *absent*."""

import torch
from jaxtyping import Float
from torch import Tensor


def weighted_mean(value: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]) -> Float[Tensor, "b"]:
    """The mean of each row by weight, 0 for a row whose candidates are all absent."""
    weight = weight.expand_as(value)
    return (value * weight).sum(1) / weight.sum(1).clamp(min=torch.finfo(value.dtype).tiny)
