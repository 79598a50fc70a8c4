"""Scores against private candidates on CUDA devices, without a ``(b, k, d)`` tensor.

The two gradients are one kernel: a row, either a query or a table row, sums over its *meetings*, which are adjacent
after a sort by row. Each sum is computed in float32 in one fixed order, and long sums in parts: no atomics, identical
bits every time.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels import triton_parts
from gnnneg.kernels.kinds import is_rooted, parts_of
from gnnneg.kernels.triton_kinds import slope, term
from gnnneg.kernels.triton_parts import put, task, unfolded

TILE = 4096  # numbers at a time, 32 for each of 128 threads: enough loads in flight to hide their latency


@triton.jit(do_not_specialize=["b"])
@no_type_check
def _forward(
    query,
    table,
    index,
    out,
    b,
    k,
    h: tl.constexpr,
    kind: tl.constexpr,
    parts: tl.constexpr,
    root: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(i, block)`` scores a block of the candidates of query ``i``.

    The width is a constant, so that Triton knows the alignment of rows and can load four numbers at once.
    """
    i, block = unfolded(b)
    j = block * rows + tl.arange(0, rows)
    row = table + tl.load(index + i * k + j, j < k, 0).to(tl.int64)[:, None] * (parts * h)
    own = query + i * (parts * h)
    total = tl.zeros((rows, wide), tl.float32)
    for begin in range(0, h, wide):
        l = begin + tl.arange(0, wide)[None, :]
        present = (j < k)[:, None] & (l < h)
        x = tl.load(own + l, l < h, 0.0).to(tl.float32)
        u = tl.load(row + l, present, 0.0).to(tl.float32)
        y, v = x, u
        if parts == 2:
            y = tl.load(own + h + l, l < h, 0.0).to(tl.float32)
            v = tl.load(row + h + l, present, 0.0).to(tl.float32)
        total += term(kind, x, u, y, v)  # 0 beyond the width, where both sides are 0
    score = tl.sum(total, 1)
    if root:
        score = tl.sqrt(score)
    tl.store(out + i * k + j, score.to(out.dtype.element_ty), j < k)


@triton.jit(do_not_specialize=["slots", "tasks"])
@no_type_check
def _backward(
    grad,
    own,
    other,
    met,
    offset,
    owner,
    slots,
    tasks,
    partial,
    out,
    h: tl.constexpr,
    kind: tl.constexpr,
    parts: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(t, block)`` sums a block of coordinates of a row's gradient over its meetings, or over a part of
    them.
    """
    t, block = unfolded(tasks)
    l = block * wide + tl.arange(0, wide)
    s, begin, end, whole, part = task(t, offset, owner, slots)
    mine, slot = s * (parts * h) + l, t * (parts * h) + l
    x = tl.load(own + mine, l < h, 0.0).to(tl.float32)[None, :]
    y = x
    if parts == 2:
        y = tl.load(own + mine + h, l < h, 0.0).to(tl.float32)[None, :]
    along_x = tl.zeros((rows, wide), tl.float32)
    along_y = tl.zeros((rows, wide), tl.float32)
    for first in range(begin, end, rows):
        meeting = first + tl.arange(0, rows)
        present = (meeting < end)[:, None] & (l < h)[None, :]
        g = tl.load(grad + meeting, meeting < end, 0.0).to(tl.float32)[:, None]  # 0 beyond the end, and so is the slope
        row = other + tl.load(met + meeting, meeting < end, 0).to(tl.int64)[:, None] * (parts * h) + l[None, :]
        u = tl.load(row, present, 0.0).to(tl.float32)
        v = u
        if parts == 2:
            v = tl.load(row + h, present, 0.0).to(tl.float32)
        more_x, more_y = slope(kind, g, x, u, y, v)
        along_x += more_x
        along_y += more_y
    put(out, mine, partial, slot, tl.sum(along_x, 0), l < h, whole, part)
    if parts == 2:
        put(out, mine + h, partial, slot + h, tl.sum(along_y, 0), l < h, whole, part)


def forward(kind: int, query: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """Scores or distances ``(b, k)``."""
    b, k = index.shape
    out = query.new_empty(b, k)
    if out.numel():
        parts = parts_of(kind)
        h = query.size(1) // parts
        most, wide = triton_parts.columns(h, TILE)
        rows = min(most, max(4, triton.next_power_of_2(k)))
        inputs = query.contiguous(), table.contiguous(), index.contiguous(), out, b, k
        grid = (b * triton.cdiv(k, rows),)
        _forward[grid](*inputs, h, kind, parts, is_rooted(kind), rows, wide, num_warps=4, enable_fp_fusion=True)
    return out


def backward(kind: int, grad: Tensor, query: Tensor, table: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Both gradients. For L2, ``grad`` is already divided by the distance.

    Cost in addition to the sums: one sort of the index. The host does not wait.
    """
    b, k = index.shape
    query, table, flat, value = query.contiguous(), table.contiguous(), index.reshape(-1), grad.reshape(-1)
    of_query = _pull(kind, value, query, table, torch.arange(b + 1, device=index.device) * k, flat, k)
    row, order = flat.sort(stable=True)
    offset = torch.searchsorted(row, torch.arange(table.size(0) + 1, device=row.device, dtype=row.dtype))
    return of_query, _pull(kind, value[order], table, query, offset, order // max(k, 1), b * k)


def _pull(kind: int, grad: Tensor, own: Tensor, other: Tensor, offset: Tensor, met: Tensor, longest: int) -> Tensor:
    """Row ``s`` of ``own`` meets rows ``met[offset[s]:offset[s + 1]]`` of ``other``, at most ``longest`` of them."""
    out = torch.empty_like(own)
    if out.numel():
        parts = parts_of(kind)
        h = own.size(1) // parts
        rows, wide = triton_parts.columns(h, TILE // 2)  # half of forward, because the sums need room as well
        owner = triton_parts.cut(offset, len(met), longest)
        tasks = len(owner) + len(own)
        partial = torch.empty(len(owner), own.size(1), device=own.device)
        inputs, where = (grad, own, other, met), (offset, owner, len(owner), tasks, partial, out)
        grid = (tasks * triton.cdiv(h, wide),)
        _backward[grid](*inputs, *where, h, kind, parts, rows, wide, num_warps=4, enable_fp_fusion=True)
        triton_parts.add(partial, offset, owner, out)
    return out
