"""Weighted sums of rows on CUDA devices. Half precision is read as it is and summed in float32.

Each sum has one fixed order, and long sums are computed in parts: no atomics, identical bits every time. The gradient
is the same kernel on the transposed index.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels import triton_parts
from gnnneg.kernels.triton_parts import put, task, unfolded

TILE = 1024  # numbers at a time, 16 for each of 64 threads: most nodes have few edges, so more would be idle


@triton.jit(do_not_specialize=["slots", "tasks"])
@no_type_check
def _sum(
    table,
    weight,
    index,
    offset,
    owner,
    slots,
    tasks,
    partial,
    out,
    d: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(t, block)`` computes a block of the coordinates of a sum, or of a part of one."""
    t, block = unfolded(tasks)
    l = block * wide + tl.arange(0, wide)
    s, begin, end, whole, part = task(t, offset, owner, slots)
    total = tl.zeros((rows, wide), tl.float32)
    for first in range(begin, end, rows):
        at = first + tl.arange(0, rows)
        there = at < end
        row = table + tl.load(index + at, there, 0).to(tl.int64)[:, None] * d + l[None, :]
        each = tl.load(row, there[:, None] & (l < d)[None, :], 0.0).to(tl.float32)
        total += tl.load(weight + at, there, 0.0).to(tl.float32)[:, None] * each
    put(out, s * d + l, partial, t * d + l, tl.sum(total, 0), l < d, whole, part)


def sums(table: Tensor, weight: Tensor, index: Tensor, offset: Tensor) -> Tensor:
    """One row for each sum, in the precision of ``table``."""
    out = table.new_empty(offset.numel() - 1, table.size(1))
    if out.numel():
        d, offset = table.size(1), offset.contiguous()
        rows, wide = triton_parts.columns(d, TILE)
        owner = triton_parts.cut(offset, len(index))
        tasks = len(owner) + len(out)
        partial = torch.empty(len(owner), d, device=out.device)
        inputs, where = (table, weight, index), (offset, owner, len(owner), tasks, partial, out)
        grid = (tasks * triton.cdiv(d, wide),)
        _sum[grid](*(one.contiguous() for one in inputs), *where, d, rows, wide, num_warps=2, enable_fp_fusion=True)
        triton_parts.add(partial, offset, owner, out)
    return out
