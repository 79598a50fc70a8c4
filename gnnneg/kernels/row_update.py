"""Optimiser steps with a row-sparse gradient: each touched row is summed, read and written once (CPU)."""

from typing import NamedTuple, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.allocation import room_for
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER
from gnnneg.kernels.prefetch import AHEAD, soon
from gnnneg.kernels.rows import as_met, compact
from gnnneg.kernels.threads import launch


class Touched(NamedTuple):
    """The rows of a gradient, and where their values are.

    Row ``row[u]`` has the values ``order[begin[u]]`` to ``order[begin[u + 1] - 1]``, in their original order. So sums
    are identical bit for bit on any number of threads.
    """

    row: Int[Tensor, "u"]
    begin: Int[Tensor, "u1"]
    order: Int[Tensor, "m"]
    value: Float[Tensor, "m d"]


def suits(weight: Tensor, grad: Tensor) -> bool:
    """Whether there is a kernel for this table and this gradient."""
    return (
        grad.is_sparse
        and grad.sparse_dim() == 1
        and weight.device.type == "cpu"
        and weight.dtype == grad.dtype == torch.float32
        and weight.dim() == 2
        and weight.is_contiguous()
    )


def touched(grad: Tensor, ascending: bool = False) -> Touched:
    """The rows of a row-sparse gradient, as they occur or sorted. Cost: linear in its size, and such a sort."""
    index, value = grad._indices()[0], grad._values().contiguous()  # also of a gradient that is not coalesced
    if grad.is_coalesced():
        each = torch.arange(len(index) + 1)
        return Touched(index.contiguous(), each, each[:-1], value)
    row, place = (compact if ascending else as_met)(index, grad.size(0))
    begin, order = torch.empty(len(row) + 1, dtype=torch.long), torch.empty_like(place)
    launch(_group, place, begin, order)
    return Touched(row, begin, order, value)


def merged(grad: Tensor) -> Tensor:
    """The same gradient with each row once, like :meth:`torch.Tensor.coalesce`, in one pass."""
    if grad.is_coalesced() or not suits(grad, grad):
        return grad.coalesce()
    row, begin, order, value = touched(grad, ascending=True)
    out = room_for(value, len(row), value.size(1))
    launch(_merge, begin, order, value, out)
    return torch.sparse_coo_tensor(row[None], out, grad.shape, is_coalesced=True, check_invariants=False)


def row_adagrad(weight: Tensor, total: Tensor, grad: Tensor, lr: float, eps: float) -> None:
    """The step of :class:`~gnnneg.training.RowAdagrad`, in place."""
    numbers = (np.float32(number) for number in (lr, eps))
    launch(_row_adagrad, *touched(grad), weight, total, *numbers)
    torch.autograd.graph.increment_version(weight)


def lazy_adam(
    weight: Tensor, mean: Tensor, square: Tensor, grad: Tensor, betas: tuple[float, float], scales: tuple[float, ...]
) -> None:
    r"""One step of :class:`~gnnneg.training.LazyAdam`, in place.

    Args:
        weight, mean, square (torch.Tensor): The table and its moments.
        grad (torch.Tensor): A row-sparse gradient.
        betas (tuple[float, float]): :math:`\beta_1, \beta_2`.
        scales (tuple[float, float, float]): :math:`\eta / (1 - \beta_1^t)`, :math:`\sqrt{1 - \beta_2^t}` and
            :math:`\epsilon`.
    """
    ones = (1 - betas[0], betas[1], 1 - betas[1])
    launch(_lazy_adam, *touched(grad), weight, mean, square, *(np.float32(number) for number in (*ones, *scales)))
    torch.autograd.graph.increment_version(weight)


@kernel()
@no_type_check
def _group(place, begin, order):
    """Counting sort; equal keys keep their order."""
    begin[:] = 0
    for i in range(place.size):
        begin[place[i] + 1] += 1
    for u in range(begin.size - 1):
        begin[u + 1] += begin[u]
    for i in range(place.size):  # each beginning moves to its end, where the next one began
        order[begin[place[i]]] = i
        begin[place[i]] += 1
    for u in range(begin.size - 1, 0, -1):
        begin[u] = begin[u - 1]
    begin[0] = 0


@numba.njit(forceinline=True)
@no_type_check
def _sum(begin, order, value, u):
    """The gradient of a row; the stored value itself if it occurs once."""
    first, last = begin[u], begin[u + 1]
    if last - first == 1:
        return value[order[first]]
    out = value[order[first]].copy()
    for i in range(first + 1, last):
        other = value[order[i]]
        for j in range(out.size):
            out[j] += other[j]
    return out


@kernel(parallel=True)
@no_type_check
def _merge(begin, order, value, out):
    for u in numba.prange(out.shape[0]):
        out[u] = _sum(begin, order, value, u)


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _row_adagrad(row, begin, order, value, table, total, lr, eps):
    for u in numba.prange(row.size):
        if u + AHEAD < row.size:
            soon(table, row[u + AHEAD])
        grad, weight = _sum(begin, order, value, u), table[row[u]]
        square = np.float32(0)
        for j in range(grad.size):
            square += grad[j] * grad[j]
        total[row[u]] += square / np.float32(grad.size)
        rate = lr / (np.sqrt(total[row[u]]) + eps)
        for j in range(grad.size):
            weight[j] -= rate * grad[j]


@kernel(parallel=True)
@no_type_check
def _lazy_adam(row, begin, order, value, table, mean, square, fresh, old, new, lr, root, eps):
    for u in numba.prange(row.size):
        if u + AHEAD < row.size:
            soon(table, row[u + AHEAD])
            soon(mean, row[u + AHEAD])
            soon(square, row[u + AHEAD])
        grad, weight, first, second = _sum(begin, order, value, u), table[row[u]], mean[row[u]], square[row[u]]
        for j in range(grad.size):
            first[j] += fresh * (grad[j] - first[j])
            second[j] = old * second[j] + new * grad[j] * grad[j]
            weight[j] -= lr * first[j] / (np.sqrt(second[j]) / root + eps)
