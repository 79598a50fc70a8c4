"""Distances between all queries and all candidates, without a ``(b, k, d)`` tensor."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels import numba_pairwise
from gnnneg.kernels.devices import lifted, needs_float, no_gradient, on_triton
from gnnneg.kernels.kinds import L1, MODULUS, divided, refuse_weights, summed
from gnnneg.kernels.threads import launch

REAL = L1  # weights are packed as real numbers, whatever they weigh
CELLS = 1 << 26  # numbers of a broadcast tensor
BLOCK = 256  # candidates side by side: with 100 coordinates, 100 kB, which stays in the second-level cache


def pairwise_reference(
    kind: int, query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"], weight: Float[Tensor, "b h"] | None = None
) -> Float[Tensor, "b k"]:
    """The broadcast form; any device, and a ``(b, k, d)`` tensor."""
    return summed(kind, query[:, None] - candidate, weight)


def _in_parts(kind: int, query: Tensor, candidate: Tensor, weight: Tensor | None) -> Tensor:
    """The broadcast form of some candidates after the others, so that no tensor has more than :obj:`CELLS` numbers."""
    parts = candidate.split(max(1, CELLS // max(1, query.numel())))
    return torch.cat([pairwise_reference(kind, query, part, weight) for part in parts], 1)


def _pulled_in_parts(
    grad: Tensor, kind: int, query: Tensor, candidate: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    of_query, of_candidate = torch.zeros_like(query), []
    of_weight = no_gradient(grad, weight)
    step = max(1, CELLS // max(1, query.numel()))
    for part, outward in zip(candidate.split(step), grad.split(step, 1)):
        given = (query, part) if weight is None else (query, part, weight)
        # not autograd itself, which records nothing within an operator
        found = torch.func.vjp(partial(pairwise_reference, kind), *given)[1](outward)
        of_query += found[0]
        of_candidate.append(found[1])
        if weight is not None:
            of_weight += found[2]
    return of_query, torch.cat(of_candidate), of_weight


def _parts(kind: int) -> int:
    return 2 if kind == MODULUS else 1


def _pack(kind: int, block: int, matrix: Tensor) -> Tensor:
    parts, step = _parts(kind), numba_pairwise.STEP
    padded = -(-matrix.size(1) // parts // step) * step
    out = matrix.new_empty(-(-matrix.size(0) // block), parts * padded, block)
    launch(numba_pairwise.pack, parts, block, matrix.contiguous(), out)
    return out


def _unpack(kind: int, packed: Tensor, like: Tensor) -> Tensor:
    parts = _parts(kind)
    width = like.size(1) // parts
    flat = packed.transpose(1, 2).reshape(-1, parts, packed.size(1) // parts)  # (rows, parts, padded)
    return flat[: like.size(0), :, :width].reshape(like.shape).contiguous()


def _share(tasks: int) -> int:
    return max(1, -(-tasks // (8 * torch.get_num_threads())))


def _packed(kind: int, query: Tensor, weight: Tensor | None, candidate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    own = _pack(kind, numba_pairwise.ROWS, query)
    weights = own if weight is None else _pack(REAL, numba_pairwise.ROWS, weight)
    return own, weights, _pack(kind, min(BLOCK, candidate.size(0)), candidate)


@torch.library.custom_op("gnnneg::pairwise", mutates_args=())
def _pairwise(query: Tensor, candidate: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    if weight is None and on_triton(query, candidate):
        from gnnneg.kernels import triton_pairwise  # imported where there is a device that it can compile for

        with torch.cuda.device_of(query):
            return triton_pairwise.forward(kind, query, candidate)
    if needs_float(query, candidate, weight):
        return _pairwise(query.float(), candidate.float(), kind, lifted(weight)).to(query.dtype)
    if query.device.type != "cpu":
        return _in_parts(kind, query, candidate, weight)
    out = query.new_empty(query.size(0), candidate.size(0))
    if out.numel():
        packed = _packed(kind, query, weight, candidate)
        launch(numba_pairwise.forward, kind, weight is not None, _share(packed[0].size(0)), *packed, out)
    return out


@_pairwise.register_fake
def _(query: Tensor, candidate: Tensor, kind: int, weight: Tensor | None = None) -> Tensor:
    return query.new_empty(query.size(0), candidate.size(0))


@torch.library.custom_op("gnnneg::pairwise_backward", mutates_args=())
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
        from gnnneg.kernels import triton_pairwise

        with torch.cuda.device_of(query):
            found = triton_pairwise.backward(kind, divided(kind, grad, value.float()), query, candidate)
            return *found, grad.new_empty(0)
    if needs_float(query, candidate, weight):
        floats = grad.float(), query.float(), candidate.float(), value.float(), kind, lifted(weight), learned
        found = _pairwise_backward(*floats)
        return found[0].to(query.dtype), found[1].to(candidate.dtype), found[2]
    if query.device.type != "cpu":
        return _pulled_in_parts(grad, kind, query, candidate, weight)
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(candidate), no_gradient(grad, weight)
    grad = divided(kind, grad, value)
    packed = _packed(kind, query, weight, candidate)
    own, other = torch.zeros_like(packed[0]), torch.zeros_like(packed[2])
    weights = own if weight is None else torch.zeros_like(packed[1])
    share = max(1, -(-query.size(1) // _parts(kind) // (4 * torch.get_num_threads())))
    which = weight is not None, weight is not None and learned
    launch(numba_pairwise.backward, kind, *which, share, grad.contiguous(), *packed, own, weights, other)
    of_weight = grad.new_empty(0) if weight is None else _unpack(REAL, weights, weight)
    return _unpack(kind, own, query), _unpack(kind, other, candidate), of_weight


@_pairwise_backward.register_fake
def _(
    grad: Tensor,
    query: Tensor,
    candidate: Tensor,
    value: Tensor,
    kind: int,
    weight: Tensor | None = None,
    learned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(candidate), no_gradient(grad, weight)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    query, candidate, ctx.kind, weight = inputs
    ctx.weighted = weight is not None
    ctx.save_for_backward(query, candidate, output, *([weight] if ctx.weighted else []))


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    query, candidate, value, *weight = ctx.saved_tensors
    learned = ctx.weighted and ctx.needs_input_grad[3]  # a mask is not, and its gradient would cost as much again
    found = _pairwise_backward(grad, query, candidate, value, ctx.kind, weight[0] if weight else None, learned)
    return found[0], found[1], None, found[2] if learned else None


_pairwise.register_autograd(_differentiate, setup_context=_save)


def pairwise(
    kind: int, query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"], weight: Float[Tensor, "b h"] | None = None
) -> Float[Tensor, "b k"]:
    r"""The distances between all queries and all candidates.

    .. math::
        \text{L1:}\ \sum_l w_{il} \lvert q_{il} - c_{jl} \rvert \qquad
        \text{L2:}\ \Bigl( \sum_l (q_{il} - c_{jl})^2 \Bigr)^{1/2} \qquad
        \text{PHASE:}\ \sum_l w_{il} \lvert \sin ((q_{il} - c_{jl}) / 2) \rvert

    and MODULUS as L1 with complex moduli, whose halves are real and imaginary, for ``h = d / 2`` weights.

    Args:
        kind (int): One of :mod:`gnnneg.kernels.kinds`.
        query (torch.Tensor): ``(b, d)``.
        candidate (torch.Tensor): ``(k, d)``.
        weight (torch.Tensor, optional): Non-negative, one for each coordinate of each query. Carries a gradient. Only
            on CPU is there a kernel for it. (default: :obj:`None`, all 1)

    Raises:
        ValueError: If L2 is given weights.
    """
    refuse_weights(kind, weight)
    return _pairwise(query, candidate, kind, weight)
