"""Plain-torch forms where there is no kernel: a few columns at a time, so that no tensor grows too large.

The columns of a result are independent of each other. For gradients, each part is computed again.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

CELLS = 1 << 26  # largest number of elements of a tensor


def slices(size: int, cost: int, most: int | None = None) -> list[slice]:
    """Splits ``size`` columns that need ``cost`` numbers each into slices of at most ``most`` (:obj:`CELLS`)
    numbers.
    """
    step = max(1, (CELLS if most is None else most) // max(1, cost))
    return [slice(begin, min(begin + step, size)) for begin in range(0, size, step)]


def in_parts(
    outs: Sequence[Tensor],
    compute: Callable[..., Iterable[Tensor]],
    columns: Sequence[slice | Tensor],
    given: Sequence[Tensor],
) -> None:
    """Fills ``out[:, some]`` with ``compute(some, *given)`` for each of ``outs``, a few columns at a time."""
    for some in columns:
        for out, found in zip(outs, compute(some, *given), strict=True):
            out[:, some] = found


def pulled_in_parts(
    grads: Sequence[Tensor],
    compute: Callable[..., Iterable[Tensor]],
    columns: Sequence[slice | Tensor],
    given: Sequence[Tensor],
) -> list[Tensor]:
    """The gradients of ``given`` from the gradients of the outputs of :func:`in_parts`."""
    total = [torch.zeros_like(one) for one in given]
    for some in columns:

        def part(*given: Tensor, some: slice | Tensor = some) -> list[Tensor]:
            return list(compute(some, *given))

        # not autograd itself, which records nothing inside an operator
        for whole, found in zip(total, torch.func.vjp(part, *given)[1]([grad[:, some] for grad in grads])):
            whole += found
    return total
