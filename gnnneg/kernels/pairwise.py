"""Distances between all queries and all candidates, without a ``(b, k, d)`` tensor."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels import numba_pairwise
from gnnneg.kernels.devices import lifted, needs_float, no_gradient, on_triton
from gnnneg.kernels.kinds import divided, parts_of, refuse_weights, summed
from gnnneg.kernels.operator import operator
from gnnneg.kernels.parts import in_parts, pulled_in_parts, slices
from gnnneg.kernels.scored import differentiated, save
from gnnneg.kernels.threads import launch

BLOCK = 256  # candidates in a block: with 100 coordinates they take 100 kB, which stays in the second-level cache


def pairwise_reference(
    kind: int, query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"], weight: Float[Tensor, "b h"] | None = None
) -> Float[Tensor, "b k"]:
    """The broadcast form, for any device, with a ``(b, k, d)`` tensor."""
    return summed(kind, query, candidate[None], weight)


def _in_columns(kind: int, query: Tensor, candidate: Tensor, weight: Tensor | None) -> tuple[Any, ...]:
    """The broadcast form for :func:`in_parts`."""

    def compute(some: slice, query: Tensor, candidate: Tensor, *weight: Tensor) -> list[Tensor]:
        return [pairwise_reference(kind, query, candidate[some], *weight)]

    given = (query, candidate) if weight is None else (query, candidate, weight)
    return compute, slices(candidate.size(0), query.numel()), given


def _pack(parts: int, block: int, matrix: Tensor) -> Tensor:
    step = numba_pairwise.STEP
    padded = -(-matrix.size(1) // parts // step) * step
    out = matrix.new_empty(-(-matrix.size(0) // block), parts * padded, block)
    launch(numba_pairwise.pack, parts, block, matrix.contiguous(), out)
    return out


def _unpack(parts: int, packed: Tensor, like: Tensor) -> Tensor:
    width = like.size(1) // parts
    flat = packed.transpose(1, 2).reshape(-1, parts, packed.size(1) // parts)  # (rows, parts, padded)
    return flat[: like.size(0), :, :width].reshape(like.shape).contiguous()


def _share(tasks: int) -> int:
    return max(1, -(-tasks // (8 * torch.get_num_threads())))


def _packed(kind: int, query: Tensor, weight: Tensor | None, candidate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    parts = parts_of(kind)
    own = _pack(parts, numba_pairwise.ROWS, query)
    weights = own if weight is None else _pack(1, numba_pairwise.ROWS, weight)
    return own, weights, _pack(parts, min(BLOCK, candidate.size(0)), candidate)


@operator(
    "pairwise_backward",
    lambda grad, query, candidate, value, kind, weight=None, learned=False: (
        torch.empty_like(query),
        torch.empty_like(candidate),
        no_gradient(grad, weight),
    ),
)
def _pairwise_backward(
    grad: Tensor,
    query: Tensor,
    candidate: Tensor,
    value: Tensor,
    kind: int,
    weight: Tensor | None = None,
    learned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    if weight is None and on_triton(query, candidate, grad):
        from gnnneg.kernels import triton_pairwise  # imported late: it needs a device to compile for

        with torch.cuda.device_of(query):
            found = triton_pairwise.backward(kind, divided(kind, grad, value.float()), query, candidate)
            return *found, grad.new_empty(0)
    if needs_float(query, candidate, weight):
        floats = grad.float(), query.float(), candidate.float(), value.float(), kind, lifted(weight), learned
        found = _pairwise_backward(*floats)
        return found[0].to(query.dtype), found[1].to(candidate.dtype), found[2]
    if query.device.type != "cpu":
        of_query, of_candidate, *pulled = pulled_in_parts([grad], *_in_columns(kind, query, candidate, weight))
        return of_query, of_candidate, pulled[0] if pulled else no_gradient(grad, weight)
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(candidate), no_gradient(grad, weight)
    grad, parts = divided(kind, grad, value), parts_of(kind)
    packed = _packed(kind, query, weight, candidate)
    own, other = torch.zeros_like(packed[0]), torch.zeros_like(packed[2])
    weights = own if weight is None else torch.zeros_like(packed[1])
    share = max(1, -(-query.size(1) // parts // (4 * torch.get_num_threads())))
    which = weight is not None, weight is not None and learned
    launch(numba_pairwise.backward(kind, *which), share, grad.contiguous(), *packed, own, weights, other)
    of_weight = grad.new_empty(0) if weight is None else _unpack(1, weights, weight)
    return _unpack(parts, own, query), _unpack(parts, other, candidate), of_weight


@operator(
    "pairwise",
    lambda query, candidate, kind, weight=None: query.new_empty(query.size(0), candidate.size(0)),
    save,
    differentiated(_pairwise_backward),
)
def _pairwise(query: Tensor, candidate: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    if weight is None and on_triton(query, candidate):
        from gnnneg.kernels import triton_pairwise

        with torch.cuda.device_of(query):
            return triton_pairwise.forward(kind, query, candidate)
    if needs_float(query, candidate, weight):
        return _pairwise(query.float(), candidate.float(), kind, lifted(weight)).to(query.dtype)
    out = query.new_empty(query.size(0), candidate.size(0))
    if query.device.type != "cpu":
        in_parts([out], *_in_columns(kind, query, candidate, weight))
    elif out.numel():
        packed = _packed(kind, query, weight, candidate)
        launch(numba_pairwise.forward(kind, weight is not None), False, _share(packed[0].size(0)), *packed, out)
    return out


def pairwise(
    kind: int, query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"], weight: Float[Tensor, "b h"] | None = None
) -> Float[Tensor, "b k"]:
    r"""The distances between all queries and all candidates.

    .. math::
        \text{L1:}\ \sum_l w_{il} \lvert q_{il} - c_{jl} \rvert \qquad
        \text{L2:}\ \Bigl( \sum_l (q_{il} - c_{jl})^2 \Bigr)^{1/2} \qquad
        \text{PHASE:}\ \sum_l w_{il} \lvert \sin ((q_{il} - c_{jl}) / 2) \rvert

    and MODULUS as L1 with complex moduli, with real parts in the first half and imaginary parts in the second, and
    ``h = d / 2`` weights.

    Args:
        kind (int): One of :mod:`gnnneg.kernels.kinds`.
        query (torch.Tensor): ``(b, d)``.
        candidate (torch.Tensor): ``(k, d)``.
        weight (torch.Tensor, optional): Non-negative weight of each coordinate of each query. Carries a gradient. It
            has a kernel only on CPU. (default: :obj:`None`, all 1)

    Raises:
        ValueError: If weights are given for L2.
    """
    refuse_weights(kind, weight)
    return _pairwise(query, candidate, kind, weight)
