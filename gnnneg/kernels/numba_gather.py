"""Scores against private candidates on the CPU, gathered and scored at once, and both gradients."""

from typing import no_type_check

import numba
import numpy as np

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import KINDS, ORDER, WEIGHABLE, chosen, is_rooted, parts_of, slope, term
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


_score_plain, _score_weighed = chosen(_score_all, KINDS), chosen(_score_all, WEIGHABLE)


@kernel(parallel=True)
@no_type_check
def forward(kind, weighted, query, weight, table, index, out):
    """Fills scores ``(b, k)``."""
    for i in numba.prange(index.shape[0]):
        if weighted:
            _score_weighed(kind, True, query[i], weight[i], table, index[i], out[i])
        else:
            _score_plain(kind, False, query[i], query[i], table, index[i], out[i])


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
    """Adds ``grad`` times each coordinate's summand, the derivative by its weight, to ``out``."""
    for l in range(out.size):
        n = l + out.size if parts_of(kind) == 2 else l
        out[l] += grad * term(kind, own[l], other[l], own[n], other[n])


_add_plain, _add_weighed, _add_terms = chosen(_add, KINDS), chosen(_add, WEIGHABLE), chosen(_add_term, WEIGHABLE)


@kernel()
@no_type_check
def by_row(index, num_rows, offset, place):
    """Counting sort of the flat index: ``place[offset[r]:offset[r + 1]]`` are where row ``r`` was asked for."""
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


@kernel(parallel=True)
@no_type_check
def backward(
    kind, weighted, learned, grad, query, weight, table, index, offset, place, grad_query, grad_weight, grad_table
):
    """Each query's gradient over its candidates, then each row's over its occurrences: no two threads share one."""
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
                _add_terms(kind, g, query[i], row, grad_weight[i])
            if weighted:
                _add_weighed(kind, True, g, query[i], weight[i], row, grad_query[i])
            else:
                _add_plain(kind, False, g, query[i], query[i], row, grad_query[i])
    for r in numba.prange(table.shape[0]):
        grad_table[r] = 0
        for o in range(offset[r], offset[r + 1]):
            i, j = place[o] // k, place[o] % k
            if weighted:
                _add_weighed(kind, True, grad[i, j], table[r], weight[i], query[i], grad_table[r])
            else:
                _add_plain(kind, False, grad[i, j], table[r], table[r], query[i], grad_table[r])
