"""The scoring kinds: the term of one coordinate, and its derivative. Kinds differ only in this file.

A *kind* is a small integer. The functions here are always inlined, and the kind is a constant of the calling kernel. So
each kind compiles to its own loops on first use. A new kind is added here and, for CUDA devices, in
``triton_kinds.py``.

Complex vectors have two parts, ``x`` real and ``y`` imaginary; real vectors do not use ``y``.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from numba.extending import register_jitable
from torch import Tensor

INNER, L1, L2, MODULUS, PHASE = 0, 1, 2, 3, 4
WEIGHABLE = L1, PHASE, MODULUS
DISTANCES = L2, *WEIGHABLE
KINDS = INNER, *DISTANCES

# sums may be reordered to vectorise; NaN and infinity keep their meaning
ORDER = {"reassoc", "nsz", "contract", "arcp"}

TURN = np.float32(0.5 / np.pi)  # float32 constants keep the arithmetic in float32


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def half_turns(x):
    r"""The angle :math:`x` in turns, reduced to :math:`[-1/2, 1/2]`."""
    turns = x * TURN
    return turns - np.floor(turns + np.float32(0.5))


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def sine(turns):
    r""":math:`\lvert \sin(x / 2) \rvert = \sin \pi \lvert u \rvert` of :func:`half_turns`, by a Taylor polynomial
    (error 1e-7).
    """
    u = abs(turns)
    z = u * u
    p = np.float32(4.663028e-4)
    p = p * z - np.float32(7.370430946e-3)
    p = p * z + np.float32(8.214588661e-2)
    p = p * z - np.float32(5.992645293e-1)
    p = p * z + np.float32(2.550164040)
    p = p * z - np.float32(5.167712780)
    p = p * z + np.float32(3.141592654)
    return p * u


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def cosine(turns):
    r""":math:`\cos \pi u`, by a Taylor polynomial (error 1e-7)."""
    z = turns * turns
    p = np.float32(-1.046381e-4)
    p = p * z + np.float32(1.929574309e-3)
    p = p * z - np.float32(2.580689139e-2)
    p = p * z + np.float32(2.353306303e-1)
    p = p * z - np.float32(1.335262769)
    p = p * z + np.float32(4.058712126)
    p = p * z - np.float32(4.934802201)
    return p * z + np.float32(1)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def term(kind, own_x, other_x, own_y, other_y):
    """The term of one coordinate. For L2, the root of the sum is still to be taken."""
    if kind == INNER:
        return own_x * other_x
    x = own_x - other_x
    if kind == L1:
        return abs(x)
    if kind == L2:
        return x * x
    if kind == PHASE:
        return sine(half_turns(x))
    y = own_y - other_y
    return np.sqrt(x * x + y * y)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def slope(kind, grad, own_x, other_x, own_y, other_y):
    """``grad`` times the derivative of the sum by ``own``. For L2, ``grad`` is already divided by the distance."""
    zero = grad * 0
    if kind == INNER:
        return grad * other_x, zero
    x = own_x - other_x
    if kind == L1:
        return (grad if x > 0 else zero) - (grad if x < 0 else zero), zero
    if kind == L2:
        return grad * x, zero
    if kind == PHASE:
        turns = half_turns(x)
        pull = grad * np.float32(0.5) * cosine(turns)  # at a kink (a whole turn), the subgradient is zero
        return (pull if turns > 0 else zero) - (pull if turns < 0 else zero), zero
    y = own_y - other_y
    square = x * x + y * y
    scale = grad / np.sqrt(square) if square > 0 else zero  # at zero, the subgradient is zero
    return scale * x, scale * y


@register_jitable(forceinline=True)
@no_type_check
def parts_of(kind: int) -> int:
    """The number of reals in one coordinate."""
    return 2 if kind == MODULUS else 1


@register_jitable(forceinline=True)
@no_type_check
def is_rooted(kind: int) -> bool:
    """Whether the root of the sum over coordinates is still to be taken."""
    return kind == L2


def summed(kind: int, query: Tensor, candidate: Tensor, weight: Tensor | None) -> Tensor:
    """In plain torch: ``(b, d)`` queries, ``(#b, k, d)`` candidates and ``(b, h)`` weights to ``(b, k)``."""
    if kind == INNER:
        return (candidate @ query[:, :, None]).squeeze(2)
    difference = query[:, None] - candidate
    if kind == L2:
        return torch.linalg.vector_norm(difference, dim=2)
    if kind == MODULUS:
        real, imaginary = difference.chunk(2, dim=2)
        # faster than a norm over a strided axis of two; below the clamp the gradient is zero, not NaN
        each = (real.square() + imaginary.square()).clamp(min=torch.finfo(difference.dtype).tiny).sqrt()
    else:
        each = difference.abs() if kind == L1 else (difference / 2).sin().abs()
    return each.sum(2) if weight is None else (each * weight[:, None]).sum(2)


def refuse_weights(kind: int, weight: Tensor | None) -> None:
    """Refuses weights except for L1, MODULUS and PHASE. For inner products, multiply the query by them; L2 can be
    expanded.
    """
    if weight is not None and kind not in WEIGHABLE:
        raise ValueError("The kernels weigh only L1, MODULUS and PHASE: weigh the query of inner products, expand L2.")


def divided(kind: int, grad: Tensor, value: Tensor) -> Tensor:
    """``grad`` in the form of :func:`slope`: for L2 divided by the root, which is the derivative of a root."""
    return torch.where(value > 0, grad / value, 0) if is_rooted(kind) else grad
