"""Scores against private candidates, gathered and scored in one step, without a ``(b, k, d)`` tensor."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.allocation import room_for
from gnnneg.kernels import numba_gather
from gnnneg.kernels.devices import lifted, needs_float, no_gradient, on_triton
from gnnneg.kernels.kinds import divided, refuse_weights, summed
from gnnneg.kernels.operator import operator
from gnnneg.kernels.parts import in_parts, pulled_in_parts, slices
from gnnneg.kernels.scored import differentiated, save
from gnnneg.kernels.threads import launch


def gather_reference(
    kind: int,
    query: Float[Tensor, "b q"],
    table: Float[Tensor, "n d"],
    index: Int[Tensor, "b k"],
    weight: Float[Tensor, "b h"] | None = None,
) -> Float[Tensor, "b k"]:
    """The broadcast form, for any device, with a ``(b, k, d)`` tensor."""
    return summed(kind, query, F.embedding(index, table), weight)


def _in_columns(kind: int, query: Tensor, table: Tensor, index: Tensor, weight: Tensor | None) -> tuple[Any, ...]:
    """The broadcast form for :func:`in_parts`."""

    def compute(some: slice, query: Tensor, table: Tensor, *weight: Tensor) -> list[Tensor]:
        return [gather_reference(kind, query, table, index[:, some], *weight)]

    given = (query, table) if weight is None else (query, table, weight)
    return compute, slices(index.size(1), query.numel()), given


@operator(
    "gather_score_backward",
    lambda grad, query, table, index, value, kind, weight=None, learned=False: (
        torch.empty_like(query),
        torch.empty_like(table),
        no_gradient(grad, weight),
    ),
)
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
        from gnnneg.kernels import triton_gather  # imported late: it needs a device to compile for

        with torch.cuda.device_of(query):
            found = triton_gather.backward(kind, divided(kind, grad, value.float()), query, table, index)
            return *found, grad.new_empty(0)
    if needs_float(query, table, weight):
        floats = grad.float(), query.float(), table.float(), index, value.float(), kind, lifted(weight), learned
        found = _gather_backward(*floats)
        return found[0].to(query.dtype), found[1].to(table.dtype), found[2]
    if query.device.type != "cpu":
        of_query, of_table, *pulled = pulled_in_parts([grad], *_in_columns(kind, query, table, index, weight))
        return of_query, of_table, pulled[0] if pulled else no_gradient(grad, weight)
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(table), no_gradient(grad, weight)
    grad = divided(kind, grad, value).contiguous()
    own, index = query.contiguous(), index.contiguous()
    offset, place = index.new_empty(table.size(0) + 1), index.new_empty(index.numel())
    launch(numba_gather.by_row, index.view(-1), table.size(0), offset, place)
    out = torch.empty_like(query, memory_format=torch.contiguous_format), room_for(table, *table.shape)
    weights, of_weight = own, out[0]
    if weight is not None:
        weights, of_weight = weight.contiguous(), torch.empty_like(weight, memory_format=torch.contiguous_format)
    which = weight is not None, weight is not None and learned
    given = grad, own, weights, table.contiguous(), index, offset, place
    launch(numba_gather.backward(kind, *which), *given, out[0], of_weight, out[1])
    return *out, grad.new_empty(0) if weight is None else of_weight


@operator(
    "gather_score",
    lambda query, table, index, kind, weight=None: query.new_empty(index.shape),
    save,
    differentiated(_gather_backward),
)
def _gather(query: Tensor, table: Tensor, index: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    if weight is None and on_triton(query, table):
        from gnnneg.kernels import triton_gather

        with torch.cuda.device_of(query):
            return triton_gather.forward(kind, query, table, index)
    if needs_float(query, table, weight):
        return _gather(query.float(), table.float(), index, kind, lifted(weight)).to(query.dtype)
    out = query.new_empty(index.shape)
    if query.device.type != "cpu":
        in_parts([out], *_in_columns(kind, query, table, index, weight))
    elif out.numel():
        own = query.contiguous()
        weights = own if weight is None else weight.contiguous()
        given = own, weights, table.contiguous(), index.contiguous()
        launch(numba_gather.forward(kind, weight is not None), *given, out)
    return out


def pull_apart(
    kind: int,
    grad: Float[Tensor, "b k"],
    query: Float[Tensor, "b d"],
    table: Float[Tensor, "n d"],
    index: Int[Tensor, "b k"],
    value: Float[Tensor, "b k"],
    out: Float[Tensor, "m d"],
) -> Float[Tensor, "b d"]:
    """The gradient of the queries of :func:`gather`, and in ``out`` that of each candidate, ``m = b k``.

    A row that is a candidate twice has two gradients. Only on a CPU, in float32 or float64.

    Args:
        kind (int): One of :mod:`gnnneg.kernels.kinds`.
        grad (torch.Tensor): The gradient of the scores, ``(b, k)``.
        query (torch.Tensor): ``(b, d)``.
        table (torch.Tensor): ``(n, d)``, as it was when the scores were made.
        index (torch.Tensor): Rows of the table, ``(b, k)``.
        value (torch.Tensor): The scores, ``(b, k)``.
        out (torch.Tensor): Is written, ``(b k, d)``, contiguous.
    """
    own = query.contiguous()
    of_query = torch.empty_like(own)
    given = divided(kind, grad, value).contiguous(), own, table, index.contiguous()
    launch(numba_gather.apart(kind), *given, of_query, out)
    return of_query


def gather(
    kind: int,
    query: Float[Tensor, "b q"],
    table: Float[Tensor, "n d"],
    index: Int[Tensor, "b k"],
    weight: Float[Tensor, "b h"] | None = None,
) -> Float[Tensor, "b k"]:
    r"""The same as :func:`~gnnneg.kernels.pairwise.pairwise`, or the inner product, against ``table[index]``.

    Args:
        kind (int): One of :mod:`gnnneg.kernels.kinds`.
        query (torch.Tensor): ``(b, d)``.
        table (torch.Tensor): ``(n, d)``.
        index (torch.Tensor): Rows of the table, ``(b, k)``.
        weight (torch.Tensor, optional): Non-negative weight of each coordinate of each query. Carries a gradient. It
            has a kernel only on CPU. (default: :obj:`None`, all 1)

    Raises:
        ValueError: If weights are given for L2 or for the inner product (there, multiply the query by them).
    """
    refuse_weights(kind, weight)
    return _gather(query, table, index, kind, weight)
