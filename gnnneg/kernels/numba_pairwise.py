"""Pairwise distances on the CPU.

Both sides are packed into blocks whose coordinates lie apart, so that the innermost loop runs over candidates, which
vectorises whatever the width is; four queries and two coordinates at a time keep the arithmetic, not the memory, busy.
Each sum is taken in one fixed order: the result is the same bit for bit on any number of threads.
"""

from typing import no_type_check

import numba
import numpy as np

from gnnneg.kernels.kinds import L1, L2, MODULUS, ORDER, PHASE, slope, term

ROWS = 4  # queries at a time
STEP = 2  # coordinates at a time


@numba.njit(parallel=True, cache=True)
@no_type_check
def pack(parts, block, matrix, out):
    """``(k, parts * h)`` into blocks ``(blocks, parts * padded h, block)``; what is added is zero."""
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
def _tile(kind, query, candidate, out):
    """``(h, 4)`` queries against ``(h, block)`` candidates."""
    block, h = candidate.shape[1], candidate.shape[0]
    if kind == MODULUS:
        h //= 2
    out[:] = 0
    for l in range(0, h, STEP):
        for j in range(block):
            a, b, c, d = out[0, j], out[1, j], out[2, j], out[3, j]
            for m in range(l, l + STEP):
                n = m + h if kind == MODULUS else m
                x, y = candidate[m, j], candidate[n, j]
                a += term(kind, query[m, 0], x, query[n, 0], y)
                b += term(kind, query[m, 1], x, query[n, 1], y)
                c += term(kind, query[m, 2], x, query[n, 2], y)
                d += term(kind, query[m, 3], x, query[n, 3], y)
            out[0, j], out[1, j], out[2, j], out[3, j] = a, b, c, d


@numba.njit(parallel=True, cache=True)
@no_type_check
def forward(kind, share, query, candidate, out):
    """Distances ``(b, k)`` of packed queries and candidates, ``share`` query blocks a task."""
    block, width = candidate.shape[2], out.shape[1]
    shares = (query.shape[0] + share - 1) // share
    for task in numba.prange(candidate.shape[0] * shares):
        number, first = task // shares, task % shares * share
        sums = np.empty((ROWS, block), out.dtype)
        begin = number * block
        end = min(begin + block, width)
        for i in range(first, min(first + share, query.shape[0])):
            if kind == L1:
                _tile(L1, query[i], candidate[number], sums)
            elif kind == L2:
                _tile(L2, query[i], candidate[number], sums)
            elif kind == PHASE:
                _tile(PHASE, query[i], candidate[number], sums)
            else:
                _tile(MODULUS, query[i], candidate[number], sums)
            for r in range(min(ROWS, out.shape[0] - i * ROWS)):
                for j in range(begin, end):
                    out[i * ROWS + r, j] = np.sqrt(sums[r, j - begin]) if kind == L2 else sums[r, j - begin]


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _pull(kind, l, h, grad, query, candidate, grad_query, grad_candidate):
    """Adds what four queries ``(4, block)`` hand back at coordinate ``l`` to both gradients."""
    n = l + h if kind == MODULUS else l
    qa, qb, qc, qd = query[l, 0], query[l, 1], query[l, 2], query[l, 3]
    pa, pb, pc, pd = query[n, 0], query[n, 1], query[n, 2], query[n, 3]
    zero = grad[0, 0] * 0
    ax, bx, cx, dx, ay, by, cy, dy = zero, zero, zero, zero, zero, zero, zero, zero
    for j in range(candidate.shape[1]):
        x, y = candidate[l, j], candidate[n, j]
        sax, say = slope(kind, grad[0, j], qa, x, pa, y)
        sbx, sby = slope(kind, grad[1, j], qb, x, pb, y)
        scx, scy = slope(kind, grad[2, j], qc, x, pc, y)
        sdx, sdy = slope(kind, grad[3, j], qd, x, pd, y)
        ax, bx, cx, dx = ax + sax, bx + sbx, cx + scx, dx + sdx
        grad_candidate[l, j] -= sax + sbx + scx + sdx
        if kind == MODULUS:
            ay, by, cy, dy = ay + say, by + sby, cy + scy, dy + sdy
            grad_candidate[n, j] -= say + sby + scy + sdy
    grad_query[l, 0] += ax
    grad_query[l, 1] += bx
    grad_query[l, 2] += cx
    grad_query[l, 3] += dx
    if kind == MODULUS:
        grad_query[n, 0] += ay
        grad_query[n, 1] += by
        grad_query[n, 2] += cy
        grad_query[n, 3] += dy


@numba.njit(parallel=True, cache=True)
@no_type_check
def backward(kind, share, grad, query, candidate, grad_query, grad_candidate):
    """Both gradients, packed like their inputs. A task owns ``share`` coordinates of both, so nothing is contended."""
    h = query.shape[1] // 2 if kind == MODULUS else query.shape[1]
    block, (b, k) = candidate.shape[2], grad.shape
    for task in numba.prange((h + share - 1) // share):
        begin, end = task * share, min(task * share + share, h)
        part = np.empty((ROWS, block), grad.dtype)
        for number in range(candidate.shape[0]):
            first = number * block
            wide = min(block, k - first)
            for i in range(query.shape[0]):
                part[:] = 0
                for r in range(min(ROWS, b - i * ROWS)):
                    for j in range(wide):
                        part[r, j] = grad[i * ROWS + r, first + j]
                for l in range(begin, end):
                    if kind == L1:
                        _pull(L1, l, h, part, query[i], candidate[number], grad_query[i], grad_candidate[number])
                    elif kind == L2:
                        _pull(L2, l, h, part, query[i], candidate[number], grad_query[i], grad_candidate[number])
                    elif kind == PHASE:
                        _pull(PHASE, l, h, part, query[i], candidate[number], grad_query[i], grad_candidate[number])
                    else:
                        _pull(MODULUS, l, h, part, query[i], candidate[number], grad_query[i], grad_candidate[number])
