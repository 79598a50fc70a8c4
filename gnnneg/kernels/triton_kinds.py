"""The term of one coordinate for the Triton kernels: the same as ``kinds.py``, in Triton."""

from typing import no_type_check

import triton
import triton.language as tl

INNER = tl.constexpr(0)  # the numbers of kinds.py, as constants for Triton
L1 = tl.constexpr(1)
L2 = tl.constexpr(2)
MODULUS = tl.constexpr(3)
PHASE = tl.constexpr(4)

TURN = tl.constexpr(0.15915494309189535)  # 1 / 2 pi
TINY = tl.constexpr(1.1754943508222875e-38)  # the smallest normal float32


@triton.jit
@no_type_check
def half_turns(x):
    """An angle in turns, reduced to [-1/2, 1/2]."""
    turns = x * TURN
    return turns - tl.floor(turns + 0.5)


@triton.jit
@no_type_check
def sine(turns):
    """|sin(x / 2)| of half_turns, by the polynomial of kinds.py. The library sine spills registers to handle large
    angles.
    """
    u = tl.abs(turns)
    z = u * u
    p = z * 4.663028e-4 - 7.370430946e-3
    p = p * z + 8.214588661e-2
    p = p * z - 5.992645293e-1
    p = p * z + 2.550164040
    p = p * z - 5.167712780
    p = p * z + 3.141592654
    return p * u


@triton.jit
@no_type_check
def cosine(turns):
    """cos(x / 2) of half_turns, by the polynomial of kinds.py."""
    z = turns * turns
    p = z * -1.046381e-4 + 1.929574309e-3
    p = p * z - 2.580689139e-2
    p = p * z + 2.353306303e-1
    p = p * z - 1.335262769
    p = p * z + 4.058712126
    p = p * z - 4.934802201
    return p * z + 1.0


@triton.jit
@no_type_check
def term(kind: tl.constexpr, own_x, other_x, own_y, other_y):
    """The term of one coordinate. For L2, the root of the sum is still to be taken."""
    if kind == INNER:
        found = own_x * other_x
    else:
        x = own_x - other_x
        if kind == L1:
            found = tl.abs(x)
        elif kind == L2:
            found = x * x
        elif kind == PHASE:
            found = sine(half_turns(x))
        else:
            y = own_y - other_y
            found = tl.sqrt(x * x + y * y)
    return found


@triton.jit
@no_type_check
def slope(kind: tl.constexpr, grad, own_x, other_x, own_y, other_y):
    """``grad`` times the derivative of the sum by ``own``. For L2, ``grad`` is already divided by the distance."""
    x = own_x - other_x
    along_y = x * 0
    if kind == INNER:
        along_x = grad * other_x + along_y
    elif kind == L1:
        along_x = signed(grad, x)
    elif kind == L2:
        along_x = grad * x
    elif kind == PHASE:
        turns = half_turns(x)
        along_x = signed(grad * 0.5 * cosine(turns), turns)
    else:
        y = own_y - other_y
        scale = grad * tl.rsqrt(tl.maximum(x * x + y * y, TINY))  # finite at zero, so that the subgradient is zero
        along_x, along_y = scale * x, scale * y
    return along_x, along_y


@triton.jit
@no_type_check
def signed(value, by):
    """``value`` with the sign of ``by``; zero at zero, as the subgradient of a kink."""
    return tl.where(by > 0, value, 0.0) - tl.where(by < 0, value, 0.0)
