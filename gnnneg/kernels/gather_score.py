"""Scores against private candidates, gathered and scored at once: never a ``(b, k, d)`` tensor."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.devices import lifted, needs_float, no_gradient, on_triton
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, ORDER, PHASE, divided, refuse_weights, slope, summed, term
from gnnneg.kernels.threads import launch

CELLS = 1 << 26  # numbers of a broadcast tensor


def gather_reference(
    kind: int,
    query: Float[Tensor, "b q"],
    table: Float[Tensor, "n d"],
    index: Int[Tensor, "b k"],
    weight: Float[Tensor, "b h"] | None = None,
) -> Float[Tensor, "b k"]:
    """The broadcast form; any device, and a ``(b, k, d)`` tensor."""
    candidate = torch.nn.functional.embedding(index, table)
    if kind == INNER:
        return (candidate @ query[:, :, None]).squeeze(2)
    return summed(kind, query[:, None] - candidate, weight)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _score(kind, weighted, query, weight, row):
    h = query.size // 2 if kind == MODULUS else query.size
    total = query[0] * 0
    for l in range(h):
        n = l + h if kind == MODULUS else l
        each = term(kind, query[l], row[l], query[n], row[n])
        total += each * weight[l] if weighted else each
    return total


@numba.njit(parallel=True, cache=True)
@no_type_check
def _forward(kind, weighted, query, weight, table, index, out):
    for i in numba.prange(index.shape[0]):
        own = query[i]
        if weighted:
            if kind == L1:
                for j in range(index.shape[1]):
                    out[i, j] = _score(L1, True, own, weight[i], table[index[i, j]])
            elif kind == PHASE:
                for j in range(index.shape[1]):
                    out[i, j] = _score(PHASE, True, own, weight[i], table[index[i, j]])
            else:
                for j in range(index.shape[1]):
                    out[i, j] = _score(MODULUS, True, own, weight[i], table[index[i, j]])
        elif kind == INNER:
            for j in range(index.shape[1]):
                out[i, j] = _score(INNER, False, own, own, table[index[i, j]])
        elif kind == L1:
            for j in range(index.shape[1]):
                out[i, j] = _score(L1, False, own, own, table[index[i, j]])
        elif kind == L2:
            for j in range(index.shape[1]):
                out[i, j] = np.sqrt(_score(L2, False, own, own, table[index[i, j]]))
        elif kind == PHASE:
            for j in range(index.shape[1]):
                out[i, j] = _score(PHASE, False, own, own, table[index[i, j]])
        else:
            for j in range(index.shape[1]):
                out[i, j] = _score(MODULUS, False, own, own, table[index[i, j]])


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _add(kind, weighted, grad, own, weight, other, out):
    """Adds ``grad`` times the derivative by ``own`` to ``out``."""
    h = own.size // 2 if kind == MODULUS else own.size
    for l in range(h):
        n = l + h if kind == MODULUS else l
        x, y = slope(kind, grad * weight[l] if weighted else grad, own[l], other[l], own[n], other[n])
        out[l] += x
        if kind == MODULUS:
            out[n] += y


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _add_term(kind, grad, own, other, out):
    """Adds ``grad`` times each coordinate's summand, the derivative by its weight, to ``out``."""
    for l in range(out.size):
        n = l + out.size if kind == MODULUS else l
        out[l] += grad * term(kind, own[l], other[l], own[n], other[n])


@numba.njit(cache=True)
@no_type_check
def _by_row(index, num_rows, offset, place):
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


