"""The distinct rows of a step, and the position of each index among them."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch

# one scratch map per table size, kept between calls and reset only where it was touched: O(touched), not O(num_rows)
_scratch: dict[int, Tensor] = {}


@kernel()
@no_type_check
def _compact(index, scratch, row, place, ascending):
    count = 0
    for i in range(index.size):
        if scratch[index[i]] < 0:
            scratch[index[i]] = count
            row[count] = index[i]
            count += 1
        place[i] = scratch[index[i]]
    if ascending:
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
    return _on_cpu(index, num_rows, ascending=True)


def _on_cpu(index: Tensor, num_rows: int, ascending: bool) -> tuple[Tensor, Tensor]:
    flat = index.reshape(-1).contiguous()
    if num_rows not in _scratch:
        _scratch[num_rows] = torch.full((num_rows,), -1, dtype=torch.int32)
    row = torch.empty(min(flat.numel(), num_rows), dtype=torch.long)
    place = torch.empty(flat.shape, dtype=torch.long)
    count = launch(_compact, flat, _scratch[num_rows], row, place, ascending)
    return row[:count], place.view(index.shape)


def compact(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The distinct rows in ascending order, and the position of each index among them.

    Equals ``torch.unique(index, return_inverse=True)``. Cost on CPU: linear in the indices, plus sorting the distinct
    ones; nothing grows with ``num_rows`` after the first call. On a device the host waits to learn the number of rows.
    If it need not know it, use :func:`cover`.
    """
    return _compacted(index, num_rows)


def as_met(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The distinct rows in the order of their first occurrence, and the position of each index among them (CPU).

    Cost: linear in the indices, without the sort of :func:`compact`.
    """
    return _on_cpu(index, num_rows, ascending=False)


def padded(index: Int[Tensor, "*s"], num_rows: int) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """The same with the largest possible number of rows: the last distinct row is repeated at the end.

    Cost: one sort of the indices. The host does not wait.
    """
    if not index.numel():
        return index.reshape(-1).long(), index.long()
    value, order = index.reshape(-1).long().sort()
    fresh = torch.ones_like(value)
    fresh[1:] = value[1:] != value[:-1]
    slot = fresh.cumsum(0) - 1
    row = value[-1:].repeat(min(value.numel(), num_rows)).scatter_(0, slot, value)  # equal indices write the same value
    return row, torch.empty_like(value).scatter_(0, order, slot).view(index.shape)


def cover(index: Int[Tensor, "*s"], num_rows: int | None = None) -> tuple[Int[Tensor, "u"], Int[Tensor, "*s"]]:
    """Ascending rows that contain every index, and the position of each index among them. The host does not wait.

    Only requested rows are included. On CPU they are distinct, as in :func:`compact`. On a device they are
    :func:`padded`: there are ``min(index.numel(), num_rows)`` of them, and a row that no position refers to gets a
    gradient of zero.

    Args:
        index (torch.Tensor): Rows, in any order and shape.
        num_rows (int, optional): The total number of rows, if it is known: then a look-up replaces a sort on CPU.
            (default: :obj:`None`)
    """
    if index.device.type != "cpu":
        return padded(index, index.numel() if num_rows is None else num_rows)
    return torch.unique(index, return_inverse=True) if num_rows is None else compact(index, num_rows)
