"""Scores against private candidates on CUDA devices: never a ``(b, k, d)`` tensor.

The two gradients are one kernel: a row, be it a query or a row of the table, sums over its *meetings*, which lie side
by side once they are sorted by row. Each sum is taken by one program in one fixed order: no atomics, the same bits
every time. Sums are taken in float32.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels.kinds import L2, MODULUS
from gnnneg.kernels.triton_kinds import MODULUS as COMPLEX
from gnnneg.kernels.triton_kinds import slope, term

ROWS = 32  # candidates, or meetings, at a time
COORDINATES = 64


@triton.jit
@no_type_check
def _forward(
    query, table, index, out, k, h, kind: tl.constexpr, root: tl.constexpr, rows: tl.constexpr, wide: tl.constexpr
):
    """Program ``(i, block)`` scores a block of the candidates of query ``i``."""
    i = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * rows + tl.arange(0, rows)
    parts: tl.constexpr = 2 if kind == COMPLEX else 1
    row = tl.load(index + i * k + j, j < k, 0).to(tl.int64)[:, None] * (parts * h)
    total = tl.zeros((rows,), tl.float32)
    for begin in range(0, h, wide):
        l = begin + tl.arange(0, wide)
        inside = (j < k)[:, None] & (l < h)[None, :]
        x = tl.load(query + i * (parts * h) + l, l < h, 0.0).to(tl.float32)[None, :]
        u = tl.load(table + row + l[None, :], inside, 0.0).to(tl.float32)
        y, v = x, u
        if kind == COMPLEX:
            y = tl.load(query + i * (parts * h) + h + l, l < h, 0.0).to(tl.float32)[None, :]
            v = tl.load(table + row + h + l[None, :], inside, 0.0).to(tl.float32)
        total += tl.sum(tl.where(inside, term(kind, x, u, y, v), 0.0), 1)
    if root:
        total = tl.sqrt(total)
    tl.store(out + i * k + j, total.to(out.dtype.element_ty), j < k)


@triton.jit
@no_type_check
def _backward(
    grad, own, number, other, offset, place, out, h, kind: tl.constexpr, rows: tl.constexpr, wide: tl.constexpr
):
    """Program ``(s, block)`` sums a block of coordinates of own row ``number[s]`` over its meetings."""
    s = tl.program_id(0)
    l = tl.program_id(1) * wide + tl.arange(0, wide)
    parts: tl.constexpr = 2 if kind == COMPLEX else 1
    mine = tl.load(number + s).to(tl.int64) * (parts * h)
    begin, end = tl.load(offset + s), tl.load(offset + s + 1)
    x = tl.load(own + mine + l, l < h, 0.0).to(tl.float32)[None, :]
    y = x
    if kind == COMPLEX:
        y = tl.load(own + mine + h + l, l < h, 0.0).to(tl.float32)[None, :]
    along_x = tl.zeros((wide,), tl.float32)
    along_y = tl.zeros((wide,), tl.float32)
    for first in range(begin, end, rows):
        meeting = first + tl.arange(0, rows)
        inside = (meeting < end)[:, None] & (l < h)[None, :]
        g = tl.load(grad + meeting, meeting < end, 0.0).to(tl.float32)[:, None]
        row = tl.load(place + meeting, meeting < end, 0).to(tl.int64)[:, None] * (parts * h)
        u = tl.load(other + row + l[None, :], inside, 0.0).to(tl.float32)
        v = u
        if kind == COMPLEX:
            v = tl.load(other + row + h + l[None, :], inside, 0.0).to(tl.float32)
        more_x, more_y = slope(kind, g, x, u, y, v)
        along_x += tl.sum(more_x, 0)  # g is 0 outside, and so is the slope
        along_y += tl.sum(more_y, 0)
    tl.store(out + mine + l, along_x.to(out.dtype.element_ty), l < h)
    if kind == COMPLEX:
        tl.store(out + mine + h + l, along_y.to(out.dtype.element_ty), l < h)


def _coordinates(kind: int, width: int) -> int:
    return width // 2 if kind == MODULUS else width


def forward(kind: int, query: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """Scores or distances ``(b, k)``."""
    b, k = index.shape
    out = query.new_empty(b, k)
    if out.numel():
        query, table, index = query.contiguous(), table.contiguous(), index.contiguous()
        h = _coordinates(kind, query.size(1))
        _forward[b, triton.cdiv(k, ROWS)](query, table, index, out, k, h, kind, kind == L2, ROWS, COORDINATES)
    return out


def backward(kind: int, grad: Tensor, query: Tensor, table: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Both gradients; under L2 ``grad`` comes divided by the distance. Cost beyond the sums: one sort of the index."""
    b, k = index.shape
    flat, value = index.reshape(-1), grad.reshape(-1)
    everyone = torch.arange(b, device=index.device)
    of_query = _pull(kind, value, query, everyone, table, torch.arange(b + 1, device=index.device) * k, flat)
    row, order = flat.sort(stable=True)
    number, count = row.unique_consecutive(return_counts=True)
    offset = torch.cat([count.new_zeros(1), count.cumsum(0)])
    of_table = _pull(kind, value[order], table, number, query, offset, order // max(k, 1))
    return of_query, of_table


def _pull(kind: int, grad: Tensor, own: Tensor, number: Tensor, other: Tensor, offset: Tensor, place: Tensor) -> Tensor:
    out = torch.zeros_like(own, memory_format=torch.contiguous_format)
    if number.numel() and out.numel():
        h = _coordinates(kind, own.size(1))
        grid = number.numel(), triton.cdiv(h, COORDINATES)
        own, other = own.contiguous(), other.contiguous()
        _backward[grid](grad, own, number, other, offset, place.contiguous(), out, h, kind, ROWS, COORDINATES)
    return out