@numba.njit(parallel=True, cache=True)
@no_type_check
def _backward(
    kind, weighted, learned, grad, query, weight, table, index, offset, place, grad_query, grad_weight, grad_table
):
    """Each query's gradient over its candidates, then each row's over its occurrences: no two threads share one."""
    k = index.shape[1]
    for i in numba.prange(index.shape[0]):
        grad_query[i] = 0
        if learned:
            grad_weight[i] = 0
        own, out = query[i], grad_query[i]
        for j in range(k):
            g, row = grad[i, j], table[index[i, j]]
            if learned:
                if kind == L1:
                    _add_term(L1, g, own, row, grad_weight[i])
                elif kind == PHASE:
                    _add_term(PHASE, g, own, row, grad_weight[i])
                else:
                    _add_term(MODULUS, g, own, row, grad_weight[i])
            if weighted:
                if kind == L1:
                    _add(L1, True, g, own, weight[i], row, out)
                elif kind == PHASE:
                    _add(PHASE, True, g, own, weight[i], row, out)
                else:
                    _add(MODULUS, True, g, own, weight[i], row, out)
            elif kind == INNER:
                _add(INNER, False, g, own, own, row, out)
            elif kind == L1:
                _add(L1, False, g, own, own, row, out)
            elif kind == L2:
                _add(L2, False, g, own, own, row, out)
            elif kind == PHASE:
                _add(PHASE, False, g, own, own, row, out)
            else:
                _add(MODULUS, False, g, own, own, row, out)
    for r in numba.prange(table.shape[0]):
        grad_table[r] = 0
        own, out = table[r], grad_table[r]
        for o in range(offset[r], offset[r + 1]):
            i, j = place[o] // k, place[o] % k
            g = grad[i, j]
            if weighted:
                if kind == L1:
                    _add(L1, True, g, own, weight[i], query[i], out)
                elif kind == PHASE:
                    _add(PHASE, True, g, own, weight[i], query[i], out)
                else:
                    _add(MODULUS, True, g, own, weight[i], query[i], out)
            elif kind == INNER:
                _add(INNER, False, g, own, own, query[i], out)
            elif kind == L1:
                _add(L1, False, g, own, own, query[i], out)
            elif kind == L2:
                _add(L2, False, g, own, own, query[i], out)
            elif kind == PHASE:
                _add(PHASE, False, g, own, own, query[i], out)
            else:
                _add(MODULUS, False, g, own, own, query[i], out)


