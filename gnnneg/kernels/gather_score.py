"""Scores against private candidates, gathered and scored at once: never a ``(b, k, d)`` tensor."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.devices import needs_float, on_triton
from gnnneg.kernels.kinds import INNER, L1, L2, MODULUS, ORDER, PHASE, divided, slope, term
from gnnneg.kernels.threads import launch


def gather_reference(
    kind: int, query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    """The broadcast form; any device, and a ``(b, k, d)`` tensor."""
    candidate = torch.nn.functional.embedding(index, table)
    if kind == INNER:
        return (candidate @ query[:, :, None]).squeeze(2)
    difference = query[:, None] - candidate
    if kind == L1:
        return difference.abs().sum(2)
    if kind == L2:
        return torch.linalg.vector_norm(difference, dim=2)
    if kind == PHASE:
        return (difference / 2).sin().abs().sum(2)
    return torch.linalg.vector_norm(difference.unflatten(2, (2, -1)), dim=2).sum(2)


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _score(kind, query, row):
    h = query.size // 2 if kind == MODULUS else query.size
    total = query[0] * 0
    for l in range(h):
        n = l + h if kind == MODULUS else l
        total += term(kind, query[l], row[l], query[n], row[n])
    return total


@numba.njit(parallel=True, cache=True)
@no_type_check
def _forward(kind, query, table, index, out):
    for i in numba.prange(index.shape[0]):
        if kind == INNER:
            for j in range(index.shape[1]):
                out[i, j] = _score(INNER, query[i], table[index[i, j]])
        elif kind == L1:
            for j in range(index.shape[1]):
                out[i, j] = _score(L1, query[i], table[index[i, j]])
        elif kind == L2:
            for j in range(index.shape[1]):
                out[i, j] = np.sqrt(_score(L2, query[i], table[index[i, j]]))
        elif kind == PHASE:
            for j in range(index.shape[1]):
                out[i, j] = _score(PHASE, query[i], table[index[i, j]])
        else:
            for j in range(index.shape[1]):
                out[i, j] = _score(MODULUS, query[i], table[index[i, j]])


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _add(kind, grad, own, other, out):
    """Adds ``grad`` times the derivative by ``own`` to ``out``."""
    h = own.size // 2 if kind == MODULUS else own.size
    for l in range(h):
        n = l + h if kind == MODULUS else l
        x, y = slope(kind, grad, own[l], other[l], own[n], other[n])
        out[l] += x
        if kind == MODULUS:
            out[n] += y


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
def _backward(kind, grad, query, table, index, offset, place, grad_query, grad_table):
    """Each query's gradient over its candidates, then each row's over its occurrences: no two threads share one."""
    k = index.shape[1]
    for i in numba.prange(index.shape[0]):
        grad_query[i] = 0
        for j in range(k):
            g, row = grad[i, j], table[index[i, j]]
            if kind == INNER:
                _add(INNER, g, query[i], row, grad_query[i])
            elif kind == L1:
                _add(L1, g, query[i], row, grad_query[i])
            elif kind == L2:
                _add(L2, g, query[i], row, grad_query[i])
            elif kind == PHASE:
                _add(PHASE, g, query[i], row, grad_query[i])
            else:
                _add(MODULUS, g, query[i], row, grad_query[i])
    for r in numba.prange(table.shape[0]):
        grad_table[r] = 0
        for o in range(offset[r], offset[r + 1]):
            i, j = place[o] // k, place[o] % k
            g = grad[i, j]
            if kind == INNER:
                _add(INNER, g, table[r], query[i], grad_table[r])
            elif kind == L1:
                _add(L1, g, table[r], query[i], grad_table[r])
            elif kind == L2:
                _add(L2, g, table[r], query[i], grad_table[r])
            elif kind == PHASE:
                _add(PHASE, g, table[r], query[i], grad_table[r])
            else:
                _add(MODULUS, g, table[r], query[i], grad_table[r])


@torch.library.custom_op("gnnneg::gather_score", mutates_args=())
def _gather(query: Tensor, table: Tensor, index: Tensor, kind: int) -> Tensor:
    if on_triton(query, table):
        from gnnneg.kernels import triton_gather  # imported where there is a device that it can compile for

        with torch.cuda.device_of(query):
            return triton_gather.forward(kind, query, table, index)
    if needs_float(query, table):
        return _gather(query.float(), table.float(), index, kind).to(query.dtype)
    if query.device.type != "cpu":
        return gather_reference(kind, query, table, index)
    out = query.new_empty(index.shape)
    if out.numel():
        launch(_forward, kind, query.contiguous(), table.contiguous(), index.contiguous(), out)
    return out


@_gather.register_fake
def _(query: Tensor, table: Tensor, index: Tensor, kind: int) -> Tensor:
    return query.new_empty(index.shape)


@torch.library.custom_op("gnnneg::gather_score_backward", mutates_args=())
def _gather_backward(
    grad: Tensor, query: Tensor, table: Tensor, index: Tensor, value: Tensor, kind: int
) -> tuple[Tensor, Tensor]:
    if on_triton(query, table, grad):
        from gnnneg.kernels import triton_gather

        with torch.cuda.device_of(query):
            return triton_gather.backward(kind, divided(kind, grad, value.float()), query, table, index)
    if needs_float(query, table):
        found = _gather_backward(grad.float(), query.float(), table.float(), index, value.float(), kind)
        return found[0].to(query.dtype), found[1].to(table.dtype)
    if query.device.type != "cpu":
        with torch.enable_grad():
            leaves = query.detach().requires_grad_(), table.detach().requires_grad_()
            grads = torch.autograd.grad(gather_reference(kind, *leaves, index), leaves, grad)
        return grads[0].clone(), grads[1].clone()
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(table)
    grad = divided(kind, grad, value)
    index = index.contiguous()
    offset, place = index.new_empty(table.size(0) + 1), index.new_empty(index.numel())
    launch(_by_row, index.view(-1), table.size(0), offset, place)
    out = torch.empty_like(query, memory_format=torch.contiguous_format), torch.empty_like(table)
    launch(_backward, kind, grad.contiguous(), query.contiguous(), table.contiguous(), index, offset, place, *out)
    return out


@_gather_backward.register_fake
def _(grad: Tensor, query: Tensor, table: Tensor, index: Tensor, value: Tensor, kind: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(table)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    query, table, index, ctx.kind = inputs
    ctx.save_for_backward(query, table, index, output)


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    return *_gather_backward(grad, *ctx.saved_tensors, ctx.kind), None, None


_gather.register_autograd(_differentiate, setup_context=_save)


def gather_inner(
    query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    r"""The inner products :math:`\langle \mathbf{q}_i, \mathbf{t}_{\text{index}[i, j]} \rangle`."""
    return _gather(query, table, index, INNER)


def gather_l1(
    query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    r"""The distances :math:`\lVert \mathbf{q}_i - \mathbf{t}_{\text{index}[i, j]} \rVert_1`."""
    return _gather(query, table, index, L1)


def gather_l2(
    query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    r"""The distances :math:`\lVert \mathbf{q}_i - \mathbf{t}_{\text{index}[i, j]} \rVert_2`."""
    return _gather(query, table, index, L2)


def gather_modulus(
    query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    r"""The sums of complex moduli :math:`\sum_l \lvert q_{il} - t_{\text{index}[i, j], l} \rvert`."""
    return _gather(query, table, index, MODULUS)


def gather_phase(
    query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
) -> Float[Tensor, "b k"]:
    r"""The sums :math:`\sum_l \lvert \sin((q_{il} - t_{\text{index}[i, j], l}) / 2) \rvert` of angles."""
    return _gather(query, table, index, PHASE)
