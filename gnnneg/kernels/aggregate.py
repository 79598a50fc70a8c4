"""The two halves of relational message passing without a tensor of edges: rows transformed by type, and rows summed.

A node sends the same message along all its edges of one type. So each message is computed once for each source and type
(FB15k-237 with inverse relations: 149,689 messages for 544,230 edges) and then summed by target. On a CPU the sum is
torch's ``embedding_bag``, which is faster than numba and than a product of sparse matrices. On CUDA it is a Triton
kernel, because ``embedding_bag`` needs weights in the precision of the rows, which may be half; the two have not been
compared on a device. With 30 bases, these messages are a third of the 436,230 vectors that would be transformed if
messages were summed before the bases are applied.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.devices import on_triton
from gnnneg.kernels.operator import operator


def _sums(table: Tensor, weight: Tensor, index: Tensor, offset: Tensor) -> Tensor:
    if not index.numel() or not table.size(1):
        return table.new_zeros(offset.numel() - 1, table.size(1))
    if on_triton(table, weight):
        from gnnneg.kernels import triton_aggregate  # imported late: it needs a device to compile for

        with torch.cuda.device_of(table):
            return triton_aggregate.sums(table, weight, index, offset)
    weight = weight.to(table.dtype)
    return F.embedding_bag(
        index, table.contiguous(), offset, mode="sum", per_sample_weights=weight, include_last_offset=True
    )


def _save_sum(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    _, weight, _, _, *backwards = inputs
    ctx.save_for_backward(weight, *backwards)


def _differentiate_sum(ctx, grad):  # type: ignore[no-untyped-def]
    weight, back, back_offset, place = ctx.saved_tensors
    return _sums(grad, weight[place], back, back_offset), None, None, None, None, None, None


@operator(
    "gather_sum",
    lambda table, weight, index, offset, *_: table.new_empty(offset.size(0) - 1, table.size(1)),
    _save_sum,
    _differentiate_sum,
)
def _gather_sum(
    table: Tensor, weight: Tensor, index: Tensor, offset: Tensor, back: Tensor, back_offset: Tensor, place: Tensor
) -> Tensor:
    return _sums(table, weight, index, offset)


def gather_sum(
    table: Float[Tensor, "m d"],
    weight: Float[Tensor, "e"],
    index: Int[Tensor, "e"],
    offset: Int[Tensor, "s"],
    back: Int[Tensor, "e"],
    back_offset: Int[Tensor, "q"],
    place: Int[Tensor, "e"],
) -> Float[Tensor, "t d"]:
    r"""Weighted sums of rows, :math:`\sum_{p = \text{offset}_i}^{\text{offset}_{i + 1} - 1} w_p
    \mathbf{z}_{\text{index}_p}`. Weights carry no gradient.

    Args:
        table (torch.Tensor): Rows, ``(m, d)``.
        weight (torch.Tensor): The weight of each place in ``index``.
        index (torch.Tensor): The rows of all sums, one sum after the other.
        offset (torch.Tensor): Where each sum begins, and where the last one ends: one more than there are sums.
        back, back_offset (torch.Tensor): The transposed index: the sums that contain each row.
        place (torch.Tensor): The position in ``index`` of each entry of ``back``.
    """
    return _gather_sum(table, weight, index, offset, back, back_offset, place)


def _blocks(rows: Tensor, blocks: int) -> Tensor:
    return rows.view(len(rows), blocks, -1).transpose(0, 1)


@operator(
    "transform_backward",
    lambda grad, x, weight, *_: (torch.empty_like(x), torch.empty_like(weight)),
)
def _transform_backward(
    grad: Tensor, x: Tensor, weight: Tensor, source: Tensor, begin: list[int]
) -> tuple[Tensor, Tensor]:
    if on_triton(grad, x, weight):
        from gnnneg.kernels import triton_grouped

        with torch.cuda.device_of(x):
            return triton_grouped.backward(grad, x, weight, source, begin)
    blocks = weight.size(1)
    of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight)
    grad = grad.contiguous()
    with torch.autocast(x.device.type, enabled=False):  # backward may be called under autocast
        for kind, (first, last) in enumerate(pairwise(begin)):
            if first < last:
                row, outward = source[first:last], _blocks(grad[first:last], blocks)
                of_weight[kind] = _blocks(x.index_select(0, row), blocks).mT @ outward
                of_x.index_add_(0, row, (outward @ weight[kind].mT).transpose(0, 1).reshape(len(row), -1))
    return of_x, of_weight


def _save_transform(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    x, weight, source, ctx.begin = inputs
    ctx.save_for_backward(x, weight, source)


def _differentiate_transform(ctx, grad):  # type: ignore[no-untyped-def]
    return *_transform_backward(grad, *ctx.saved_tensors, ctx.begin), None, None


@operator(
    "transform",
    lambda x, weight, source, begin: x.new_empty(source.size(0), weight.size(1) * weight.size(3)),
    _save_transform,
    _differentiate_transform,
)
def _transform(x: Tensor, weight: Tensor, source: Tensor, begin: list[int]) -> Tensor:
    if on_triton(x, weight):
        from gnnneg.kernels import triton_grouped

        with torch.cuda.device_of(x):
            return triton_grouped.forward(x, weight, source, begin)
    _, blocks, _, width = weight.shape
    out = x.new_empty(len(source), blocks * width)
    for kind, (first, last) in enumerate(pairwise(begin)):
        if first < last:
            sent = x.index_select(0, source[first:last])
            torch.bmm(_blocks(sent, blocks), weight[kind], out=_blocks(out[first:last], blocks))
    return out


def transform(
    x: Float[Tensor, "n i"], weight: Float[Tensor, "t k p o"], source: Int[Tensor, "q"], begin: list[int]
) -> Float[Tensor, "q w"]:
    """Rows ``x[source]``, each times the block-diagonal matrix of its type.

    Cost: one product for each type with rows. On CUDA, in float32 or half precision, all products are one kernel, and
    the host does not wait.

    Args:
        x (torch.Tensor): ``(n, k * p)``.
        weight (torch.Tensor): The ``k`` blocks of each of ``t`` types, ``(t, k, p, o)``; a full matrix is one block.
        source (torch.Tensor): Rows of ``x``, grouped by type.
        begin (list[int]): Where each type begins in ``source``, and where the last one ends: ``t + 1`` places.
    """
    return _transform(x, weight, source, begin)
