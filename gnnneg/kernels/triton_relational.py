"""Messages along the edges of a relational graph and what arrives of them, in one pass, on CUDA devices.

The two gradients are one kernel: a row, be it a node's or a relation's, sums over the edges that it sends along, which
lie side by side once they are sorted by it. It asks each edge's target what its messages get and which of them was the
extreme, rather than have the target send it back: more to read, and no atomics. Every sum is taken in float32 and in
one fixed order, which depends on the graph alone: the same bits every time.

A node's messages are gathered by one program for each block of columns, however many they are. Gradients part long
sums, since a relation may have a tenth of all edges.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels import numba_relational, triton_aggregate

# the numbers of numba_relational.py, which Triton wants to know to be constants
SUM = tl.constexpr(numba_relational.SUM)
ROTATION = tl.constexpr(numba_relational.ROTATION)
TOTAL = tl.constexpr(numba_relational.TOTAL)
EXTREME = tl.constexpr(numba_relational.EXTREME)
ALL = tl.constexpr(numba_relational.ALL)

WIDEST = 128  # columns at a time: 512 bytes of a row, which one warp fetches in one go
TILE = 1024  # numbers at a time, 8 for each of 128 threads: beside them there are up to six results of each
SHARE = 512  # edges of a part of a gradient's sum


@triton.jit
@no_type_check
def _columns(kind: tl.constexpr, block, c, wide: tl.constexpr):
    """A block's columns; where there are pairs, which are the other ones of each, and where its real parts lie.

    Half of a block are real parts, half the imaginary ones that belong to them: those have ``turn`` 1, these -1.
    """
    j = tl.arange(0, wide)[None, :]
    own = block * wide + j
    across, real, there, turn = own, own, own < c, j
    if kind == ROTATION:
        pair, part = block * (wide // 2) + j % (wide // 2), j // (wide // 2)
        own, across, real = pair + part * (c // 2), pair + (1 - part) * (c // 2), pair
        there, turn = pair < c // 2, 2 * part - 1
    return own, across, real, there, turn


@triton.jit
@no_type_check
def _read(matrix, row, c, column, there):
    return tl.load(matrix + (row * c + column), there, 0.0).to(tl.float32)


@triton.jit
@no_type_check
def _pairs(kind: tl.constexpr, matrix, row, c, real, there):
    """What the real and the imaginary columns hold; where there are no pairs, twice the same."""
    u = _read(matrix, row, c, real, there)
    v = u
    if kind == ROTATION:
        v = _read(matrix, row, c, real + c // 2, there)
    return u, v


@triton.jit
@no_type_check
def _made(kind: tl.constexpr, own, across, u, v, turn):
    """A message before its weight, which is the same whichever of its two makers is ``u, v``."""
    if kind == SUM:
        found = own + u
    elif kind == ROTATION:
        found = own * u + turn * (across * v)
    else:
        found = own * u
    return found


@triton.jit
@no_type_check
def _due(want: tl.constexpr, grads, at, target, c, column, there, place, message):
    """The gradient of edges' messages, of all that is told of them."""
    total, squares, high, low = grads
    at_high, at_low = at
    found = tl.zeros(message.shape, tl.float32)
    if want != EXTREME:
        found += _read(total, target, c, column, there)
    if want == ALL:
        found += 2 * message * _read(squares, target, c, column, there)
        mine = there & (tl.load(at_low + (target * c + column), there, -1) == place)
        found += _read(low, target, c, column, mine)
    if want != TOTAL:
        mine = there & (tl.load(at_high + (target * c + column), there, -1) == place)
        found += _read(high, target, c, column, mine)
    return found


@triton.jit
@no_type_check
def _best(most, most_at):
    """The largest of each column and its edge, the first of equal ones, as one edge after the other would find it."""
    best = tl.max(most, 0)[None, :]
    return best, tl.min(tl.where(most == best, most_at, 2147483647), 0)[None, :]


