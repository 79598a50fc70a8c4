"""Softmax cross-entropy against candidates that all queries share, without the matrix of their scores.

The scores of a few hundred queries at a time are computed, exponentiated and multiplied on while they are in the cache.
The gradients of the mean loss are computed at the same time, because tasks use the mean. So no pass over a score matrix
in memory remains.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER
from gnnneg.kernels.operator import operator
from gnnneg.kernels.softmax import (
    BLOCK,
    ROWS,
    bit_patterns,
    is_fused,
    logsumexp_reference,
    overlook,
    share_reference,
    store,
    weigh,
)
from gnnneg.kernels.threads import launch

BYTES = 1 << 20  # bytes of scores that a thread handles at a time: they stay in its second-level cache
FEWEST = 128  # fewest queries of a thread: with fewer, products are slow


def cross_entropy_reference(
    positive: Float[Tensor, "b"],
    query: Float[Tensor, "b d"],
    candidate: Float[Tensor, "k d"],
    weight: Float[Tensor, "w l"],
) -> Float[Tensor, "b"]:
    """The same in plain torch, with the score matrix."""
    rest = logsumexp_reference(query @ candidate.T, weight)
    return torch.logaddexp(positive, rest) - positive


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _pulled(shift, stored, weight, positive, outward, loss, pull):
    """The losses, the gradients by the scores (written over the scores), and the gradients by the positives."""
    rows, k, plain = stored.shape[0], stored.shape[1], weight.shape[1] == 1
    for part in numba.prange((rows + ROWS - 1) // ROWS):
        bits, power, made = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(max(BLOCK, k), np.int32)
        share = made.view(np.float32)
        for i in range(ROWS * part, min(rows, ROWS * part + ROWS)):
            own = weight[i] if weight.shape[0] > 1 else weight[0]
            top, _ = overlook(shift, stored[i], plain, own, bits)
            mass = weigh(shift, stored[i], plain, own, top, bits, power, share)
            once = own[0] if plain else np.float32(1)
            origin = top if top > np.float32(-np.inf) else np.float32(0)
            ahead = np.log(mass * once) + origin - positive[i]  # log-odds of all negatives against the positive
            small = np.exp(-abs(ahead))
            loss[i] = max(ahead, np.float32(0)) + np.log1p(small) if ahead == ahead else ahead
            pull[i] = -outward[i] * (np.float32(1) if ahead >= 0 else small) / (np.float32(1) + small)
            scale = -pull[i] / mass if mass * once > 0 else np.float32(0)
            for j in range(k):
                share[j] *= scale
            store(shift, made, stored[i])


def _in_tiles(
    positive: Tensor, query: Tensor, candidate: Tensor, weight: Tensor, outward: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The losses, and the gradients of their sum weighted by ``outward``: by positives, queries and candidates."""
    size, count = query.size(0), candidate.size(0)
    loss, pull = torch.empty_like(positive), torch.empty_like(positive)
    of_query, wide = torch.empty_like(query), torch.promote_types(query.dtype, torch.float32)
    of_candidate = torch.zeros_like(candidate, dtype=wide)
    rows = max(1, min(size, max(FEWEST, BYTES // max(1, count * query.element_size())) * torch.get_num_threads()))
    tile = query.new_empty(rows, count)
    for begin in range(0, size, rows):
        some = slice(begin, min(size, begin + rows))
        score, own = tile[: some.stop - begin], query[some]
        one = weight[some] if weight.size(0) > 1 else weight
        torch.mm(own, candidate.T, out=score)
        if is_fused(score):
            given = one, positive[some], outward[some], loss[some], pull[some]
            launch(_pulled, *bit_patterns(score), *given)
        else:
            rest = logsumexp_reference(score, one)
            loss[some] = torch.logaddexp(positive[some], rest) - positive[some]
            pull[some] = -outward[some] * (rest - positive[some]).sigmoid()
            score = share_reference(score, one, rest, -pull[some])
        torch.mm(score, candidate, out=of_query[some])
        if wide == query.dtype:
            of_candidate.addmm_(score.T, own)
        else:
            of_candidate += score.T @ own
    return loss, pull, of_query, of_candidate.to(candidate.dtype)


def _shapes(positive: Tensor, query: Tensor, candidate: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return torch.empty_like(positive), torch.empty_like(positive), torch.empty_like(query), torch.empty_like(candidate)


@operator(
    "cross_entropy_backward",
    lambda grad, positive, query, candidate, weight, *_: _shapes(positive, query, candidate)[1:],
)
def _backward(
    grad: Tensor,
    positive: Tensor,
    query: Tensor,
    candidate: Tensor,
    weight: Tensor,
    pull: Tensor,
    of_query: Tensor,
    of_candidate: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    low, high = grad.aminmax()
    if low == high:  # the gradient of the mean, or of a multiple of it
        factor = (low * len(grad)).to(query.dtype)
        return pull * (low * len(grad)), of_query * factor, of_candidate * factor
    return _in_tiles(positive, query, candidate, weight, grad.contiguous())[1:]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs, *output[1:])


def _differentiate(ctx, grad, *_):  # type: ignore[no-untyped-def]
    return (None,) * 4 if grad is None else (*_backward(grad, *ctx.saved_tensors), None)


@operator("cross_entropy", _shapes, _save, _differentiate)
def _cross_entropy(
    positive: Tensor, query: Tensor, candidate: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mean = torch.full_like(positive, 1 / max(1, len(positive)))
    return _in_tiles(positive, query.contiguous(), candidate.contiguous(), weight.contiguous(), mean)


def cross_entropy(
    positive: Float[Tensor, "b"],
    query: Float[Tensor, "b d"],
    candidate: Float[Tensor, "k d"],
    weight: Float[Tensor, "w l"],
) -> Float[Tensor, "b"]:
    r"""The softmax cross-entropy of each query's positive against candidates that all queries share,

    .. math::
        - \log \frac{e^{s_i}}{e^{s_i} + \sum_j w_{ij} e^{\langle q_i, c_j \rangle}} .

    Weights carry no gradient. Sums are computed and returned in at least float32; bfloat16 factors are multiplied as
    they are. Cost: three products, including those of both gradients, and only as many scores in memory as fit into the
    caches. If the losses do not all get the same gradient, the gradients are computed again.

    Args:
        positive (torch.Tensor): :math:`s`.
        query (torch.Tensor): :math:`q`.
        candidate (torch.Tensor): :math:`c`.
        weight (torch.Tensor): :math:`w`, ``(#b, #k)``; 0 marks an absent candidate.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    loss: Tensor = _cross_entropy(positive.to(wide), query, candidate, weight.detach().to(wide))[0]
    return loss
