"""Principal neighbourhood aggregation of relational messages on the CPU, in two passes forward and two backward."""

from typing import Any, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels import numba_relational
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER
from gnnneg.kernels.numba_relational import ALL
from gnnneg.kernels.operator import operator
from gnnneg.kernels.relational import Arrived, Edges, propagate, propagate_backward
from gnnneg.kernels.threads import launch

LEAST = 1e-6  # smallest variance


def pna_reference(
    kind: int,
    states: Float[Tensor, "n c"],
    relation: Float[Tensor, "t c"],
    edges: Edges,
    weight: Float[Tensor, "e"],
    boundary: Float[Tensor, "n c"],
    degree: Float[Tensor, "n"],
    width: int,
) -> Float[Tensor, "n f"]:
    """The same in plain torch; any device."""
    told: Arrived = propagate(states, relation, edges, weight, kind, ALL)
    count = degree[:, None]
    mean = (told.total + boundary) / count
    deviation = ((told.squares + boundary**2) / count - mean**2).clamp(min=LEAST).sqrt()
    high, low = torch.maximum(told.high, boundary), torch.minimum(told.low, boundary)
    return torch.stack([one.unflatten(1, (-1, width)) for one in (mean, high, low, deviation)], dim=2).flatten(1)


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _finish(total, squares, high, at_high, low, at_low, boundary, degree, width, least, out):
    """The features of the messages and of the boundary. If the boundary is the extreme, no edge is recorded for it."""
    for v in numba.prange(total.shape[0]):
        share = 1 / degree[v]
        for i in range(total.shape[1] // width):
            for k in range(width):
                c, o = i * width + k, 4 * i * width + k
                own = boundary[v, c]
                mean = (total[v, c] + own) * share
                spread = (squares[v, c] + own * own) * share - mean * mean
                out[v, o] = mean
                if own >= high[v, c]:
                    at_high[v, c] = -1
                if own <= low[v, c]:
                    at_low[v, c] = -1
                out[v, o + width] = max(own, high[v, c])
                out[v, o + 2 * width] = min(own, low[v, c])
                out[v, o + 3 * width] = np.sqrt(max(spread, least))


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _begin(grad, features, boundary, degree, width, least, at_high, at_low, total, squares, high, low, of_boundary):
    """The gradients of the kernel's results from the gradient of the features."""
    for v in numba.prange(total.shape[0]):
        share = 1 / degree[v]
        for i in range(total.shape[1] // width):
            for k in range(width):
                c, o = i * width + k, 4 * i * width + k
                mean, deviation = features[v, o], features[v, o + 3 * width]
                pull = grad[v, o + 3 * width] / deviation if deviation * deviation > least else grad[v, o] * 0
                total[v, c] = (grad[v, o] - pull * mean) * share
                squares[v, c] = pull * share / 2
                high[v, c], low[v, c] = grad[v, o + width], grad[v, o + 2 * width]
                own = total[v, c] + 2 * boundary[v, c] * squares[v, c]
                if at_high[v, c] < 0:
                    own += high[v, c]
                if at_low[v, c] < 0:
                    own += low[v, c]
                of_boundary[v, c] = own


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    states, relation, weight, boundary, degree, edges, ctx.kind, ctx.width = inputs
    ctx.save_for_backward(states, relation, weight, boundary, degree, *output, *edges)


def _differentiate(ctx, grad, at_high, at_low):  # type: ignore[no-untyped-def]
    states, relation, weight, boundary, degree, features, at_high, at_low, *edges = ctx.saved_tensors
    grads = [torch.empty_like(states, memory_format=torch.contiguous_format) for _ in range(5)]
    total, squares, high, low, of_boundary = grads
    own = boundary.contiguous(), degree.contiguous(), ctx.width, LEAST, at_high, at_low
    launch(_begin, grad.contiguous(), features, *own, total, squares, high, low, of_boundary)
    given = [total, squares, high, low], states, relation, weight, edges, [at_high, at_low]
    learned = ctx.needs_input_grad[2]
    found = propagate_backward(*given, ctx.kind, ALL, 1.0, learned)
    return found[0], found[1], found[2] if learned else None, of_boundary, None, [None] * len(edges), None, None


def _shapes(states: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    at_high, at_low = (states.new_empty(states.shape, dtype=torch.int32) for _ in range(2))
    return states.new_empty(states.size(0), 4 * states.size(1)), at_high, at_low


@operator("pna", _shapes, _save, _differentiate)
def _pna(
    states: Tensor,
    relation: Tensor,
    weight: Tensor,
    boundary: Tensor,
    degree: Tensor,
    edges: list[Tensor],
    kind: int,
    width: int,
) -> tuple[Tensor, Tensor, Tensor]:
    given = states.contiguous(), relation.contiguous(), weight.contiguous()
    way = edges[0], edges[1], edges[2]
    told = [torch.empty_like(given[0]) for _ in range(4)]
    out, at_high, at_low = _shapes(states)
    if not states.numel():
        return out, at_high, at_low
    arrays = tuple(one.numpy() for one in (told[0], told[1], told[2], at_high, told[3], at_low))
    launch(numba_relational.forward, kind, ALL, 1.0, numba_relational.tasks(kind, states.size(1)), *given, *way, arrays)
    own = boundary.contiguous(), degree.contiguous()
    launch(_finish, told[0], told[1], told[2], at_high, told[3], at_low, *own, width, LEAST, out)
    return out, at_high, at_low


def pna(
    kind: int,
    states: Float[Tensor, "n c"],
    relation: Float[Tensor, "t c"],
    edges: Edges,
    weight: Float[Tensor, "e"],
    boundary: Float[Tensor, "n c"],
    degree: Float[Tensor, "n"],
    width: int,
) -> Float[Tensor, "n f"]:
    r"""Mean, maximum, minimum and standard deviation of each node's messages, including one more message, the boundary.

    Saves for the gradient the inputs, the result, and the edges with the extremes.

    Args:
        kind, states, relation, edges, weight: See :func:`~gnnneg.kernels.relational.propagate`.
        boundary (torch.Tensor): One more message to each node, ``(n, c)``.
        degree (torch.Tensor): The number of messages including the boundary, ``(n,)``. Carries no gradient.
        width (int): The four features of this many columns are adjacent, followed by those of the next columns:
            ``(n, c / width, 4, width)``, flattened.
    """
    kernel = all(one.device.type == "cpu" and one.dtype == states.dtype for one in (states, relation, weight, boundary))
    if not kernel or states.dtype not in (torch.float32, torch.float64):
        return pna_reference(kind, states, relation, edges, weight, boundary, degree, width)
    features: Tensor = _pna(states, relation, weight, boundary, degree, list(edges), kind, width)[0]
    return features
