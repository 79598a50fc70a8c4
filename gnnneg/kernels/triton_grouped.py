"""Rows times the block-diagonal matrix of their type, on CUDA devices, with a number of launches that does not depend
on the number of types.

Rows of one type are adjacent, and the host knows where each type begins. So it lists the work once: *tiles* of rows of
one type, each multiplied by one program for each block of columns. The gradient of rows is the same product with
transposed matrices, summed by row afterwards. The gradient of a matrix is one sum over the rows of its type, which is
split into parts if there are many rows.

Sums are computed in float32 in one fixed order: no atomics, identical bits every time. Factors in float32 stay in
float32, unless torch may round them to TF32 (``torch.backends.cuda.matmul``). Factors in half precision are multiplied
in TF32, which represents all of their values.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels import triton_aggregate
from gnnneg.kernels.triton_parts import unfolded

ROWS = 64  # rows of a tile
WIDE = 64  # columns of a tile
DEEP = 32  # terms at a time
SHARE = 512  # rows of a part of a small matrix's gradient
SMALL = 4096  # size of a small matrix; larger ones have fewer parts, because each part holds a copy


@triton.jit(do_not_specialize=["tiles"])
@no_type_check
def _multiply(
    x,
    weight,
    source,
    tile,
    out,
    tiles,
    down,
    along,
    blocks: tl.constexpr,
    p: tl.constexpr,
    o: tl.constexpr,
    gathered: tl.constexpr,
    precision: tl.constexpr,
    rows: tl.constexpr,
    deep: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(tile, block)`` multiplies the rows of a tile with a block of columns of one of the matrix's blocks.

    Entry ``(i, j)`` of a block of the matrix is at ``i * down + j * along``.
    """
    t, block = unfolded(tiles)
    kind, first, last = tl.load(tile + 3 * t), tl.load(tile + 3 * t + 1), tl.load(tile + 3 * t + 2)
    of, j = block // tl.cdiv(o, wide), block % tl.cdiv(o, wide) * wide + tl.arange(0, wide)
    row = first + tl.arange(0, rows)
    there = row < last
    read = row
    if gathered:
        read = tl.load(source + row, there, 0).to(tl.int64)
    matrix = weight + (kind * blocks + of) * (p * o)
    total = tl.zeros((rows, wide), tl.float32)
    for begin in range(0, p, deep):
        i = begin + tl.arange(0, deep)
        left = tl.load(x + (read[:, None] * (blocks * p) + of * p + i[None, :]), there[:, None] & (i < p)[None, :], 0.0)
        right = tl.load(matrix + (i[:, None] * down + j[None, :] * along), (i < p)[:, None] & (j < o)[None, :], 0.0)
        total = tl.dot(left.to(tl.float32), right.to(tl.float32), total, input_precision=precision)
    where = row[:, None] * (blocks * o) + of * o + j[None, :]
    tl.store(out + where, total.to(out.dtype.element_ty), there[:, None] & (j < o)[None, :])


