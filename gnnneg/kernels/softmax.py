"""The weighted log-sum-exp of softmax losses, and the weighted sum that soft labels need."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch

BLOCK = 1024  # scores at a time: intermediate results stay in the first-level cache
LOWEST, HIGHEST = -87.0, 80.0  # between these, e^x is a normal float32
LEAST = float(np.finfo(np.float32).min)
NOBODY = -0x800000  # the bits of minus infinity
ROWS = 32  # rows that one thread handles at a time, with one set of buffers


def logsumexp_reference(score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]) -> Float[Tensor, "b"]:
    """The same in plain torch; any device, any precision."""
    if weight.numel() > 1:  # an absent candidate must not set the scale, however high its score is
        score = torch.where(weight > 0, score, -torch.inf)
    top = score.amax(1, keepdim=True).clamp(min=torch.finfo(score.dtype).min)
    return ((score - top).exp() * weight).sum(1).log() + top[:, 0]


def sum_reference(score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]) -> Float[Tensor, "b"]:
    """The weighted sum in plain torch; absent candidates do not count, whatever their score is."""
    return torch.where((weight > 0) & (score > -torch.inf), score * weight, 0).sum(1)


def share_reference(
    score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"], value: Float[Tensor, "b"], grad: Float[Tensor, "b"]
) -> Float[Tensor, "b k"]:
    r"""The gradient, :math:`g_i w_{ij} e^{s_{ij} - v_i}`, in plain torch."""
    # a row without candidates has value -inf; any finite replacement will do, because its weights are zero
    value = value.clamp(min=torch.finfo(value.dtype).min)
    share = (score - value[:, None]).clamp_(max=80).exp_()  # scores of absent candidates may be far above
    return share.mul_(weight * grad[:, None])


@numba.njit(forceinline=True)
@no_type_check
def load(shift, stored, bits):
    """The bit patterns of float32, from those of float32 (``shift`` 0) or of bfloat16, which is its upper half
    (``shift`` 16).
    """
    for j in range(stored.size):
        bits[j] = np.int32(stored[j]) << shift


@numba.njit(forceinline=True)
@no_type_check
def store(shift, bits, stored):
    """The inverse conversion, rounded to nearest, ties to even."""
    if shift == 0:
        for j in range(stored.size):
            stored[j] = bits[j]
    else:
        for j in range(stored.size):
            stored[j] = (bits[j] + np.int32(0x7FFF) + ((bits[j] >> 16) & 1)) >> 16


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _exp(size, value, bits, out):
    r"""``out = exp(value)`` for values of at most 80, with a relative error of 1e-7 near 0 and 1e-5 at the far ends; 0
    below :obj:`LOWEST`.

    :math:`e^x = 2^m 2^f` with integer :math:`m` and :math:`|f| \le 1/2`, and :math:`2^f` by its Taylor polynomial. It
    is written out because numba vectorises an exponential only with Intel's library.
    """
    for j in range(size):
        scaled = max(value[j], np.float32(LOWEST)) * np.float32(1.4426950408889634)
        whole = np.floor(scaled + np.float32(0.5))
        f = scaled - whole
        p = np.float32(1.5252733804059841e-5)
        p = p * f + np.float32(1.5403530393381606e-4)
        p = p * f + np.float32(1.3333558146428441e-3)
        p = p * f + np.float32(9.618129107628477e-3)
        p = p * f + np.float32(5.550410866482158e-2)
        p = p * f + np.float32(2.402265069591007e-1)
        p = p * f + np.float32(6.931471805599453e-1)
        out[j] = p * f + np.float32(1)
        bits[j] = (np.int32(whole) + np.int32(127)) << np.int32(23) if value[j] > np.float32(LOWEST) else np.int32(0)
    power = bits.view(np.float32)
    for j in range(size):
        out[j] *= power[j]


@numba.njit(forceinline=True)
@no_type_check
def _ordered(bits):
    """Converts float bits to an integer in the same order, and back. LLVM vectorises the maximum of integers, but not
    of floats, because of NaN.
    """
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def overlook(shift, stored, plain, own, bits):
    """The highest score of present candidates, and their weighted sum."""
    k, score = stored.size, bits.view(np.float32)
    highest, straight = _ordered(NOBODY), np.float32(0)
    for begin in range(0, k, BLOCK):
        size = min(BLOCK, k - begin)
        load(shift, stored[begin : begin + size], bits)
        some = own if plain else own[begin : begin + size]
        if plain:
            for j in range(size):
                highest = max(highest, _ordered(bits[j]))
                straight += score[j] if score[j] > np.float32(-np.inf) else np.float32(0)
        else:
            for j in range(size):  # an absent candidate must not set the scale, however high its score is
                highest = max(highest, _ordered(bits[j]) if some[j] > 0 else _ordered(NOBODY))
                there = (some[j] > 0) & (score[j] > np.float32(-np.inf))
                straight += score[j] * some[j] if there else np.float32(0)
    bits[0] = _ordered(highest)
    return score[0], straight


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def weigh(shift, stored, plain, own, top, bits, power, share):
    """The shares :math:`w_j e^{s_j - t}`, as many as there is room for, and their sum, which propagates NaN.

    With equal weights, the weight is left out of them.
    """
    k, score, room = stored.size, bits.view(np.float32), share.size > BLOCK
    mass, broken = np.float32(0), top != top
    origin = top if top > np.float32(-np.inf) else np.float32(0)
    for begin in range(0, k, BLOCK):
        size = min(BLOCK, k - begin)
        some = share[begin:] if room else share
        load(shift, stored[begin : begin + size], bits)
        for j in range(size):
            broken |= score[j] != score[j]
            score[j] = min(score[j] - origin, np.float32(0))
        _exp(size, score, power, some)
        if not plain:
            weights = own[begin : begin + size]
            for j in range(size):
                some[j] *= weights[j]
        for j in range(size):
            mass += some[j]
    return np.float32(np.nan) if broken else mass


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _forward(shift, stored, weight, value, total):
    rows, plain = stored.shape[0], weight.shape[1] == 1
    for part in numba.prange((rows + ROWS - 1) // ROWS):
        bits, power, share = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.float32)
        for i in range(ROWS * part, min(rows, ROWS * part + ROWS)):
            own = weight[i] if weight.shape[0] > 1 else weight[0]
            top, straight = overlook(shift, stored[i], plain, own, bits)
            mass = weigh(shift, stored[i], plain, own, top, bits, power, share)
            once = own[0] if plain else np.float32(1)
            value[i] = np.log(mass * once) + (top if top > np.float32(-np.inf) else np.float32(0))
            total[i] = straight * once


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _backward(shift, stored, weight, value, grad, tilt, out):
    rows, k, plain = stored.shape[0], stored.shape[1], weight.shape[1] == 1
    for part in numba.prange((rows + ROWS - 1) // ROWS):
        bits, power, made = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
        score, share = bits.view(np.float32), made.view(np.float32)
        for i in range(ROWS * part, min(rows, ROWS * part + ROWS)):
            own = weight[i] if weight.shape[0] > 1 else weight[0]
            # a row without candidates has value -inf; any finite replacement will do, because its weights are zero
            origin, scale = max(value[i], np.float32(LEAST)), grad[i] * (own[0] if plain else np.float32(1))
            for begin in range(0, k, BLOCK):
                size = min(BLOCK, k - begin)
                load(shift, stored[i, begin : begin + size], bits)
                for j in range(size):
                    score[j] = min(score[j] - origin, np.float32(HIGHEST))
                _exp(size, score, power, share)
                if plain:
                    slope = tilt[i] * own[0]
                    for j in range(size):
                        lean = slope if score[j] > np.float32(-np.inf) else np.float32(0)
                        share[j] = scale * share[j] + lean
                else:
                    some, slope = own[begin : begin + size], tilt[i]
                    for j in range(size):
                        lean = slope if score[j] > np.float32(-np.inf) else np.float32(0)
                        share[j] = (scale * share[j] + lean) * some[j]
                store(shift, made, out[i, begin : begin + size])


def bit_patterns(score: Tensor) -> tuple[int, Tensor]:
    """The shift of the bit patterns relative to float32, and the patterns."""
    if score.dtype == torch.bfloat16:
        return 16, score.contiguous().view(torch.int16)
    return 0, score.contiguous().view(torch.int32)


def is_fused(score: Tensor) -> bool:
    """Whether the kernels accept these scores."""
    return score.device.type == "cpu" and score.dtype in (torch.float32, torch.bfloat16) and score.numel() > 0


@operator(
    "softmax_sums_backward",
    lambda grad, tilt, score, *_: torch.empty_like(score, memory_format=torch.contiguous_format),
)
def _softmax_sums_backward(grad: Tensor, tilt: Tensor, score: Tensor, weight: Tensor, value: Tensor) -> Tensor:
    if not is_fused(score):
        share = share_reference(score, weight, value, grad)
        there = (weight > 0) & (score > -torch.inf)
        return torch.where(there, share + weight * tilt[:, None], 0).to(score.dtype)
    out = torch.empty_like(score, memory_format=torch.contiguous_format)
    given = weight.contiguous(), value, grad.contiguous(), tilt.contiguous()
    launch(_backward, *bit_patterns(score), *given, bit_patterns(out)[1])
    return out


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs, output[0])


def _differentiate(ctx, grad, tilt):  # type: ignore[no-untyped-def]
    return _softmax_sums_backward(grad, tilt, *ctx.saved_tensors), None


@operator(
    "softmax_sums",
    lambda score, weight: (weight.new_empty(score.size(0)), weight.new_empty(score.size(0))),
    _save,
    _differentiate,
)
def _softmax_sums(score: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    if not is_fused(score):
        return logsumexp_reference(score, weight), sum_reference(score, weight)
    value, total = torch.empty(score.size(0)), torch.empty(score.size(0))
    launch(_forward, *bit_patterns(score), weight.contiguous(), value, total)
    return value, total


def softmax_sums(
    score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    r"""The two sums over negatives that softmax losses with soft labels need,

    .. math::
        \log \sum_j w_j e^{s_j} \quad \text{and} \quad \sum_j w_j s_j .

    A candidate with score :math:`-\infty` or weight 0 is absent from both sums. Weights carry no gradient. A row
    without candidates gives :math:`-\infty` and 0, with gradient zero. Sums are computed and returned in at least
    float32; bfloat16 scores are read as they are. Cost on CPU: two passes over the scores forward, one backward for
    both, and no temporary except the gradient.
    """
    precision = torch.promote_types(score.dtype, torch.float32)
    return _softmax_sums(score, weight.detach().to(precision))


def weighted_logsumexp(score: Float[Tensor, "b k"], weight: Float[Tensor, "w l"]) -> Float[Tensor, "b"]:
    """Only the first sum of :func:`softmax_sums`."""
    return softmax_sums(score, weight)[0]
