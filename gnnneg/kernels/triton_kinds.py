"""What the Triton kernels compute of one coordinate: ``kinds.py`` over again, in Triton's language."""

from typing import no_type_check

import triton
import triton.language as tl

INNER = tl.constexpr(0)  # the numbers of kinds.py, which Triton wants to know to be constants
L1 = tl.constexpr(1)
L2 = tl.constexpr(2)
MODULUS = tl.constexpr(3)
PHASE = tl.constexpr(4)


@triton.jit
@no_type_check
def term(kind: tl.constexpr, own_x, other_x, own_y, other_y):
    """The summand of one coordinate. Under L2 the sum still needs its root."""
    if kind == INNER:
        found = own_x * other_x
    else:
        x = own_x - other_x
        if kind == L1:
            found = tl.abs(x)
        elif kind == L2:
            found = x * x
        elif kind == PHASE:
            found = tl.abs(tl.sin(x * 0.5))
        else:
            y = own_y - other_y
            found = tl.sqrt(x * x + y * y)
    return found


@triton.jit
@no_type_check
def slope(kind: tl.constexpr, grad, own_x, other_x, own_y, other_y):
    """``grad`` times the derivative of the sum by ``own``. Under L2 ``grad`` comes divided by the distance."""
    x = own_x - other_x
    along_y = x * 0
    if kind == INNER:
        along_x = grad * other_x + along_y
    elif kind == L1:
        along_x = tl.where(x > 0, grad, 0.0) - tl.where(x < 0, grad, 0.0)
    elif kind == L2:
        along_x = grad * x
    elif kind == PHASE:
        sine = tl.sin(x * 0.5)
        pull = grad * 0.5 * tl.cos(x * 0.5)
        along_x = tl.where(sine > 0, pull, 0.0) - tl.where(sine < 0, pull, 0.0)  # the subgradient at zero is zero
    else:
        y = own_y - other_y
        square = x * x + y * y
        # the subgradient at zero is zero
        scale = tl.where(square > 0, grad / tl.sqrt(tl.where(square > 0, square, 1.0)), 0.0)
        along_x, along_y = scale * x, scale * y
    return along_x, along_y
