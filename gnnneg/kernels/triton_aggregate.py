"""Weighted sums of rows on CUDA devices: half precision is read as it is, and summed in float32.

Each sum is taken by one program and in one fixed order: no atomics, the same bits every time, and the gradient is the
same kernel from the other side.
"""

from typing import no_type_check

import triton
import triton.language as tl
from torch import Tensor

WIDEST = 128  # coordinates at a time
TILE = 1024  # numbers at a time, 16 for each of 64 threads: most nodes have few edges, so that more would lie idle


@triton.jit
@no_type_check
def _sum(table, weight, index, offset, out, d: tl.constexpr, rows: tl.constexpr, wide: tl.constexpr):
    """Program ``(s, block)`` takes a block of the coordinates of sum ``s``."""
    s = tl.program_id(0).to(tl.int64)
    l = tl.program_id(1) * wide + tl.arange(0, wide)
    begin, end = tl.load(offset + s), tl.load(offset + s + 1)
    total = tl.zeros((rows, wide), tl.float32)
    for first in range(begin, end, rows):
        place = first + tl.arange(0, rows)
        there = place < end
        row = table + tl.load(index + place, there, 0).to(tl.int64)[:, None] * d + l[None, :]
        each = tl.load(row, there[:, None] & (l < d)[None, :], 0.0).to(tl.float32)
        total += tl.load(weight + place, there, 0.0).to(tl.float32)[:, None] * each
    tl.store(out + s * d + l, tl.sum(total, 0).to(out.dtype.element_ty), l < d)


def sums(table: Tensor, weight: Tensor, index: Tensor, offset: Tensor) -> Tensor:
    """One row for each sum, in the precision of ``table``."""
    out = table.new_empty(offset.numel() - 1, table.size(1))
    if out.numel():
        d = table.size(1)
        wide = min(WIDEST, max(16, triton.next_power_of_2(d)))
        inputs = table.contiguous(), weight.contiguous(), index.contiguous(), offset.contiguous(), out
        grid = len(out), triton.cdiv(d, wide)
        _sum[grid](*inputs, d, TILE // wide, wide, num_warps=2, enable_fp_fusion=True)
    return out
