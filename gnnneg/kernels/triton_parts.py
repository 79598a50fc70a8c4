"""Long sums in parts, on CUDA devices.

Rows sum over their edges, which are adjacent: those of row ``s`` from ``offset[s]`` to ``offset[s + 1]``. If one
program handled a whole row, all others would wait for the program of a hub. So the list of edges is cut at the
multiples of :obj:`SHARE`. A row with more edges is summed in pieces between cuts, each by its own program, and a second
kernel adds the pieces in the order of the edges. Every other row is summed by one program, directly into the result.

A stretch between two cuts meets at most two long rows: the one with its first edge, and the one with its last edge if
that begins inside. So each stretch has two *slots*, ``2 * i`` and ``2 * i + 1``, and at most one long row begins in it.
All this follows from the offsets: no atomics, identical bits every time, and the host does not wait.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

SHARE = tl.constexpr(512)  # edges between two cuts
WIDEST = 128  # columns that are added at a time
TILE = 2048  # numbers that are added at a time


@triton.jit
@no_type_check
def unfolded(tasks):
    """The task and the block of columns of a program; all tasks of one block come before the next block.

    Both are folded into the first axis of the grid, because the other axes end at 65,535.
    """
    return (tl.program_id(0) % tasks).to(tl.int64), (tl.program_id(0) // tasks).to(tl.int64)


@triton.jit
@no_type_check
def task(t, offset, owner, slots):
    """The row of task ``t``, its first edge and one past its last.

    The first tasks belong to the slots, followed by one for each row. Also returns whether this is a ``whole`` row,
    which goes to the result, or a ``part``, which goes to slot ``t``. If it is neither, another task handles the edges.
    """
    is_slot = t < slots
    s = tl.where(is_slot, tl.load(owner + t, is_slot, 0), t - slots)
    begin, end = tl.load(offset + s).to(tl.int64), tl.load(offset + s + 1).to(tl.int64)
    cut = t // 2 * SHARE
    whole = (t >= slots) & (end - begin <= SHARE)
    part = is_slot & (end - begin > SHARE) & ((t % 2 == 0) | (begin > cut))
    first = tl.where(is_slot, tl.maximum(begin, cut), begin)
    last = tl.where(is_slot, tl.minimum(end, cut + SHARE), end)
    return s, first, tl.where(whole | part, last, first), whole, part


@triton.jit
@no_type_check
def put(out, where, partial, slot, value, there, whole, part):
    """Stores the result of a task in the result tensor or, in float32, in a slot."""
    if whole:
        tl.store(out + where, value.to(out.dtype.element_ty), there)
    if part:
        tl.store(partial + slot, value, there)


@triton.jit
@no_type_check
def begun(stretch, offset, owner):
    """The long row that begins in a stretch, if there is one, and one past its last stretch.

    Without such a row, that is ``stretch`` itself. Also returns the first slot of the row.
    """
    s = tl.load(owner + (2 * stretch + 1))
    begin, end = tl.load(offset + s).to(tl.int64), tl.load(offset + s + 1).to(tl.int64)
    here = (end - begin > SHARE) & (begin // SHARE == stretch)
    stop = tl.where(here, (end - 1) // SHARE + 1, stretch)
    return s, here, stop, 2 * stretch + (begin % SHARE != 0).to(tl.int64)


@triton.jit
@no_type_check
def slots_of(stretch, first, rows: tl.constexpr, stop, slot):
    """Slots in some stretches of the row that begins in ``stretch`` at ``slot``, and whether they exist."""
    of = first + tl.arange(0, rows)
    return tl.where(of == stretch, slot, 2 * of)[:, None], (of < stop)[:, None]


@triton.jit(do_not_specialize=["edges", "rows", "steps", "slots"])
@no_type_check
def _owners(offset, owner, edges, rows, steps, slots, wide: tl.constexpr):
    """The rows of the first and last edge of each stretch, by binary search."""
    slot = tl.program_id(0).to(tl.int64) * wide + tl.arange(0, wide)
    edge = tl.minimum(slot // 2 * SHARE + slot % 2 * (SHARE - 1), edges - 1)
    low = tl.zeros((wide,), tl.int64)
    high = low + rows
    for _ in range(0, steps):
        middle = (low + high) // 2
        before = tl.load(offset + middle) <= edge
        low, high = tl.where(before, middle, low), tl.where(before, high, middle)
    tl.store(owner + slot, low, slot < slots)


@triton.jit(do_not_specialize=["stretches"])
@no_type_check
def _add(partial, offset, owner, out, stretches, d: tl.constexpr, rows: tl.constexpr, wide: tl.constexpr):
    """Program ``(stretch, block)`` adds a block of columns of the row that begins in ``stretch``."""
    stretch, block = unfolded(stretches)
    s, here, stop, slot = begun(stretch, offset, owner)
    l = block * wide + tl.arange(0, wide)
    total = tl.zeros((rows, wide), tl.float32)
    for first in range(stretch, stop, rows):
        at, there = slots_of(stretch, first, rows, stop, slot)
        total += tl.load(partial + (at * d + l[None, :]), there & (l < d)[None, :], 0.0)
    if here:
        tl.store(out + (s * d + l), tl.sum(total, 0).to(out.dtype.element_ty), l < d)


def cut(offset: Tensor, edges: int, longest: int | None = None) -> Tensor:
    """The row of each slot. There are no slots if no row can be long, because none has more than ``longest`` edges."""
    longest = edges if longest is None else min(longest, edges)
    slots = 2 * triton.cdiv(edges, SHARE.value) if longest > SHARE.value else 0
    owner = torch.empty(slots, dtype=torch.long, device=offset.device)
    if slots:
        rows = len(offset) - 1
        given = offset, owner, edges, rows, rows.bit_length(), slots
        _owners[(triton.cdiv(slots, 128),)](*given, 128, num_warps=4, enable_fp_fusion=True)
    return owner


def columns(d: int, tile: int) -> tuple[int, int]:
    """The number of rows and columns that a program handles at a time."""
    wide = min(WIDEST, max(16, triton.next_power_of_2(d)))
    return tile // wide, wide


def add(partial: Tensor, offset: Tensor, owner: Tensor, out: Tensor) -> None:
    """Adds the slots of each long row in ``partial`` into its row of ``out``. Other rows are not changed."""
    if len(owner):
        d, stretches = out.size(1), len(owner) // 2
        rows, wide = columns(d, TILE)
        grid = (stretches * triton.cdiv(d, wide),)
        _add[grid](partial, offset, owner, out, stretches, d, rows, wide, num_warps=4, enable_fp_fusion=True)
