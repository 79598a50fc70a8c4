"""Pairwise distances on CUDA devices.

Both sides are laid out with one coordinate after the other, so that a step of the innermost loop reads two short runs
of memory and does a whole tile of arithmetic with them. Each sum is taken by one program in one fixed order: no
atomics, the same bits every time. Sums are taken in float32.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels.kinds import L2, MODULUS
from gnnneg.kernels.triton_kinds import MODULUS as COMPLEX
from gnnneg.kernels.triton_kinds import slope, term

TILE = 64  # queries and candidates at a time: 4,096 sums, 32 for each of 128 threads
COORDINATES = 32  # of a gradient's tile


@triton.jit
@no_type_check
def _forward(query, candidate, out, b, k, h, kind: tl.constexpr, root: tl.constexpr, tile: tl.constexpr):
    """``(d, b)`` queries against ``(d, k)`` candidates."""
    i = tl.program_id(0) * tile + tl.arange(0, tile)
    j = tl.program_id(1) * tile + tl.arange(0, tile)
    total = tl.zeros((tile, tile), tl.float32)
    for l in range(h):
        x = tl.load(query + l * b + i, i < b, 0.0).to(tl.float32)[:, None]
        y = tl.load(candidate + l * k + j, j < k, 0.0).to(tl.float32)[None, :]
        if kind == COMPLEX:
            xi = tl.load(query + (l + h) * b + i, i < b, 0.0).to(tl.float32)[:, None]
            yi = tl.load(candidate + (l + h) * k + j, j < k, 0.0).to(tl.float32)[None, :]
            total += term(kind, x, y, xi, yi)
        else:
            total += term(kind, x, y, x, y)
    if root:
        total = tl.sqrt(total)
    place = i.to(tl.int64)[:, None] * k + j[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), (i < b)[:, None] & (j < k)[None, :])


@triton.jit
@no_type_check
def _backward(grad, own, other, out, m, n, h, kind: tl.constexpr, tile: tl.constexpr, wide: tl.constexpr):
    """The gradient of one side, ``own (m, d)``, from ``grad (n, m)`` and ``other (n, d)``."""
    i = tl.program_id(0) * tile + tl.arange(0, tile)
    l = tl.program_id(1) * wide + tl.arange(0, wide)
    parts: tl.constexpr = 2 if kind == COMPLEX else 1
    inside = (i < m)[:, None] & (l < h)[None, :]
    place = i.to(tl.int64)[:, None] * (parts * h) + l[None, :]
    x = tl.load(own + place, inside, 0.0).to(tl.float32)
    y = x
    if kind == COMPLEX:
        y = tl.load(own + place + h, inside, 0.0).to(tl.float32)
    along_x = tl.zeros((tile, wide), tl.float32)
    along_y = tl.zeros((tile, wide), tl.float32)
    row, column = other, grad + i
    for _ in range(n):
        g = tl.load(column, i < m, 0.0).to(tl.float32)[:, None]
        u = tl.load(row + l, l < h, 0.0).to(tl.float32)[None, :]
        v = u
        if kind == COMPLEX:
            v = tl.load(row + h + l, l < h, 0.0).to(tl.float32)[None, :]
        more_x, more_y = slope(kind, g, x, u, y, v)
        along_x += more_x
        along_y += more_y
        row += parts * h
        column += m
    tl.store(out + place, along_x.to(out.dtype.element_ty), inside)
    if kind == COMPLEX:
        tl.store(out + place + h, along_y.to(out.dtype.element_ty), inside)


def _coordinates(kind: int, width: int) -> int:
    return width // 2 if kind == MODULUS else width


def forward(kind: int, query: Tensor, candidate: Tensor) -> Tensor:
    """Distances ``(b, k)``."""
    b, k = query.size(0), candidate.size(0)
    out = query.new_empty(b, k)
    if out.numel():
        grid = triton.cdiv(b, TILE), triton.cdiv(k, TILE)
        h = _coordinates(kind, query.size(1))
        _forward[grid](query.T.contiguous(), candidate.T.contiguous(), out, b, k, h, kind, kind == L2, TILE)
    return out


def backward(kind: int, grad: Tensor, query: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor]:
    """Both gradients; under L2 ``grad`` comes divided by the distance."""
    return _pull(kind, grad.T.contiguous(), query, candidate), _pull(kind, grad.contiguous(), candidate, query)


def _pull(kind: int, grad: Tensor, own: Tensor, other: Tensor) -> Tensor:
    out = torch.zeros_like(own, memory_format=torch.contiguous_format)
    if grad.numel() and out.numel():
        m, n, h = own.size(0), other.size(0), _coordinates(kind, own.size(1))
        grid = triton.cdiv(m, TILE), triton.cdiv(h, COORDINATES)
        _backward[grid](grad, own.contiguous(), other.contiguous(), out, m, n, h, kind, TILE, COORDINATES)
    return out
