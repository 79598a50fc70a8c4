"""What the scoring kernels compute of one coordinate, and its derivative: the only place where the kinds differ.

A *kind* is a small integer that the kernels branch on outside their loops. The functions here are always inlined,
so that each branch compiles to a loop of its own.

Complex vectors have two parts, ``x`` real and ``y`` imaginary; real ones leave ``y`` alone.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

INNER, L1, L2, MODULUS = 0, 1, 2, 3

# sums may be reordered to vectorise; NaN and infinity keep their meaning
ORDER = {"reassoc", "nsz", "contract", "arcp"}


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def term(kind, own_x, other_x, own_y, other_y):
    """The summand of one coordinate. Under L2 the sum still needs its root."""
    if kind == INNER:
        return own_x * other_x
    x = own_x - other_x
    if kind == L1:
        return abs(x)
    if kind == L2:
        return x * x
    y = own_y - other_y
    return np.sqrt(x * x + y * y)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def slope(kind, grad, own_x, other_x, own_y, other_y):
    """``grad`` times the derivative of the sum by ``own``. Under L2 ``grad`` comes divided by the distance."""
    zero = grad * 0
    if kind == INNER:
        return grad * other_x, zero
    x = own_x - other_x
    if kind == L1:
        return (grad if x > 0 else zero) - (grad if x < 0 else zero), zero
    if kind == L2:
        return grad * x, zero
    y = own_y - other_y
    square = x * x + y * y
    scale = grad / np.sqrt(square) if square > 0 else zero  # the subgradient at zero is zero
    return scale * x, scale * y


def divided(kind: int, grad: Tensor, value: Tensor) -> Tensor:
    """``grad`` as :func:`slope` takes it: under L2 divided by the distance, the derivative of a root."""
    return torch.where(value > 0, grad / value, 0) if kind == L2 else grad
