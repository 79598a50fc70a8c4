"""Pairwise distances on the CPU, plain or with a weight for each coordinate of each query.

Both sides are packed into blocks with separate coordinates, so that the innermost loop runs over candidates and
vectorises for any width. Four queries and two coordinates at a time make arithmetic, not memory, the limit. Each sum
has one fixed order: results are identical bit for bit on any number of threads.
"""

from functools import cache
from typing import Any, no_type_check

import numba
import numpy as np

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import DISTANCES, ORDER, is_rooted, parts_of, slope, term

ROWS = 4  # queries at a time
STEP = 2  # coordinates at a time


@kernel(parallel=True)
@no_type_check
def pack(parts, block, matrix, out):
    """Packs ``(k, parts * h)`` into blocks ``(blocks, parts * padded h, block)``; the padding is zero."""
    k, h, padded = matrix.shape[0], matrix.shape[1] // parts, out.shape[1] // parts
    for number in numba.prange(out.shape[0]):
        out[number] = 0
        first = number * block
        for j in range(min(block, k - first)):
            for part in range(parts):
                for l in range(h):
                    out[number, part * padded + l, j] = matrix[first + j, part * h + l]


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _tile(kind, weighted, query, weight, candidate, out):
    """``(h, 4)`` queries, and weights if ``weighted``, against ``(h, block)`` candidates."""
    parts = parts_of(kind)
    block, h = candidate.shape[1], candidate.shape[0] // parts
    out[:] = 0
    for l in range(0, h, STEP):
        for j in range(block):
            a, b, c, d = out[0, j], out[1, j], out[2, j], out[3, j]
            for m in range(l, l + STEP):
                n = m + h if parts == 2 else m
                x, y = candidate[m, j], candidate[n, j]
                ta, tb = term(kind, query[m, 0], x, query[n, 0], y), term(kind, query[m, 1], x, query[n, 1], y)
                tc, td = term(kind, query[m, 2], x, query[n, 2], y), term(kind, query[m, 3], x, query[n, 3], y)
                if weighted:
                    ta, tb, tc, td = ta * weight[m, 0], tb * weight[m, 1], tc * weight[m, 2], td * weight[m, 3]
                a, b, c, d = a + ta, b + tb, c + tc, d + td
            out[0, j], out[1, j], out[2, j], out[3, j] = a, b, c, d


@cache
def forward(kind: int, weighted: bool) -> Any:
    """A kernel that fills distances ``(b, k)`` of packed queries, weights and candidates; a task handles ``share``
    query blocks. ``spare`` is always false; without this argument its loops are fused and become slower.
    """
    other = DISTANCES[1] if kind == DISTANCES[0] else DISTANCES[0]

    @kernel(parallel=True)
    @no_type_check
    def distance(spare, share, query, weight, candidate, out):
        block, width = candidate.shape[2], out.shape[1]
        shares = (query.shape[0] + share - 1) // share
        for task in numba.prange(candidate.shape[0] * shares):
            number, first = task // shares, task % shares * share
            sums = np.empty((ROWS, block), out.dtype)
            begin = number * block
            end = min(begin + block, width)
            for i in range(first, min(first + share, query.shape[0])):
                if spare:  # never true: with two branches, LLVM leaves the loops of both as they are
                    _tile(other, weighted, query[i], weight[i], candidate[number], sums)
                else:
                    _tile(kind, weighted, query[i], weight[i], candidate[number], sums)
                for r in range(min(ROWS, out.shape[0] - i * ROWS)):
                    for j in range(begin, end):
                        out[i * ROWS + r, j] = np.sqrt(sums[r, j - begin]) if is_rooted(kind) else sums[r, j - begin]

    return distance


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _pull(kind, weighted, learned, l, grad, query, weight, candidate, grad_query, grad_weight, grad_candidate):
    """Adds the contribution of four queries ``(4, block)`` at coordinate ``l`` to the gradients."""
    parts = parts_of(kind)
    n = l + candidate.shape[0] // 2 if parts == 2 else l
    qa, qb, qc, qd = query[l, 0], query[l, 1], query[l, 2], query[l, 3]
    pa, pb, pc, pd = query[n, 0], query[n, 1], query[n, 2], query[n, 3]
    zero = grad[0, 0] * 0
    ax, bx, cx, dx, ay, by, cy, dy = zero, zero, zero, zero, zero, zero, zero, zero
    ta, tb, tc, td = zero, zero, zero, zero
    for j in range(candidate.shape[1]):
        x, y = candidate[l, j], candidate[n, j]
        ga, gb, gc, gd = grad[0, j], grad[1, j], grad[2, j], grad[3, j]
        if learned:
            ta, tb = ta + ga * term(kind, qa, x, pa, y), tb + gb * term(kind, qb, x, pb, y)
            tc, td = tc + gc * term(kind, qc, x, pc, y), td + gd * term(kind, qd, x, pd, y)
        if weighted:
            ga, gb, gc, gd = ga * weight[l, 0], gb * weight[l, 1], gc * weight[l, 2], gd * weight[l, 3]
        sax, say = slope(kind, ga, qa, x, pa, y)
        sbx, sby = slope(kind, gb, qb, x, pb, y)
        scx, scy = slope(kind, gc, qc, x, pc, y)
        sdx, sdy = slope(kind, gd, qd, x, pd, y)
        ax, bx, cx, dx = ax + sax, bx + sbx, cx + scx, dx + sdx
        grad_candidate[l, j] -= sax + sbx + scx + sdx
        if parts == 2:
            ay, by, cy, dy = ay + say, by + sby, cy + scy, dy + sdy
            grad_candidate[n, j] -= say + sby + scy + sdy
    grad_query[l, 0] += ax
    grad_query[l, 1] += bx
    grad_query[l, 2] += cx
    grad_query[l, 3] += dx
    if parts == 2:
        grad_query[n, 0] += ay
        grad_query[n, 1] += by
        grad_query[n, 2] += cy
        grad_query[n, 3] += dy
    if learned:
        grad_weight[l, 0] += ta
        grad_weight[l, 1] += tb
        grad_weight[l, 2] += tc
        grad_weight[l, 3] += td


@cache
def backward(kind: int, weighted: bool, learned: bool) -> Any:
    """A kernel for all gradients (including weights if ``learned``), packed. Each task owns ``share`` coordinates, so
    no two tasks write the same numbers.
    """

    @kernel(parallel=True)
    @no_type_check
    def pull(share, grad, query, weight, candidate, grad_query, grad_weight, grad_candidate):
        h = query.shape[1] // parts_of(kind)
        block, (b, k) = candidate.shape[2], grad.shape
        for task in numba.prange((h + share - 1) // share):
            begin, end = task * share, min(task * share + share, h)
            part = np.empty((ROWS, block), grad.dtype)
            for number in range(candidate.shape[0]):
                first = number * block
                wide = min(block, k - first)
                other, out = candidate[number], grad_candidate[number]
                for i in range(query.shape[0]):
                    part[:] = 0
                    for r in range(min(ROWS, b - i * ROWS)):
                        for j in range(wide):
                            part[r, j] = grad[i * ROWS + r, first + j]
                    own, gain, back, of_gain = query[i], weight[i], grad_query[i], grad_weight[i]
                    for l in range(begin, end):
                        _pull(kind, weighted, learned, l, part, own, gain, other, back, of_gain, out)

    return pull