def _in_parts(kind: int, query: Tensor, table: Tensor, index: Tensor, weight: Tensor | None) -> Tensor:
    """The broadcast form of some columns after the others, so that no tensor has more than :obj:`CELLS` numbers."""
    parts = index.split(max(1, CELLS // max(1, query.numel())), 1)
    return torch.cat([gather_reference(kind, query, table, part, weight) for part in parts], 1)


def _pulled_in_parts(
    grad: Tensor, kind: int, query: Tensor, table: Tensor, index: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    total = [torch.zeros_like(query), torch.zeros_like(table), no_gradient(grad, weight)]
    step = max(1, CELLS // max(1, query.numel()))
    for part, outward in zip(index.split(step, 1), grad.split(step, 1)):
        given = (query, table) if weight is None else (query, table, weight)

        def scored(query: Tensor, table: Tensor, *weight: Tensor, part: Tensor = part) -> Tensor:
            return gather_reference(kind, query, table, part, *weight)

        pull = torch.func.vjp(scored, *given)[1]  # not autograd itself, which records nothing within an operator
        for whole, found in zip(total, pull(outward)):
            whole += found
    return total[0], total[1], total[2]


@torch.library.custom_op("gnnneg::gather_score", mutates_args=())
def _gather(query: Tensor, table: Tensor, index: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    if weight is None and on_triton(query, table):
        from gnnneg.kernels import triton_gather  # imported where there is a device that it can compile for

        with torch.cuda.device_of(query):
            return triton_gather.forward(kind, query, table, index)
    if needs_float(query, table, weight):
        return _gather(query.float(), table.float(), index, kind, lifted(weight)).to(query.dtype)
    if query.device.type != "cpu":
        return _in_parts(kind, query, table, index, weight)
    out = query.new_empty(index.shape)
    if out.numel():
        own = query.contiguous()
        weights = own if weight is None else weight.contiguous()
        launch(_forward, kind, weight is not None, own, weights, table.contiguous(), index.contiguous(), out)
    return out


@_gather.register_fake
def _(query: Tensor, table: Tensor, index: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    return query.new_empty(index.shape)


@torch.library.custom_op("gnnneg::gather_score_backward", mutates_args=())
def _gather_backward(
    grad: Tensor,
    query: Tensor,
    table: Tensor,
    index: Tensor,
    value: Tensor,
    kind: int,
    weight: Tensor | None = None,
    learned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    if weight is None and on_triton(query, table, grad):
        from gnnneg.kernels import triton_gather

        with torch.cuda.device_of(query):
            found = triton_gather.backward(kind, divided(kind, grad, value.float()), query, table, index)
            return *found, grad.new_empty(0)
    if needs_float(query, table, weight):
        floats = grad.float(), query.float(), table.float(), index, value.float(), kind, lifted(weight), learned
        found = _gather_backward(*floats)
        return found[0].to(query.dtype), found[1].to(table.dtype), found[2]
    if query.device.type != "cpu":
        return _pulled_in_parts(grad, kind, query, table, index, weight)
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(table), no_gradient(grad, weight)
    grad = divided(kind, grad, value).contiguous()
    own, index = query.contiguous(), index.contiguous()
    offset, place = index.new_empty(table.size(0) + 1), index.new_empty(index.numel())
    launch(_by_row, index.view(-1), table.size(0), offset, place)
    out = torch.empty_like(query, memory_format=torch.contiguous_format), torch.empty_like(table)
    weights, of_weight = own, out[0]
    if weight is not None:
        weights, of_weight = weight.contiguous(), torch.empty_like(weight, memory_format=torch.contiguous_format)
    places = index, offset, place
    which = weight is not None, weight is not None and learned
    given = grad, own, weights, table.contiguous()
    launch(_backward, kind, *which, *given, *places, out[0], of_weight, out[1])
    return *out, grad.new_empty(0) if weight is None else of_weight


@_gather_backward.register_fake
def _(
    grad: Tensor,
    query: Tensor,
    table: Tensor,
    index: Tensor,
    value: Tensor,
    kind: int,
    weight: Tensor | None = None,
    learned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(table), no_gradient(grad, weight)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    query, table, index, ctx.kind, weight = inputs
    ctx.weighted = weight is not None
    ctx.save_for_backward(query, table, index, output, *([weight] if ctx.weighted else []))


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    query, table, index, value, *weight = ctx.saved_tensors
    learned = ctx.weighted and ctx.needs_input_grad[4]  # a mask is not
    found = _gather_backward(grad, query, table, index, value, ctx.kind, weight[0] if weight else None, learned)
    return found[0], found[1], None, None, found[2] if learned else None


_gather.register_autograd(_differentiate, setup_context=_save)


def gather(
    kind: int,
    query: Float[Tensor, "b q"],
    table: Float[Tensor, "n d"],
    index: Int[Tensor, "b k"],
    weight: Float[Tensor, "b h"] | None = None,
) -> Float[Tensor, "b k"]:
    r"""What :func:`~gnnneg.kernels.pairwise.pairwise` computes, or the inner product, against ``table[index]``.

    Args:
        kind (int): One of :mod:`gnnneg.kernels.kinds`.
        query (torch.Tensor): ``(b, d)``.
        table (torch.Tensor): ``(n, d)``.
        index (torch.Tensor): Rows of the table, ``(b, k)``.
        weight (torch.Tensor, optional): Non-negative, one for each coordinate of each query. Carries a gradient. Only
            on CPU is there a kernel for it. (default: :obj:`None`, all 1)

    Raises:
        ValueError: If L2 or the inner product is given weights: the latter's belong into the query.
    """
    refuse_weights(kind, weight)
    return _gather(query, table, index, kind, weight)
