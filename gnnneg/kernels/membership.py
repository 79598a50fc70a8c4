"""Tests whether candidates are in the query's sorted row of known answers: a search within one short row, not all
keys.
"""

from typing import no_type_check

import numba
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.kernels.bisection import bisect, bisected
from gnnneg.kernels.devices import has_triton
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.operator import operator
from gnnneg.kernels.parts import in_parts, slices
from gnnneg.kernels.threads import launch

CELLS = 1 << 24  # candidates that are handled at a time where there is no kernel


def member_reference(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` is in ``answer[begin[i]:end[i]]``, in plain torch; any device."""
    if not answer.numel():
        return torch.zeros(begin.size(0), index.size(1), dtype=torch.bool, device=index.device)
    place = bisected(answer, begin[:, None], end[:, None], index.expand(begin.size(0), -1))
    return (place < end[:, None]) & (answer[place.clamp(max=answer.numel() - 1)] == index)


def member_in_parts(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """The same, a few columns at a time, so that no temporary has more than :obj:`CELLS` numbers."""
    out = torch.empty(begin.size(0), index.size(1), dtype=torch.bool, device=index.device)
    columns = slices(index.size(1), begin.size(0), CELLS)
    in_parts([out], lambda some: [member_reference(answer, begin, end, index[:, some])], columns, ())
    return out


@kernel(parallel=True)
@no_type_check
def _place(answer, begin, end, index, out):
    for i in numba.prange(begin.size):
        mine = index[i] if index.shape[0] > 1 else index[0]
        for j in range(mine.size):
            out[i, j] = bisect(answer, begin[i], end[i], mine[j], False)


@kernel(parallel=True)
@no_type_check
def _private(answer, begin, end, index, out):
    for i in numba.prange(begin.size):
        for j in range(index.shape[1]):
            place = bisect(answer, begin[i], end[i], index[i, j], False)
            out[i, j] = place < end[i] and answer[place] == index[i, j]


@kernel(parallel=True)
@no_type_check
def _shared(answer, begin, end, sorted_index, column, out):
    k = sorted_index.size
    for i in numba.prange(begin.size):
        length = end[i] - begin[i]
        if length <= k:  # look up each known answer among the candidates; a candidate may occur twice
            for a in range(begin[i], end[i]):
                place = bisect(sorted_index, 0, k, answer[a], False)
                while place < k and sorted_index[place] == answer[a]:
                    out[i, column[place]] = True
                    place += 1
        else:
            for j in range(k):
                place = bisect(answer, begin[i], end[i], sorted_index[j], False)
                out[i, column[j]] = place < end[i] and answer[place] == sorted_index[j]


@operator(
    "first_at_least",
    lambda answer, begin, end, index: index.new_empty(begin.size(0), index.size(1), dtype=torch.long),
)
def _first_at_least(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor) -> Tensor:
    if has_triton(answer):
        from gnnneg.kernels import triton_membership  # imported late: it needs a device to compile for

        with torch.cuda.device_of(answer):
            return triton_membership.search(answer, begin, end, index, torch.long)
    if answer.device.type != "cpu":
        return bisected(answer, begin[:, None], end[:, None], index.expand(begin.size(0), -1))
    out = torch.empty(begin.size(0), index.size(1), dtype=torch.long)
    launch(_place, answer.contiguous(), begin.contiguous(), end.contiguous(), index.contiguous(), out)
    return out


@operator(
    "member",
    lambda answer, begin, end, index: index.new_empty(begin.size(0), index.size(1), dtype=torch.bool),
)
def _member(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor) -> Tensor:
    if has_triton(answer):
        from gnnneg.kernels import triton_membership

        with torch.cuda.device_of(answer):
            return triton_membership.search(answer, begin, end, index, torch.bool)
    if answer.device.type != "cpu":
        return member_in_parts(answer, begin, end, index)
    out = torch.zeros(begin.size(0), index.size(1), dtype=torch.bool)
    rows = answer.contiguous(), begin.contiguous(), end.contiguous()
    if index.size(0) == 1 and begin.size(0) > 1:
        sorted_index, column = index[0].sort()
        launch(_shared, *rows, sorted_index, column, out)
    else:
        launch(_private, *rows, index.contiguous(), out)
    return out


def first_at_least(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Int[Tensor, "b k"]:
    """The position in the sorted ``answer[begin[i]:end[i]]`` of the first entry of at least ``index[i, j]``, or
    ``end[i]``.

    Cost: a binary search in one row for each number, all in one kernel; the host does not wait.
    """
    return _first_at_least(answer, begin, end, index)


def member(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` (or ``index[0, j]``) is in the sorted ``answer[begin[i]:end[i]]``.

    Cost: a binary search in one row for each candidate, all in one kernel, and only the memory of the result. On CPU
    with shared candidates, one look-up for each known answer of the batch. The host does not wait.
    """
    return _member(answer, begin, end, index)
