"""The distinct rows that a step touches, and where each index lies among them."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.kernels.threads import launch

# one scratch map per table size, kept between calls and wiped only where it was touched: O(touched), not O(num_rows)
_scratch: dict[int, Tensor] = {}


def compact(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The distinct rows in ascending order, and the place of each index among them.

    Equals ``torch.unique(index, return_inverse=True)``. Cost on CPU: linear in the indices, plus sorting the distinct
    ones; nothing that grows with ``num_rows`` after the first call.
    """
    if index.is_cuda:
        return torch.unique(index, return_inverse=True)
    flat = index.reshape(-1).contiguous()
    if num_rows not in _scratch:
        _scratch[num_rows] = torch.full((num_rows,), -1, dtype=torch.long)
    row = torch.empty(min(flat.numel(), num_rows), dtype=torch.long)
    place = torch.empty_like(flat)
    count = launch(_compact, flat, _scratch[num_rows], row, place)
    return row[:count], place.view(index.shape)


@numba.njit(cache=True)
@no_type_check
def _compact(index, scratch, row, place):
    count = 0
    for i in range(index.size):
        if scratch[index[i]] < 0:
            scratch[index[i]] = 0
            row[count] = index[i]
            count += 1
    row[:count] = np.sort(row[:count])
    for u in range(count):
        scratch[row[u]] = u
    for i in range(index.size):
        place[i] = scratch[index[i]]
    for u in range(count):
        scratch[row[u]] = -1
    return count
