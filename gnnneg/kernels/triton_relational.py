"""Messages along the edges of a relational graph and their aggregation at each node, in one pass, on CUDA devices.

The two gradients are one kernel: a row, of a node or of a relation, sums over the edges of its messages, which are
adjacent after a sort. For each edge it reads the gradient at the target and which edge was the extreme; the target does
not send it back. This reads more but needs no atomics. Every sum is computed in float32 in one fixed order, which
depends only on the graph: identical bits every time. Long sums are computed in parts, because a node may be a hub, and
one relation may have a tenth of all edges.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from gnnneg.kernels import numba_relational, triton_parts
from gnnneg.kernels.triton_parts import begun, put, slots_of, task, unfolded

# the numbers of numba_relational.py, as constants for Triton
SUM = tl.constexpr(numba_relational.SUM)
ROTATION = tl.constexpr(numba_relational.ROTATION)
TOTAL = tl.constexpr(numba_relational.TOTAL)
EXTREME = tl.constexpr(numba_relational.EXTREME)
ALL = tl.constexpr(numba_relational.ALL)

TILE = 1024  # numbers at a time, 8 for each of 128 threads: there are up to six results for each of them


@triton.jit
@no_type_check
def _columns(kind: tl.constexpr, block, c, wide: tl.constexpr):
    """The columns of a block. For pairs of columns, also the partner of each column and the position of its real part.

    Half of a block are real parts, the other half their imaginary parts. Imaginary parts have ``turn`` 1, real parts
    -1.
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
    """The values of the real and the imaginary columns; without pairs, the same values twice."""
    u = _read(matrix, row, c, real, there)
    v = u
    if kind == ROTATION:
        v = _read(matrix, row, c, real + c // 2, there)
    return u, v


@triton.jit
@no_type_check
def _made(kind: tl.constexpr, own, across, u, v, turn):
    """A message before its weight. It is the same whichever of its two factors is ``u, v``."""
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
    """The gradient of the messages of edges, from all returned aggregates."""
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
    """The largest value of each column and its edge. Of equal values the first edge counts, as in a sequential scan."""
    best = tl.max(most, 0)[None, :]
    return best, tl.min(tl.where(most == best, most_at, 2147483647), 0)[None, :]


@triton.jit(do_not_specialize=["slots", "tasks"])
@no_type_check
def _forward(
    states,
    relation,
    weight,
    source,
    edge_type,
    offset,
    owner,
    slots,
    tasks,
    partials,
    outs,
    sign,
    c,
    kind: tl.constexpr,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(t, block)`` aggregates a block of columns at a node, or over a part of its edges."""
    total, squares, high, at_high, low, at_low = outs
    some_total, some_squares, some_high, some_at_high, some_low, some_at_low = partials
    t, block = unfolded(tasks)
    own, across, real, there, turn = _columns(kind, block, c, wide)
    v, begin, end, whole, part = task(t, offset, owner, slots)
    added, squared = tl.zeros((rows, wide), tl.float32), tl.zeros((rows, wide), tl.float32)
    most = tl.full((rows, wide), float("-inf"), tl.float32)  # the maximum of sign times the messages
    least = tl.full((rows, wide), float("-inf"), tl.float32)  # the maximum of minus the messages
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
    where, slot = v * c + own, t * c + own
    if want != EXTREME:
        put(total, where, some_total, slot, tl.sum(added, 0)[None, :], there, whole, part)
    if want != TOTAL:
        best, best_at = _best(most, most_at)
        put(high, where, some_high, slot, sign * best, there, whole, part)
        put(at_high, where, some_at_high, slot, best_at, there, whole, part)
    if want == ALL:
        put(squares, where, some_squares, slot, tl.sum(squared, 0)[None, :], there, whole, part)
        best, best_at = _best(least, least_at)
        put(low, where, some_low, slot, -best, there, whole, part)
        put(at_low, where, some_at_low, slot, best_at, there, whole, part)


@triton.jit
@no_type_check
def _better(some, some_at, sign, where, there, most, most_at):
    """Combines the extremes of further parts of a node, edge by edge, with those of the parts before."""
    value = sign * tl.load(some + where, there, 0.0)
    better = there & (value > most)
    return tl.where(better, value, most), tl.where(better, tl.load(some_at + where, there, -1), most_at)


@triton.jit(do_not_specialize=["stretches"])
@no_type_check
def _join(
    offset,
    owner,
    stretches,
    partials,
    outs,
    sign,
    c,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(stretch, block)`` joins the parts of the node whose edges begin in ``stretch``, if its sum has
    parts.
    """
    total, squares, high, at_high, low, at_low = outs
    some_total, some_squares, some_high, some_at_high, some_low, some_at_low = partials
    stretch, block = unfolded(stretches)
    v, here, stop, slot = begun(stretch, offset, owner)
    own = block * wide + tl.arange(0, wide)[None, :]
    added, squared = tl.zeros((rows, wide), tl.float32), tl.zeros((rows, wide), tl.float32)
    most = tl.full((rows, wide), float("-inf"), tl.float32)
    least = tl.full((rows, wide), float("-inf"), tl.float32)
    most_at, least_at = tl.full((rows, wide), -1, tl.int32), tl.full((rows, wide), -1, tl.int32)
    for first in range(stretch, stop, rows):
        at, inside = slots_of(stretch, first, rows, stop, slot)
        some, there = at * c + own, inside & (own < c)
        if want != EXTREME:
            added += tl.load(some_total + some, there, 0.0)
        if want != TOTAL:
            most, most_at = _better(some_high, some_at_high, sign, some, there, most, most_at)
        if want == ALL:
            squared += tl.load(some_squares + some, there, 0.0)
            least, least_at = _better(some_low, some_at_low, -1.0, some, there, least, least_at)
    if here:
        where, within = v * c + own, own < c
        if want != EXTREME:
            tl.store(total + where, tl.sum(added, 0)[None, :].to(total.dtype.element_ty), within)
        if want != TOTAL:
            best, best_at = _best(most, most_at)
            tl.store(high + where, (sign * best).to(high.dtype.element_ty), within)
            tl.store(at_high + where, best_at, within)
        if want == ALL:
            tl.store(squares + where, tl.sum(squared, 0)[None, :].to(squares.dtype.element_ty), within)
            best, best_at = _best(least, least_at)
            tl.store(low + where, (-best).to(low.dtype.element_ty), within)
            tl.store(at_low + where, best_at, within)


@triton.jit(do_not_specialize=["slots", "tasks"])
@no_type_check
def _backward(
    mine,
    other,
    weight,
    met,
    target,
    place,
    offset,
    owner,
    slots,
    tasks,
    partial,
    grads,
    at,
    out,
    c,
    kind: tl.constexpr,
    want: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
):
    """Program ``(t, block)`` sums a block of columns of a row's gradient over its edges, or over a part of them.

    On each edge, the message of the row has row ``met`` as its other factor.
    """
    t, block = unfolded(tasks)
    s, first, last, whole, part = task(t, offset, owner, slots)
    own, across, real, there, turn = _columns(kind, block, c, wide)
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
    put(out, s * c + own, partial, t * c + own, tl.sum(along, 0)[None, :], there, whole, part)


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
    """Each program computes the gradients of some edge weights, one block of columns after the other."""
    place = (tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows))[:, None]
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
    """Fills ``outs`` as :func:`gnnneg.kernels.numba_relational.forward` does, in the precision of ``states``. ``way``
    holds the edges' sources, types and offsets, sorted by target.
    """
    c = states.size(1)
    rows, wide = triton_parts.columns(c, TILE)
    given = states.contiguous(), relation.contiguous(), weight.contiguous()
    sign = 1.0 if want == numba_relational.ALL else sign
    offset = way[2]
    owner = triton_parts.cut(offset, len(weight))
    slots, tasks = len(owner), len(owner) + len(states)
    single = (torch.int32 if one.dtype == torch.int32 else torch.float32 for one in outs)
    partials = tuple(one.new_empty(slots, one.size(1), dtype=dtype) for one, dtype in zip(outs, single))
    blocks, constants, parts = triton.cdiv(c, wide), (rows, wide), (owner, slots, tasks, partials)
    _forward[(tasks * blocks,)](
        *given, *way, *parts, outs, sign, c, kind, want, *constants, num_warps=4, enable_fp_fusion=True
    )
    if slots:
        _join[(slots // 2 * blocks,)](
            offset, owner, slots // 2, partials, outs, sign, c, want, *constants, num_warps=4, enable_fp_fusion=True
        )


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

    Cost in addition to the sums: one sort of the edge types. The host does not wait.
    """
    source, edge_type, _, _, target, back_type, back_offset, place = edges
    states, relation, weight = states.contiguous(), relation.contiguous(), weight.contiguous()
    grads, at = tuple(one.contiguous() for one in grads), tuple(one.contiguous() for one in at)
    into = torch.empty_like(target)  # sorted by target
    into[place.long()] = target
    of_weight = weight.new_empty(0)
    if learned:
        of_weight = torch.empty_like(weight)
        c, e = states.size(1), len(weight)
        rows, wide = triton_parts.columns(c, TILE // 2)  # each edge has different gradients, which take more room
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
    c, out = mine.size(1), torch.empty_like(mine)
    rows, wide = triton_parts.columns(c, TILE)
    owner = triton_parts.cut(offset, len(along[0]))
    slots, tasks = len(owner), len(owner) + len(mine)
    partial = torch.empty(slots, c, device=mine.device)
    given, parts, constants = (mine, other, weight, *along), (offset, owner, slots, tasks, partial), (rows, wide)
    _backward[(tasks * triton.cdiv(c, wide),)](
        *given, *parts, grads, at, out, c, kind, want, *constants, num_warps=4, enable_fp_fusion=True
    )
    triton_parts.add(partial, offset, owner, out)
    return out
