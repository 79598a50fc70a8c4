"""Pairwise distances on CUDA devices.

Both sides are first packed in float32, with every size rounded up by zeros, which add nothing to a distance. The
innermost loop then reads short aligned runs of memory without a mask and does a whole tile of arithmetic with them.
Each sum is computed in float32 in one fixed order, which depends only on the sizes: no atomics, identical bits every
time.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels.kinds import is_rooted, parts_of
from gnnneg.kernels.triton_kinds import slope, term

# 4,096 sums in a tile, 32 for each of 128 threads. There are as many candidates as threads: each thread has one
# candidate and reads four queries at a time, which all threads share.
QUERIES, CANDIDATES = 32, 128
OWN, COORDINATES = 64, 32  # tile of a gradient
STEP = 4  # loop turns whose loads are in flight together
PROGRAMS = 512  # four for each multiprocessor of an H200, so that some compute while others wait for memory


@triton.jit
@no_type_check
def _forward(
    query,
    candidate,
    out,
    b,
    k,
    wide_b,
    wide_k,
    h,
    kind: tl.constexpr,
    parts: tl.constexpr,
    root: tl.constexpr,
    tile_b: tl.constexpr,
    tile_k: tl.constexpr,
    step: tl.constexpr,
):
    """``(h, parts, b)`` queries against ``(h, parts, k)`` candidates; neighbouring programs share candidates."""
    across = tl.cdiv(b, tile_b)
    i = tl.program_id(0) % across * tile_b + tl.arange(0, tile_b)[:, None]
    j = tl.program_id(0) // across * tile_k + tl.arange(0, tile_k)[None, :]
    one, other = query + i, candidate + j
    total = tl.zeros((tile_b, tile_k), tl.float32)
    for _ in range(0, h, step):
        for _ in tl.static_range(step):
            x, u = tl.load(one), tl.load(other)
            y, v = x, u
            if parts == 2:
                one += wide_b
                other += wide_k
                y, v = tl.load(one), tl.load(other)
            total += term(kind, x, u, y, v)
            one += wide_b
            other += wide_k
    if root:
        total = tl.sqrt(total)
    tl.store(out + (i.to(tl.int64) * k + j), total.to(out.dtype.element_ty), (i < b) & (j < k))


@triton.jit
@no_type_check
def _backward(
    grad,
    own,
    other,
    out,
    m,
    n,
    h,
    share,
    kind: tl.constexpr,
    parts: tl.constexpr,
    tile: tl.constexpr,
    wide: tl.constexpr,
    step: tl.constexpr,
):
    """The gradient of one side, from ``grad (n, m)``, ``own (m, parts, h)`` and ``other (n, parts, h)``.

    Program ``(tile, s)`` sums over the ``s``-th ``share`` of the other side's rows.
    """
    across = h // wide
    i = tl.program_id(0) // across * tile + tl.arange(0, tile)[:, None]
    l = tl.program_id(0) % across * wide + tl.arange(0, wide)[None, :]
    begin = tl.program_id(1) * share
    last = tl.where(i < m, n, 0)  # beyond the last row, gradients and slopes are 0
    place = i.to(tl.int64) * (parts * h) + l
    present = (i < m) & (l < h)
    x = tl.load(own + place, present, 0.0)
    y = x
    if parts == 2:
        y = tl.load(own + place + h, present, 0.0)
    along_x = tl.zeros((tile, wide), tl.float32)
    along_y = tl.zeros((tile, wide), tl.float32)
    column = grad + begin.to(tl.int64) * m + i
    row = other + begin.to(tl.int64) * (parts * h) + l
    for first in range(begin, tl.minimum(begin + share, n), step):
        for ahead in tl.static_range(step):
            g = tl.load(column, first + ahead < last, 0.0).to(tl.float32)
            u = tl.load(row)
            v = u
            if parts == 2:
                v = tl.load(row + h)
            more_x, more_y = slope(kind, g, x, u, y, v)
            along_x += more_x
            along_y += more_y
            column += m
            row += parts * h
    place += tl.program_id(1).to(tl.int64) * m * (parts * h)
    tl.store(out + place, along_x, present)
    if parts == 2:
        tl.store(out + place + h, along_y, present)


def _parts(kind: int, matrix: Tensor) -> Tensor:
    parts = parts_of(kind)
    return matrix.reshape(matrix.size(0), parts, matrix.size(1) // parts)


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def _columns(kind: int, matrix: Tensor, tile: int) -> Tensor:
    """Packs to ``(h, parts, n)``, so that one coordinate of many rows is adjacent."""
    own = _parts(kind, matrix).permute(2, 1, 0)
    h, parts, n = own.shape
    out = own.new_zeros(_up(h, STEP), parts, _up(n, tile), dtype=torch.float32)
    out[:h, :, :n] = own
    return out


def _rows(kind: int, matrix: Tensor) -> Tensor:
    """Packs to ``(n, parts, h)``."""
    own = _parts(kind, matrix)
    n, parts, h = own.shape
    out = own.new_zeros(_up(n, STEP), parts, _up(h, COORDINATES), dtype=torch.float32)
    out[:n, :, :h] = own
    return out


def forward(kind: int, query: Tensor, candidate: Tensor) -> Tensor:
    """Distances ``(b, k)``."""
    b, k = query.size(0), candidate.size(0)
    out = query.new_empty(b, k)
    if out.numel():
        one, other = _columns(kind, query, QUERIES), _columns(kind, candidate, CANDIDATES)
        sizes = b, k, one[0].numel() // one.size(1), other[0].numel() // other.size(1), one.size(0)
        grid = (triton.cdiv(b, QUERIES) * triton.cdiv(k, CANDIDATES),)
        constants = kind, parts_of(kind), is_rooted(kind), QUERIES, CANDIDATES, STEP
        _forward[grid](one, other, out, *sizes, *constants, num_warps=4, enable_fp_fusion=True)
    return out


def backward(kind: int, grad: Tensor, query: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor]:
    """Both gradients. For L2, ``grad`` is already divided by the distance."""
    one, other = _rows(kind, query), _rows(kind, candidate)
    return _pull(kind, grad.T.contiguous(), one, other, query), _pull(kind, grad.contiguous(), other, one, candidate)


def _pull(kind: int, grad: Tensor, own: Tensor, other: Tensor, like: Tensor) -> Tensor:
    """If few tiles would leave the device idle, their sums are split into parts, which are added at the end."""
    n, m = grad.shape
    if not (n and like.numel()):
        return torch.zeros_like(like, memory_format=torch.contiguous_format)
    parts, h = own.shape[1:]
    tiles = triton.cdiv(m, OWN) * (h // COORDINATES)
    share = _up(max(n // max(PROGRAMS // tiles, 1), OWN), STEP)
    out = own.new_empty(triton.cdiv(n, share), m, parts, h)
    grid, constants = (tiles, out.size(0)), (kind, parts, OWN, COORDINATES, STEP)
    _backward[grid](grad, own, other, out, m, n, h, share, *constants, num_warps=4, enable_fp_fusion=True)
    width = like.size(1) // parts
    return out.sum(0)[:, :, :width].reshape(like.shape).to(like.dtype)
