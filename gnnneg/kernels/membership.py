"""Is a candidate in the query's sorted row of known answers? A search within one short row, not within all keys."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.kernels.threads import follow_torch


def first_at_least(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Int[Tensor, "b k"]:
    """Where in the sorted ``answer[begin[i]:end[i]]`` the first entry of at least ``index[i, j]`` stands, else ``end``.

    Branch-free bisection in plain torch; any device.
    """
    index = index.expand(begin.size(0), -1)
    low, high = begin[:, None].expand_as(index).clone(), end[:, None].expand_as(index).clone()
    steps = int((end - begin).max()).bit_length() if begin.numel() else 0
    last = max(answer.numel() - 1, 0)
    for _ in range(steps):
        middle = (low + high) // 2
        less = (answer[middle.clamp(max=last)] < index) & (low < high)
        low, high = torch.where(less, middle + 1, low), torch.where(less, high, torch.minimum(middle, high))
    return low


def member_reference(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` stands in ``answer[begin[i]:end[i]]``, in plain torch."""
    place = first_at_least(answer, begin, end, index)
    if not answer.numel():
        return place < place
    return (place < end[:, None]) & (answer[place.clamp(max=answer.numel() - 1)] == index)


def member(
    answer: Int[Tensor, "m"], begin: Int[Tensor, "b"], end: Int[Tensor, "b"], index: Int[Tensor, "c k"]
) -> Bool[Tensor, "b k"]:
    """Whether ``index[i, j]`` (or ``index[0, j]``) lies in the sorted ``answer[begin[i]:end[i]]``.

    Cost: with shared candidates, one look-up per known answer of the batch; else a bisection per candidate.
    """
    if answer.is_cuda:
        return member_reference(answer, begin, end, index)
    follow_torch()
    out = torch.zeros(begin.size(0), index.size(1), dtype=torch.bool)
    args = answer.numpy(), begin.numpy(), end.numpy()
    if index.size(0) == 1 and begin.size(0) > 1:
        sorted_index, column = index[0].sort()
        _shared(*args, sorted_index.numpy(), column.numpy(), out.numpy())
    else:
        _private(*args, np.ascontiguousarray(index.numpy()), out.numpy())
    return out


@numba.njit(parallel=True, cache=True)
@no_type_check
def _private(answer, begin, end, index, out):
    for i in numba.prange(begin.size):
        for j in range(index.shape[1]):
            low, high, wanted = begin[i], end[i], index[i, j]
            while low < high:
                middle = (low + high) // 2
                if answer[middle] < wanted:
                    low = middle + 1
                else:
                    high = middle
            out[i, j] = low < end[i] and answer[low] == wanted


@numba.njit(parallel=True, cache=True)
@no_type_check
def _shared(answer, begin, end, sorted_index, column, out):
    k = sorted_index.size
    for i in numba.prange(begin.size):
        length = end[i] - begin[i]
        if length <= k:  # look each known answer up among the candidates; a candidate may stand there twice
            for a in range(begin[i], end[i]):
                low, high, wanted = 0, k, answer[a]
                while low < high:
                    middle = (low + high) // 2
                    if sorted_index[middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                while low < k and sorted_index[low] == wanted:
                    out[i, column[low]] = True
                    low += 1
        else:
            for j in range(k):
                low, high, wanted = begin[i], end[i], sorted_index[j]
                while low < high:
                    middle = (low + high) // 2
                    if answer[middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                out[i, column[j]] = low < end[i] and answer[low] == wanted
