"""Messages along the edges of a relational graph and their aggregation at each node, in one pass, on the CPU.

A task takes :obj:`WIDTH` columns of all nodes and relations and first packs them next to each other. Rows of a wide
matrix are a power of two apart, and gathering from them would use only a small part of the cache. No two tasks share a
column, so gradients of nodes and relations are summed without locks, in one fixed order. Branches on the requested
results are outside the loops over columns, so these vectorise, and a separate kernel for each case would not be faster.
"""

from typing import no_type_check

import numba
import numpy as np

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER

WIDTH = 64  # columns of a task

PRODUCT, SUM, ROTATION = 0, 1, 2  # how an edge changes the state of a node
TOTAL, EXTREME, ALL = 0, 1, 2  # which aggregates of a node's messages are returned


def tasks(kind: int, size: int) -> int:
    """The number of tasks that share ``size`` columns."""
    return -(-(size // 2) // (WIDTH // 2)) if kind == ROTATION else -(-size // WIDTH)


@numba.njit(forceinline=True)
@no_type_check
def _columns(kind, task, size):
    """The first columns of a task's first and second half, and the number of real columns in each half."""
    half = WIDTH // 2
    if kind == ROTATION:  # the second half holds the imaginary parts
        first = task * half
        return first, size // 2 + first, min(half, size // 2 - first), min(half, size // 2 - first)
    first = task * WIDTH
    return first, first + half, min(half, size - first), max(0, min(half, size - first - half))


@numba.njit(forceinline=True)
@no_type_check
def _pack(matrix, where):
    """The columns of a task; the padding is zero."""
    first, second, left, right = where
    out = np.zeros((matrix.shape[0], WIDTH), matrix.dtype)
    for i in range(matrix.shape[0]):
        for j in range(left):
            out[i, j] = matrix[i, first + j]
        for j in range(right):
            out[i, WIDTH // 2 + j] = matrix[i, second + j]
    return out


@numba.njit(forceinline=True)
@no_type_check
def _unpack(row, where, out):
    first, second, left, right = where
    for j in range(left):
        out[first + j] = row[j]
    for j in range(right):
        out[second + j] = row[WIDTH // 2 + j]


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _send(kind, state, relation, weight, out):
    """The message of one edge."""
    if kind == PRODUCT:
        for j in range(WIDTH):
            out[j] = weight * (state[j] * relation[j])
    elif kind == SUM:
        for j in range(WIDTH):
            out[j] = weight * (state[j] + relation[j])
    else:
        for j in range(WIDTH // 2):
            k = j + WIDTH // 2
            out[j] = weight * (state[j] * relation[j] - state[k] * relation[k])
            out[k] = weight * (state[j] * relation[k] + state[k] * relation[j])


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _pull(kind, grad, state, relation, of_state, of_relation):
    """Adds the gradients of the two factors of a message. ``grad`` is the gradient of the message times its weight."""
    if kind == PRODUCT:
        for j in range(WIDTH):
            of_state[j] += grad[j] * relation[j]
            of_relation[j] += grad[j] * state[j]
    elif kind == SUM:
        for j in range(WIDTH):
            of_state[j] += grad[j]
            of_relation[j] += grad[j]
    else:
        for j in range(WIDTH // 2):
            k = j + WIDTH // 2
            of_state[j] += grad[j] * relation[j] + grad[k] * relation[k]
            of_state[k] += grad[k] * relation[j] - grad[j] * relation[k]
            of_relation[j] += grad[j] * state[j] + grad[k] * state[k]
            of_relation[k] += grad[k] * state[j] - grad[j] * state[k]


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _pull_one(kind, j, grad, state, relation, of_state, of_relation):
    """The same for one column."""
    half = WIDTH // 2
    if kind == PRODUCT:
        of_state[j] += grad * relation[j]
        of_relation[j] += grad * state[j]
    elif kind == SUM:
        of_state[j] += grad
        of_relation[j] += grad
    elif j < half:  # the real part
        of_state[j] += grad * relation[j]
        of_state[j + half] -= grad * relation[j + half]
        of_relation[j] += grad * state[j]
        of_relation[j + half] -= grad * state[j + half]
    else:
        of_state[j] += grad * relation[j - half]
        of_state[j - half] += grad * relation[j]
        of_relation[j] += grad * state[j - half]
        of_relation[j - half] += grad * state[j]


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _gather(kind, want, sign, where, states, relation, weight, source, edge_type, offset, outs):
    total, squares, high, at_high, low, at_low = outs
    own, of = _pack(states, where), _pack(relation, where)
    message = np.empty(WIDTH, states.dtype)
    added, squared = np.empty(WIDTH, states.dtype), np.empty(WIDTH, states.dtype)
    most, least = np.empty(WIDTH, states.dtype), np.empty(WIDTH, states.dtype)
    most_at, least_at = np.empty(WIDTH, np.int32), np.empty(WIDTH, np.int32)
    for v in range(offset.size - 1):
        for j in range(WIDTH):
            added[j], squared[j], most[j], least[j], most_at[j], least_at[j] = 0, 0, -np.inf, np.inf, -1, -1
        for p in range(offset[v], offset[v + 1]):
            if weight[p] == 0:
                continue
            _send(kind, own[source[p]], of[edge_type[p]], weight[p], message)
            if want != EXTREME:
                for j in range(WIDTH):
                    added[j] += message[j]
            if want == ALL:
                for j in range(WIDTH):
                    squared[j] += message[j] * message[j]
            if want != TOTAL:
                for j in range(WIDTH):
                    x = message[j] if want == ALL else sign * message[j]
                    better = x > most[j]
                    most[j] = x if better else most[j]
                    most_at[j] = p if better else most_at[j]
            if want == ALL:
                for j in range(WIDTH):
                    better = message[j] < least[j]
                    least[j] = message[j] if better else least[j]
                    least_at[j] = p if better else least_at[j]
        if want != EXTREME:
            _unpack(added, where, total[v])
        if want == EXTREME:
            for j in range(WIDTH):
                most[j] *= sign
        if want != TOTAL:
            _unpack(most, where, high[v])
            _unpack(most_at, where, at_high[v])
        if want == ALL:
            _unpack(squared, where, squares[v])
            _unpack(least, where, low[v])
            _unpack(least_at, where, at_low[v])


@kernel(parallel=True)
@no_type_check
def forward(kind, want, sign, tasks, states, relation, weight, source, edge_type, offset, outs):
    """Fills ``outs``: sums, sums of squares, largest and its edge, smallest and its edge (for EXTREME, largest times
    sign).

    Nodes without edges have sum 0, largest -inf and smallest inf, from edge -1.
    """
    for task in numba.prange(tasks):
        where = _columns(kind, task, states.shape[1])
        _gather(kind, want, sign, where, states, relation, weight, source, edge_type, offset, outs)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _scatter(kind, want, where, states, relation, there, back, grads, out_states, out_relation):
    weight, source, edge_type = there
    back_weight, target, back_type, back_offset = back
    total, squares, high, at_high, low, at_low = grads
    own, of = _pack(states, where), _pack(relation, where)
    of_own, of_of = np.zeros_like(own), np.zeros_like(of)
    if want != EXTREME:
        arrived = _pack(total, where)
        spread = _pack(squares, where) if want == ALL else arrived
        grad, message = np.empty(WIDTH, states.dtype), np.empty(WIDTH, states.dtype)
        for u in range(back_offset.size - 1):
            for p in range(back_offset[u], back_offset[u + 1]):
                w, v, r = back_weight[p], target[p], back_type[p]
                if w == 0:
                    continue
                if want == ALL:
                    _send(kind, own[u], of[r], w, message)
                    for j in range(WIDTH):
                        grad[j] = w * (arrived[v, j] + 2 * message[j] * spread[v, j])
                else:
                    for j in range(WIDTH):
                        grad[j] = w * arrived[v, j]
                _pull(kind, grad, own[u], of[r], of_own[u], of_of[r])
    if want != TOTAL:
        first, second, left, right = where
        for v in range(high.shape[0]):
            for half in range(2):
                begin, count = (first, left) if half == 0 else (second, right)
                for i in range(count):
                    j = half * (WIDTH // 2) + i
                    p = at_high[v, begin + i]
                    if p >= 0:
                        u, r = source[p], edge_type[p]
                        g = weight[p] * high[v, begin + i]
                        _pull_one(kind, j, g, own[u], of[r], of_own[u], of_of[r])
                    if want == ALL:
                        p = at_low[v, begin + i]
                        if p >= 0:
                            u, r = source[p], edge_type[p]
                            g = weight[p] * low[v, begin + i]
                            _pull_one(kind, j, g, own[u], of[r], of_own[u], of_of[r])
    for u in range(states.shape[0]):
        _unpack(of_own[u], where, out_states[u])
    for r in range(relation.shape[0]):
        _unpack(of_of[r], where, out_relation[r])


@kernel(parallel=True)
@no_type_check
def backward(kind, want, tasks, states, relation, there, back, grads, out_states, out_relation):
    """The gradients of states and relations; ``there`` and ``back`` are the edges by target and by source."""
    for task in numba.prange(tasks):
        where = _columns(kind, task, states.shape[1])
        _scatter(kind, want, where, states, relation, there, back, grads, out_states, out_relation)


@kernel(parallel=True)
@no_type_check
def weights(kind, want, states, relation, weight, source, edge_type, offset, grads, out):
    """The gradients of the edge weights. A task handles the edges of a node over the whole width, because these
    gradients are rarely needed.
    """
    total, squares, high, at_high, low, at_low = grads
    size = states.shape[1]
    half = size // 2
    for v in numba.prange(offset.size - 1):
        for p in range(offset[v], offset[v + 1]):
            pull = weight[p] * 0
            if weight[p] != 0:
                h, r = states[source[p]], relation[edge_type[p]]
                for j in range(size):
                    if kind == PRODUCT:
                        sent = h[j] * r[j]
                    elif kind == SUM:
                        sent = h[j] + r[j]
                    elif j < half:
                        sent = h[j] * r[j] - h[j + half] * r[j + half]
                    else:
                        sent = h[j - half] * r[j] + h[j] * r[j - half]
                    if want != EXTREME:
                        pull += total[v, j] * sent
                    if want == ALL:
                        pull += 2 * weight[p] * squares[v, j] * sent * sent
                        if at_low[v, j] == p:
                            pull += low[v, j] * sent
                    if want != TOTAL and at_high[v, j] == p:
                        pull += high[v, j] * sent
            out[p] = pull