@triton.jit
@no_type_check
def _forward(
    states,
    relation,
    weight,
    source,
    edge_type,
    offset,
    outs,
    sign,
    c,
    kind: tl.constexpr,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(v, block)`` gathers a block of columns of what arrives at node ``v``."""
    total, squares, high, at_high, low, at_low = outs
    v = tl.program_id(0).to(tl.int64)
    own, across, real, there, turn = _columns(kind, tl.program_id(1), c, wide)
    begin, end = tl.load(offset + v), tl.load(offset + v + 1)
    added, squared = tl.zeros((rows, wide), tl.float32), tl.zeros((rows, wide), tl.float32)
    most = tl.full((rows, wide), float("-inf"), tl.float32)  # of sign times what arrives
    least = tl.full((rows, wide), float("-inf"), tl.float32)  # of minus what arrives
    most_at, least_at = tl.full((rows, wide), -1, tl.int32), tl.full((rows, wide), -1, tl.int32)
    for first in range(begin, end, rows):
        place = (first + tl.arange(0, rows))[:, None]
        inside = place < end
        w = tl.load(weight + place, inside, 0.0).to(tl.float32)
        sent = (w != 0) & there
        s = tl.load(source + place, inside, 0).to(tl.int64)
        r = tl.load(edge_type + place, inside, 0).to(tl.int64)
        x = _read(states, s, c, own, sent)
        y = x
        if kind == ROTATION:
            y = _read(states, s, c, across, sent)
        a, b = _pairs(kind, relation, r, c, real, sent)
        message = w * _made(kind, x, y, a, b, turn)  # 0 where nothing is sent
        if want != EXTREME:
            added += message
        if want == ALL:
            squared += message * message
            better = sent & (-message > least)
            least = tl.where(better, -message, least)
            least_at = tl.where(better, place.to(tl.int32), least_at)
        if want != TOTAL:
            better = sent & (sign * message > most)
            most = tl.where(better, sign * message, most)
            most_at = tl.where(better, place.to(tl.int32), most_at)
    where = v * c + own
    if want != EXTREME:
        tl.store(total + where, tl.sum(added, 0)[None, :].to(total.dtype.element_ty), there)
    if want != TOTAL:
        best, best_at = _best(most, most_at)
        tl.store(high + where, (sign * best).to(high.dtype.element_ty), there)
        tl.store(at_high + where, best_at, there)
    if want == ALL:
        tl.store(squares + where, tl.sum(squared, 0)[None, :].to(squares.dtype.element_ty), there)
        best, best_at = _best(least, least_at)
        tl.store(low + where, (-best).to(low.dtype.element_ty), there)
        tl.store(at_low + where, best_at, there)


@triton.jit
@no_type_check
def _backward(
    mine,
    other,
    weight,
    met,
    target,
    place,
    part,
    grads,
    at,
    out,
    c,
    kind: tl.constexpr,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(t, block)`` sums a block of columns of part ``t`` of a row's gradient over its edges.

    Each edge met the row with row ``met`` of the other maker of its message.
    """
    row, begin, end = part
    t = tl.program_id(0).to(tl.int64)
    s, first, last = tl.load(row + t), tl.load(begin + t), tl.load(end + t)
    own, across, real, there, turn = _columns(kind, tl.program_id(1), c, wide)
    x = _read(mine, s, c, own, there)
    y = x
    if kind == ROTATION:
        y = _read(mine, s, c, across, there)
    along = tl.zeros((rows, wide), tl.float32)
    for i in range(first, last, rows):
        edge = (i + tl.arange(0, rows))[:, None]
        inside = edge < last
        p = tl.load(place + edge, inside, 0)
        w = tl.load(weight + p, inside, 0.0).to(tl.float32)
        sent = (w != 0) & there
        v = tl.load(target + edge, inside, 0).to(tl.int64)
        a, b = _pairs(kind, other, tl.load(met + edge, inside, 0).to(tl.int64), c, real, sent)
        g = w * _due(want, grads, at, v, c, own, sent, p, w * _made(kind, x, y, a, b, turn))
        if kind == ROTATION:
            h = w * _due(want, grads, at, v, c, across, sent, p, w * _made(kind, y, x, a, b, -turn))
            along += _made(kind, g, h, a, b, -turn)  # times the conjugate
        elif kind == SUM:
            along += g
        else:
            along += g * a
    tl.store(out + (t * c + own), tl.sum(along, 0)[None, :], there)


@triton.jit
@no_type_check
def _weights(
    states,
    relation,
    weight,
    source,
    edge_type,
    target,
    grads,
    at,
    out,
    e,
    c,
    kind: tl.constexpr,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Each program takes the gradients of some edges' weights, all columns one block after the other."""
    place = (tl.program_id(0) * rows + tl.arange(0, rows))[:, None]
    inside = place < e
    w = tl.load(weight + place, inside, 0.0).to(tl.float32)
    s = tl.load(source + place, inside, 0).to(tl.int64)
    r = tl.load(edge_type + place, inside, 0).to(tl.int64)
    v = tl.load(target + place, inside, 0).to(tl.int64)
    pull = tl.zeros((rows, wide), tl.float32)
    for block in range(0, tl.cdiv(c, wide)):
        own, across, real, there, turn = _columns(kind, block, c, wide)
        sent = (w != 0) & there
        x = _read(states, s, c, own, sent)
        y = x
        if kind == ROTATION:
            y = _read(states, s, c, across, sent)
        a, b = _pairs(kind, relation, r, c, real, sent)
        made = _made(kind, x, y, a, b, turn)
        pull += made * _due(want, grads, at, v, c, own, sent, place, w * made)
    tl.store(out + place, tl.sum(pull, 1)[:, None].to(out.dtype.element_ty), inside)


def _tile(c: int) -> tuple[int, int]:
    """How many edges and how many columns a program takes at a time."""
    wide = min(WIDEST, max(16, triton.next_power_of_2(c)))
    return TILE // wide, wide


def forward(
    kind: int,
    want: int,
    sign: float,
    states: Tensor,
    relation: Tensor,
    weight: Tensor,
    way: tuple[Tensor, Tensor, Tensor],
    outs: tuple[Tensor, ...],
) -> None:
    """Fills ``outs`` as :func:`gnnneg.kernels.numba_relational.forward` does, in the precision of ``states``; ``way``
    is the edges' sources, types and offsets by target.
    """
    c = states.size(1)
    rows, wide = _tile(c)
    given = states.contiguous(), relation.contiguous(), weight.contiguous()
    sign = 1.0 if want == numba_relational.ALL else sign
    grid = states.size(0), triton.cdiv(c, wide)
    _forward[grid](*given, *way, outs, sign, c, kind, want, rows, wide, num_warps=4, enable_fp_fusion=True)


def backward(
    kind: int,
    want: int,
    states: Tensor,
    relation: Tensor,
    weight: Tensor,
    edges: tuple[Tensor, ...],
    grads: tuple[Tensor, ...],
    at: tuple[Tensor, ...],
    learned: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of states, relations and, if they are ``learned``, weights, each in its own precision.

    Cost beyond the sums: one sort of the edges' types. The host waits for nothing.
    """
    source, edge_type, _, _, target, back_type, back_offset, place = edges
    states, relation, weight = states.contiguous(), relation.contiguous(), weight.contiguous()
    grads, at = tuple(one.contiguous() for one in grads), tuple(one.contiguous() for one in at)
    into = torch.empty_like(target)  # by target
    into[place.long()] = target
    of_weight = weight.new_empty(0)
    if learned:
        of_weight = torch.empty_like(weight)
        c, e = states.size(1), len(weight)
        rows, wide = _tile(c)
        rows //= 2  # what is asked of each edge differs, so that there is more to hold
        if e:
            given, constants = (states, relation, weight, source, edge_type, into), (kind, want, rows, wide)
            _weights[(triton.cdiv(e, rows),)](
                *given, grads, at, of_weight, e, c, *constants, num_warps=4, enable_fp_fusion=True
            )
    told = grads, at
    of_states = _pull(kind, want, states, relation, weight, (back_type, target, place), back_offset, *told)
    kept, order = edge_type.sort(stable=True)
    offset = torch.searchsorted(kept, torch.arange(len(relation) + 1, device=kept.device, dtype=kept.dtype))
    along = source[order], into[order], order.int()
    return of_states, _pull(kind, want, relation, states, weight, along, offset, *told), of_weight


def _pull(
    kind: int,
    want: int,
    mine: Tensor,
    other: Tensor,
    weight: Tensor,
    along: tuple[Tensor, Tensor, Tensor],
    offset: Tensor,
    grads: tuple[Tensor, ...],
    at: tuple[Tensor, ...],
) -> Tensor:
    """Row ``s`` of ``mine`` met rows ``along[0][offset[s]:offset[s + 1]]`` of ``other``."""
    if not mine.numel():
        return torch.zeros_like(mine)
    count = (offset.diff() + SHARE - 1) // SHARE
    begins = torch.cat([count.new_zeros(1), count.cumsum(0)])
    task = torch.arange(len(along[0]) // SHARE + len(mine), device=mine.device)  # no fewer than there are parts
    row = (torch.searchsorted(begins, task, right=True) - 1).clamp(max=len(mine) - 1)
    first = offset[row] + (task - begins[row]) * SHARE
    part = row, first, torch.minimum(first + SHARE, offset[row + 1])  # the last ones have no edges
    c = mine.size(1)
    rows, wide = _tile(c)
    out = torch.empty(len(task), c, device=mine.device)
    grid, constants = (len(task), triton.cdiv(c, wide)), (kind, want, rows, wide)
    _backward[grid](
        mine, other, weight, *along, part, grads, at, out, c, *constants, num_warps=4, enable_fp_fusion=True
    )
    return triton_aggregate.sums(out, out.new_ones(len(task)), task, begins).to(mine.dtype)
