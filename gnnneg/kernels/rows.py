"""The distinct rows that a step touches, and where each index lies among them."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch

# one scratch map per table size, kept between calls and wiped only where it was touched: O(touched), not O(num_rows)
_scratch: dict[int, Tensor] = {}


@kernel()
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


def _shapes(index: Tensor, num_rows: int) -> tuple[Tensor, Tensor]:
    size = torch.library.get_ctx().new_dynamic_size()
    return index.new_empty(size, dtype=torch.long), index.new_empty(index.shape, dtype=torch.long)


@operator("compact", _shapes)
def _compacted(index: Tensor, num_rows: int) -> tuple[Tensor, Tensor]:
    if index.device.type != "cpu":
        return torch.unique(index, return_inverse=True)
    flat = index.reshape(-1).contiguous()
    if num_rows not in _scratch:
        _scratch[num_rows] = torch.full((num_rows,), -1, dtype=torch.int32)
    row = torch.empty(min(flat.numel(), num_rows), dtype=torch.long)
    place = torch.empty(flat.shape, dtype=torch.long)
    count = launch(_compact, flat, _scratch[num_rows], row, place)
    return row[:count], place.view(index.shape)


def compact(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The distinct rows in ascending order, and the place of each index among them.

    Equals ``torch.unique(index, return_inverse=True)``. Cost on CPU: linear in the indices, plus sorting the distinct
    ones; nothing that grows with ``num_rows`` after the first call. On a device the host waits to learn how many rows
    there are: where it need not know, :func:`cover` does without.
    """
    return _compacted(index, num_rows)


def padded(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The same with as many rows as there could be: after the distinct ones the last of them stands again and again.

    Cost: one sort of the indices. The host waits for nothing.
    """
    if not index.numel():
        return index.reshape(-1).long(), index.long()
    value, order = index.reshape(-1).long().sort()
    fresh = torch.ones_like(value)
    fresh[1:] = value[1:] != value[:-1]
    slot = fresh.cumsum(0) - 1
    row = value[-1:].repeat(min(value.numel(), num_rows)).scatter_(0, slot, value)  # equals write the same
    return row, torch.empty_like(value).scatter_(0, order, slot).view(index.shape)


def cover(index: Int[Tensor, "*s"], num_rows: int | None = None) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """Rows among which every index lies, ascending, and its place among them; the host waits for nothing.

    No row is touched that is not asked for. On CPU they are distinct, as of :func:`compact`. On a device they are
    :func:`padded`: there are ``min(index.numel(), num_rows)``, and what no place refers to gets a gradient of zero.

    Args:
        index (torch.Tensor): Rows, in any order and shape.
        num_rows (int, optional): How many there are in all, if it is known: then a look-up takes the place of a sort
            on CPU. (default: :obj:`None`)
    """
    if index.device.type != "cpu":
        return padded(index, index.numel() if num_rows is None else num_rows)
    return torch.unique(index, return_inverse=True) if num_rows is None else compact(index, num_rows)
