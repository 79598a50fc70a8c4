"""Long sums in parts, on CUDA devices.

Rows sum over their edges, which lie side by side: those of row ``s`` from ``offset[s]`` to ``offset[s + 1]``. If one
program took a row whatever its length, all others would wait for that of a hub. So the list of edges is cut at the
multiples of :obj:`SHARE`. A row of more edges than that is summed cut by cut, each by a program of its own, and a
second kernel joins what they found, in the order of the edges. Every other row is summed by one program, straight into
the result.

A stretch between two cuts meets two long rows at most: the one that holds its first edge, and the one that holds its
last edge if that begins inside. So each stretch has two *slots*, ``2 * i`` and ``2 * i + 1``, and one long row at most
begins in it. All this follows from the offsets: no atomics, the same bits every time, and the host waits for nothing.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

SHARE = tl.constexpr(512)  # edges between two cuts
WIDEST = 128  # columns that are joined at a time
TILE = 2048  # numbers that are joined at a time


@triton.jit
@no_type_check
def unfolded(tasks):
    """Which task and which block of columns a program takes, one block of all tasks after the other.

    Both are folded into the first axis of the grid: the others end at 65,535.
    """
    return (tl.program_id(0) % tasks).to(tl.int64), (tl.program_id(0) // tasks).to(tl.int64)


@triton.jit
@no_type_check
def task(t, offset, owner, slots):
    """The row of task ``t``, its first edge and the one after its last.

    The first tasks are those of the slots, and one for each row follows. It also tells whether this is a ``whole`` row,
    which goes to the result, or a ``part``, which goes to slot ``t``; if neither, then another task takes the edges.
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
    """Stores what a task found: in the result, or in a slot, in float32."""
    if whole:
        tl.store(out + where, value.to(out.dtype.element_ty), there)
    if part:
        tl.store(partial + slot, value, there)


@triton.jit
@no_type_check
def begun(stretch, offset, owner):
    """The long row that begins in a stretch, if one does, and the stretch after its last one.

    If none does, that is ``stretch`` itself. Also the row's first slot.
    """
    s = tl.load(owner + (2 * stretch + 1))
    begin, end = tl.load(offset + s).to(tl.int64), tl.load(offset + s + 1).to(tl.int64)
    here = (end - begin > SHARE) & (begin // SHARE == stretch)
    stop = tl.where(here, (end - 1) // SHARE + 1, stretch)
    return s, here, stop, 2 * stretch + (begin % SHARE != 0).to(tl.int64)


@triton.jit
@no_type_check
def slots_of(stretch, first, rows: tl.constexpr, stop, slot):
    """Slots of some stretches of the row that begins in ``stretch`` at ``slot``, and whether they are there."""
    of = first + tl.arange(0, rows)
    return tl.where(of == stretch, slot, 2 * of)[:, None], (of < stop)[:, None]


@triton.jit(do_not_specialize=["edges", "rows", "steps", "slots"])
@no_type_check
def _owners(offset, owner, edges, rows, steps, slots, wide: tl.constexpr):
    """The row of each stretch's first edge and of its last, by bisection."""
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
    """The row of each slot; there are no slots if no row can be long, since none has more than ``longest`` edges."""
    longest = edges if longest is None else min(longest, edges)
    slots = 2 * triton.cdiv(edges, SHARE.value) if longest > SHARE.value else 0
    owner = torch.empty(slots, dtype=torch.long, device=offset.device)
    if slots:
        rows = len(offset) - 1
        given = offset, owner, edges, rows, rows.bit_length(), slots
        _owners[(triton.cdiv(slots, 128),)](*given, 128, num_warps=4, enable_fp_fusion=True)
    return owner


def columns(d: int, tile: int) -> tuple[int, int]:
    """How many rows and how many columns a program takes at a time."""
    wide = min(WIDEST, max(16, triton.next_power_of_2(d)))
    return tile // wide, wide


def add(partial: Tensor, offset: Tensor, owner: Tensor, out: Tensor) -> None:
    """Adds up each long row's slots in ``partial`` into its row of ``out``; the others are left as they are."""
    if len(owner):
        d, stretches = out.size(1), len(owner) // 2
        rows, wide = columns(d, TILE)
        grid = (stretches * triton.cdiv(d, wide),)
        _add[grid](partial, offset, owner, out, stretches, d, rows, wide, num_warps=4, enable_fp_fusion=True)
