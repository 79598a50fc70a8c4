"""Distances between all queries and all candidates, without a ``(b, k, d)`` tensor."""

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels import numba_pairwise
from gnnneg.kernels.devices import needs_float, on_triton
from gnnneg.kernels.kinds import L1, L2, MODULUS, PHASE, divided
from gnnneg.kernels.threads import launch

BLOCK = 256  # candidates side by side: with 100 coordinates, 100 kB, which stays in the second-level cache


def pairwise_reference(kind: int, query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    """The broadcast form; any device, and a ``(b, k, d)`` tensor."""
    difference = query[:, None] - candidate
    if kind == L1:
        return difference.abs().sum(2)
    if kind == L2:
        return torch.linalg.vector_norm(difference, dim=2)
    if kind == PHASE:
        return (difference / 2).sin().abs().sum(2)
    return torch.linalg.vector_norm(difference.unflatten(2, (2, -1)), dim=2).sum(2)


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


@torch.library.custom_op("gnnneg::pairwise", mutates_args=())
def _pairwise(query: Tensor, candidate: Tensor, kind: int) -> Tensor:
    if on_triton(query, candidate):
        from gnnneg.kernels import triton_pairwise  # imported where there is a device that it can compile for

        with torch.cuda.device_of(query):
            return triton_pairwise.forward(kind, query, candidate)
    if needs_float(query, candidate):
        return _pairwise(query.float(), candidate.float(), kind).to(query.dtype)
    if query.device.type != "cpu":
        return pairwise_reference(kind, query, candidate)
    out = query.new_empty(query.size(0), candidate.size(0))
    if out.numel():
        block = min(BLOCK, candidate.size(0))
        packed = _pack(kind, numba_pairwise.ROWS, query), _pack(kind, block, candidate)
        launch(numba_pairwise.forward, kind, _share(packed[0].size(0)), *packed, out)
    return out


@_pairwise.register_fake
def _(query: Tensor, candidate: Tensor, kind: int) -> Tensor:
    return query.new_empty(query.size(0), candidate.size(0))


@torch.library.custom_op("gnnneg::pairwise_backward", mutates_args=())
def _pairwise_backward(
    grad: Tensor, query: Tensor, candidate: Tensor, value: Tensor, kind: int
) -> tuple[Tensor, Tensor]:
    if on_triton(query, candidate, grad):
        from gnnneg.kernels import triton_pairwise

        with torch.cuda.device_of(query):
            return triton_pairwise.backward(kind, divided(kind, grad, value.float()), query, candidate)
    if needs_float(query, candidate):
        found = _pairwise_backward(grad.float(), query.float(), candidate.float(), value.float(), kind)
        return found[0].to(query.dtype), found[1].to(candidate.dtype)
    if query.device.type != "cpu":
        with torch.enable_grad():
            leaves = query.detach().requires_grad_(), candidate.detach().requires_grad_()
            grads = torch.autograd.grad(pairwise_reference(kind, *leaves), leaves, grad)
        return grads[0].clone(), grads[1].clone()
    if not grad.numel():
        return torch.zeros_like(query), torch.zeros_like(candidate)
    grad = divided(kind, grad, value)
    block = min(BLOCK, candidate.size(0))
    packed = _pack(kind, numba_pairwise.ROWS, query), _pack(kind, block, candidate)
    found = torch.zeros_like(packed[0]), torch.zeros_like(packed[1])
    share = max(1, -(-query.size(1) // _parts(kind) // (4 * torch.get_num_threads())))
    launch(numba_pairwise.backward, kind, share, grad.contiguous(), *packed, *found)
    return _unpack(kind, found[0], query), _unpack(kind, found[1], candidate)


@_pairwise_backward.register_fake
def _(grad: Tensor, query: Tensor, candidate: Tensor, value: Tensor, kind: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(candidate)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    query, candidate, ctx.kind = inputs
    ctx.save_for_backward(query, candidate, output)


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    return *_pairwise_backward(grad, *ctx.saved_tensors, ctx.kind), None


_pairwise.register_autograd(_differentiate, setup_context=_save)


def pairwise_l1(query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    r"""The distances :math:`\lVert \mathbf{q}_i - \mathbf{c}_j \rVert_1`."""
    return _pairwise(query, candidate, L1)


def pairwise_l2(query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    r"""The distances :math:`\lVert \mathbf{q}_i - \mathbf{c}_j \rVert_2`, from exact differences."""
    return _pairwise(query, candidate, L2)


def pairwise_modulus(query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    r"""The sums of complex moduli :math:`\sum_l \lvert q_{il} - c_{jl} \rvert`; halves are real and imaginary."""
    return _pairwise(query, candidate, MODULUS)


def pairwise_phase(query: Float[Tensor, "b d"], candidate: Float[Tensor, "k d"]) -> Float[Tensor, "b k"]:
    r"""The sums :math:`\sum_l \lvert \sin((q_{il} - c_{jl}) / 2) \rvert` of angles, half the chords between them."""
    return _pairwise(query, candidate, PHASE)
