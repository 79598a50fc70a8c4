"""Scores against private candidates on the CPU, gathered and scored in one step, and both gradients."""

from functools import cache
from typing import Any, no_type_check

import numba
import numpy as np

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER, is_rooted, parts_of, slope, term
from gnnneg.kernels.prefetch import AHEAD, soon


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _score(kind, weighted, query, weight, row):
    parts = parts_of(kind)
    h = query.size // parts
    total = query[0] * 0
    for l in range(h):
        n = l + h if parts == 2 else l
        each = term(kind, query[l], row[l], query[n], row[n])
        total += each * weight[l] if weighted else each
    return total


@numba.njit(forceinline=True)
@no_type_check
def _score_all(kind, weighted, query, weight, table, index, out):
    for j in range(index.size):
        if j + AHEAD < index.size:
            soon(table, index[j + AHEAD])
        score = _score(kind, weighted, query, weight, table[index[j]])
        out[j] = np.sqrt(score) if is_rooted(kind) else score


@cache
def forward(kind: int, weighted: bool) -> Any:
    """A kernel that fills scores ``(b, k)``."""

    @kernel(parallel=True)
    @no_type_check
    def score(query, weight, table, index, out):
        for i in numba.prange(index.shape[0]):
            _score_all(kind, weighted, query[i], weight[i], table, index[i], out[i])

    return score


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _add(kind, weighted, grad, own, weight, other, out):
    """Adds ``grad`` times the derivative by ``own`` to ``out``."""
    parts = parts_of(kind)
    h = own.size // parts
    for l in range(h):
        n = l + h if parts == 2 else l
        x, y = slope(kind, grad * weight[l] if weighted else grad, own[l], other[l], own[n], other[n])
        out[l] += x
        if parts == 2:
            out[n] += y


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _add_term(kind, grad, own, other, out):
    """Adds ``grad`` times each coordinate's term, which is the derivative by its weight, to ``out``."""
    for l in range(out.size):
        n = l + out.size if parts_of(kind) == 2 else l
        out[l] += grad * term(kind, own[l], other[l], own[n], other[n])


@kernel()
@no_type_check
def by_row(index, num_rows, offset, place):
    """Counting sort of the flat index: ``place[offset[r]:offset[r + 1]]`` are the positions of row ``r``."""
    offset[:] = 0
    for p in range(index.size):
        offset[index[p] + 1] += 1
    for r in range(num_rows):
        offset[r + 1] += offset[r]
    for p in range(index.size):
        r = index[p]
        place[offset[r]] = p
        offset[r] += 1
    for r in range(num_rows, 0, -1):
        offset[r] = offset[r - 1]
    offset[0] = 0


@cache
def backward(kind: int, weighted: bool, learned: bool) -> Any:
    """A kernel for the gradient of each query over its candidates, then of each row over its occurrences (and of
    weights if ``learned``). No two threads write the same row.
    """

    @kernel(parallel=True)
    @no_type_check
    def pull(grad, query, weight, table, index, offset, place, grad_query, grad_weight, grad_table):
        k = index.shape[1]
        for i in numba.prange(index.shape[0]):
            grad_query[i] = 0
            if learned:
                grad_weight[i] = 0
            for j in range(k):
                if j + AHEAD < k:
                    soon(table, index[i, j + AHEAD])
                g, row = grad[i, j], table[index[i, j]]
                if learned:
                    _add_term(kind, g, query[i], row, grad_weight[i])
                _add(kind, weighted, g, query[i], weight[i], row, grad_query[i])
        for r in numba.prange(table.shape[0]):
            grad_table[r] = 0
            for o in range(offset[r], offset[r + 1]):
                i, j = place[o] // k, place[o] % k
                _add(kind, weighted, grad[i, j], table[r], weight[i], query[i], grad_table[r])

    return pull


@cache
def apart(kind: int) -> Any:
    """A kernel for the gradient of each query over its candidates, and of each candidate by itself. Each row of the
    table is read once.
    """

    @kernel(parallel=True)
    @no_type_check
    def pull(grad, query, table, index, grad_query, grad_row):
        k = index.shape[1]
        for i in numba.prange(index.shape[0]):
            grad_query[i] = 0
            for j in range(k):
                if j + AHEAD < k:
                    soon(table, index[i, j + AHEAD])
                g, row, out = grad[i, j], table[index[i, j]], grad_row[i * k + j]
                _add(kind, False, g, query[i], query[i], row, grad_query[i])
                out[:] = 0
                _add(kind, False, g, row, query[i], query[i], out)

    return pull