@triton.jit(do_not_specialize=["tasks"])
@no_type_check
def _outer(
    x,
    grad,
    source,
    task,
    partial,
    out,
    tasks,
    blocks: tl.constexpr,
    p: tl.constexpr,
    o: tl.constexpr,
    precision: tl.constexpr,
    rows: tl.constexpr,
    tall: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(task, block)`` sums a tile of a matrix's gradient over the rows of its type, or over a part of
    them.
    """
    t, block = unfolded(tasks)
    kind, first = tl.load(task + 4 * t), tl.load(task + 4 * t + 1)
    last, slot = tl.load(task + 4 * t + 2), tl.load(task + 4 * t + 3)
    j = block % tl.cdiv(o, wide) * wide + tl.arange(0, wide)
    rest = block // tl.cdiv(o, wide)
    i = rest % tl.cdiv(p, tall) * tall + tl.arange(0, tall)
    of = rest // tl.cdiv(p, tall)
    total = tl.zeros((tall, wide), tl.float32)
    for begin in range(first, last, rows):
        row = begin + tl.arange(0, rows)
        there = row < last
        read = tl.load(source + row, there, 0).to(tl.int64)
        left = tl.load(x + (read[None, :] * (blocks * p) + of * p + i[:, None]), there[None, :] & (i < p)[:, None], 0.0)
        right = tl.load(
            grad + (row[:, None] * (blocks * o) + of * o + j[None, :]), there[:, None] & (j < o)[None, :], 0.0
        )
        total = tl.dot(left.to(tl.float32), right.to(tl.float32), total, input_precision=precision)
    entry = i[:, None] * o + j[None, :]
    within = (i < p)[:, None] & (j < o)[None, :]
    if slot < 0:
        tl.store(out + ((kind * blocks + of) * (p * o) + entry), total.to(out.dtype.element_ty), within)
    else:
        tl.store(partial + ((slot * blocks + of) * (p * o) + entry), total, within)


@triton.jit(do_not_specialize=["types"])
@no_type_check
def _join(partial, parted, out, types, size, rows: tl.constexpr, wide: tl.constexpr):
    """Program ``(type, block)`` sums some numbers over the parts of a type's matrix."""
    t, block = unfolded(types)
    kind, first, last = tl.load(parted + 3 * t), tl.load(parted + 3 * t + 1), tl.load(parted + 3 * t + 2)
    l = block * wide + tl.arange(0, wide)
    total = tl.zeros((rows, wide), tl.float32)
    for begin in range(first, last, rows):
        slot = begin + tl.arange(0, rows)
        total += tl.load(
            partial + (slot[:, None] * size + l[None, :]), (slot < last)[:, None] & (l < size)[None, :], 0.0
        )
    tl.store(out + (kind * size + l), tl.sum(total, 0).to(out.dtype.element_ty), l < size)


def _on(device: torch.device, rows: Sequence[tuple[int, ...]], width: int) -> Tensor:
    """Copies a list of the host to a device without waiting."""
    made = torch.tensor(rows, dtype=torch.long).view(-1, width)
    return made.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else made.to(device)


@lru_cache(maxsize=256)
def _tiles(begin: tuple[int, ...], device: torch.device) -> Tensor:
    """Type, first row and one past the last row of each tile."""
    found = [
        (kind, start, min(start + ROWS, last))
        for kind, (first, last) in enumerate(pairwise(begin))
        for start in range(first, last, ROWS)
    ]
    return _on(device, found, 3)


@lru_cache(maxsize=256)
def _tasks(begin: tuple[int, ...], share: int, device: torch.device) -> tuple[Tensor, Tensor, int]:
    """Type, first row, one past the last row, and slot (-1: none) of each sum; the parts of long sums come first.

    Then type, first slot and one past the last slot of each type with parts, and the number of slots.
    """
    parts: list[tuple[int, ...]] = []
    whole: list[tuple[int, ...]] = []
    parted: list[tuple[int, ...]] = []
    for kind, (first, last) in enumerate(pairwise(begin)):
        if last - first <= share:
            whole.append((kind, first, last, -1))
            continue
        before = len(parts)
        parts += [
            (kind, start, min(start + share, last), before + number)
            for number, start in enumerate(range(first, last, share))
        ]
        parted.append((kind, before, len(parts)))
    return _on(device, parts + whole, 4), _on(device, parted, 3), len(parts)


def _precision(*factors: Tensor) -> str:
    halves = all(one.dtype != torch.float32 for one in factors)
    return "tf32" if halves or torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"


def _side(size: int, most: int) -> int:
    """The number of rows or columns of a matrix that are handled at a time; a product needs at least sixteen."""
    return min(most, max(16, triton.next_power_of_2(size)))


def _products(x: Tensor, weight: Tensor, source: Tensor | None, begin: list[int], turned: bool) -> Tensor:
    """Rows of ``x``, or those listed in ``source``, times the matrices of their types, which may be transposed."""
    _, blocks, p, o = weight.shape
    down, along = (1, o) if turned else (o, 1)
    p, o = (o, p) if turned else (p, o)
    out = x.new_empty(begin[-1], blocks * o)
    tile = _tiles(tuple(begin), x.device)
    if out.numel():
        wide, given = _side(o, WIDE), (x, weight, x if source is None else source, tile, out, len(tile))
        constants = blocks, p, o, source is not None, _precision(x, weight), ROWS, _side(p, DEEP), wide
        grid = (len(tile) * blocks * triton.cdiv(o, wide),)
        _multiply[grid](*given, down, along, *constants, num_warps=4, enable_fp_fusion=True)
    return out


def forward(x: Tensor, weight: Tensor, source: Tensor, begin: list[int]) -> Tensor:
    """Rows ``x[source]``, each times the matrix of its type, in the precision of ``x``."""
    return _products(x.contiguous(), weight.contiguous(), source.contiguous(), begin, turned=False)


def backward(grad: Tensor, x: Tensor, weight: Tensor, source: Tensor, begin: list[int]) -> tuple[Tensor, Tensor]:
    """Both gradients, each in its own precision.

    Cost in addition to the products: one sort of ``source``, and one row for each of its entries. The host does not
    wait.
    """
    grad, x, weight, source = grad.contiguous(), x.contiguous(), weight.contiguous(), source.contiguous()
    return _of_rows(grad, x, weight, source, begin), _of_matrices(grad, x, weight, source, begin)


def _of_rows(grad: Tensor, x: Tensor, weight: Tensor, source: Tensor, begin: list[int]) -> Tensor:
    each = _products(grad, weight, None, begin, turned=True)
    row, order = source.sort(stable=True)
    offset = torch.searchsorted(row, torch.arange(len(x) + 1, device=row.device, dtype=row.dtype))
    return triton_aggregate.sums(each, torch.ones(len(each), device=each.device), order, offset).to(x.dtype)


def _of_matrices(grad: Tensor, x: Tensor, weight: Tensor, source: Tensor, begin: list[int]) -> Tensor:
    out = torch.empty_like(weight)
    _, blocks, p, o = weight.shape
    if not out.numel():
        return out
    share = SHARE * max(1, blocks * p * o // SMALL)
    task, parted, slots = _tasks(tuple(begin), share, x.device)
    partial = torch.empty(slots, blocks * p * o, device=x.device)
    tall, wide = _side(p, WIDE), _side(o, WIDE)
    given = x, grad, source, task, partial, out, len(task)
    constants = blocks, p, o, _precision(x, grad), DEEP, tall, wide
    grid = (len(task) * blocks * triton.cdiv(p, tall) * triton.cdiv(o, wide),)
    _outer[grid](*given, *constants, num_warps=4, enable_fp_fusion=True)
    if slots:
        size, wide = partial.size(1), 128
        grid = (len(parted) * triton.cdiv(size, wide),)
        _join[grid](partial, parted, out, len(parted), size, 8, wide, num_warps=4, enable_fp_fusion=True)
    return out
