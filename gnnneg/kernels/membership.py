"""Is a candidate in the query's sorted row of known answers? A search within one short row, not within all keys."""

from typing import no_type_check

import numba
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.kernels.devices import has_triton
from gnnneg.kernels.threads import launch

CELLS = 1 << 24  # candidates at a time, where there is no kernel


def first_at_least_reference(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Int[Tensor, "b k"]:
    """The same by branch-free bisection in plain torch; any device. The host waits for nothing."""
    index = index.expand(begin.size(0), -1)
    low, high = begin[:, None].expand_as(index), end[:, None].expand_as(index)
    last = max(answer.numel() - 1, 0)
    for _ in range(answer.numel().bit_length()):  # no row is longer; to ask how long they are is to wait
        middle = (low + high) // 2
        less = (answer[middle.clamp(max=last)] < index) & (low < high)
        low, high = torch.where(less, middle + 1, low), torch.where(less, high, torch.minimum(middle, high))
    return low.clone()


def member_reference(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` stands in ``answer[begin[i]:end[i]]``, in plain torch."""
    if not answer.numel():
        return torch.zeros(begin.size(0), index.size(1), dtype=torch.bool, device=index.device)
    place = first_at_least_reference(answer, begin, end, index)
    return (place < end[:, None]) & (answer[place.clamp(max=answer.numel() - 1)] == index)


def member_in_parts(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """The same, some columns after the others, so that no temporary has more than :obj:`CELLS` numbers."""
    parts = index.split(max(1, CELLS // max(1, begin.size(0))), 1)
    return torch.cat([member_reference(answer, begin, end, part) for part in parts], 1)


@numba.njit(forceinline=True)
@no_type_check
def _bisect(row, low, high, wanted):
    while low < high:
        middle = (low + high) // 2
        if row[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(parallel=True, cache=True)
@no_type_check
def _place(answer, begin, end, index, out):
    for i in numba.prange(begin.size):
        mine = index[i] if index.shape[0] > 1 else index[0]
        for j in range(mine.size):
            out[i, j] = _bisect(answer, begin[i], end[i], mine[j])


@numba.njit(parallel=True, cache=True)
@no_type_check
def _private(answer, begin, end, index, out):
    for i in numba.prange(begin.size):
        for j in range(index.shape[1]):
            place = _bisect(answer, begin[i], end[i], index[i, j])
            out[i, j] = place < end[i] and answer[place] == index[i, j]


@numba.njit(parallel=True, cache=True)
@no_type_check
def _shared(answer, begin, end, sorted_index, column, out):
    k = sorted_index.size
    for i in numba.prange(begin.size):
        length = end[i] - begin[i]
        if length <= k:  # look each known answer up among the candidates; a candidate may stand there twice
            for a in range(begin[i], end[i]):
                place = _bisect(sorted_index, 0, k, answer[a])
                while place < k and sorted_index[place] == answer[a]:
                    out[i, column[place]] = True
                    place += 1
        else:
            for j in range(k):
                place = _bisect(answer, begin[i], end[i], sorted_index[j])
                out[i, column[j]] = place < end[i] and answer[place] == sorted_index[j]


@torch.library.custom_op("gnnneg::first_at_least", mutates_args=())
def _first_at_least(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor) -> Tensor:
    if has_triton(answer):
        from gnnneg.kernels import triton_membership  # imported where there is a device that it can compile for

        with torch.cuda.device_of(answer):
            return triton_membership.search(answer, begin, end, index, torch.long)
    if answer.device.type != "cpu":
        return first_at_least_reference(answer, begin, end, index)
    out = torch.empty(begin.size(0), index.size(1), dtype=torch.long)
    launch(_place, answer.contiguous(), begin.contiguous(), end.contiguous(), index.contiguous(), out)
    return out


@_first_at_least.register_fake
def _(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor) -> Tensor:
    return index.new_empty(begin.size(0), index.size(1), dtype=torch.long)


@torch.library.custom_op("gnnneg::member", mutates_args=())
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


@_member.register_fake
def _(answer: Tensor, begin: Tensor, end: Tensor, index: Tensor) -> Tensor:
    return index.new_empty(begin.size(0), index.size(1), dtype=torch.bool)


def first_at_least(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Int[Tensor, "b k"]:
    """Where in the sorted ``answer[begin[i]:end[i]]`` the first entry of at least ``index[i, j]`` stands, else ``end``.

    Cost: a bisection of one row each, all in one kernel; the host waits for nothing.
    """
    return _first_at_least(answer, begin, end, index)


def member(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` (or ``index[0, j]``) lies in the sorted ``answer[begin[i]:end[i]]``.

    Cost: a bisection of one row per candidate, all in one kernel, and no memory but for the result; on CPU, with shared
    candidates, one look-up per known answer of the batch. The host waits for nothing.
    """
    return _member(answer, begin, end, index)
