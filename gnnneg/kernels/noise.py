"""Standard normal noise from a counter: computed where it is used, and computed again for the gradient.

A step with 1,024 negatives for 2,000 queries needs two million normals. Drawing them one after another from a Mersenne
twister would cost as much as the scores themselves, and storing them would take as much memory.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER, cosine, sine
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch

LEAST = 1e-30  # smallest variance: below it there is no noise, and no root to divide by
ROUNDED = 4  # terms of equal size that cancel, each with a rounding error
UNIT = np.float32(2.0**-24)


def rounding(size: Float[Tensor, "b 1"]) -> Float[Tensor, "b 1"]:
    """The variance that rounding can leave if sums of this size cancel to zero: a few last digits of them."""
    return size.detach() * (ROUNDED * torch.finfo(size.dtype).eps)


def noisy_reference(
    base: Float[Tensor, "b 1"],
    factor: Float[Tensor, "b 1"],
    score: Float[Tensor, "b k"],
    variance: Float[Tensor, "b k"],
    constant: Float[Tensor, "b 1"],
    least: Float[Tensor, "b 1"],
    noise: Float[Tensor, "b k"],
) -> Float[Tensor, "b k"]:
    """The same with given noise, in plain torch; any device, any precision."""
    spread, least = variance + constant, least.clamp(min=LEAST)
    return base + factor * score + torch.where(spread > least, spread, least).sqrt() * noise


@numba.njit(forceinline=True)
@no_type_check
def _hash(x):
    """A bijection of 32-bit numbers in which every bit of ``x`` affects every bit of the result."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@numba.njit(forceinline=True, fastmath=ORDER)
@no_type_check
def _fill(key, counter, bits, out):
    r"""Standard normals of one row, by Box and Muller: pairs :math:`\sqrt{-2 \ln u} \, (\cos \theta, \sin \theta)`."""
    half = (out.size + 1) // 2
    number = bits.view(np.float32)
    for j in range(half):
        number[j] = (np.float32(_hash(counter[j] ^ key) >> np.uint32(8)) + np.float32(0.5)) * UNIT
    for j in range(half):  # ln u, with u = 2^e m and m about 1, by a polynomial in m - 1
        shifted = bits[j] - np.int32(0x3F3504F3)
        exponent = np.float32(shifted >> np.int32(23))
        bits[j] = (shifted & np.int32(0x7FFFFF)) + np.int32(0x3F3504F3)
        x = number[j] - np.float32(1)
        p = np.float32(7.0376836292e-2)
        p = p * x - np.float32(1.1514610310e-1)
        p = p * x + np.float32(1.1676998740e-1)
        p = p * x - np.float32(1.2420140846e-1)
        p = p * x + np.float32(1.4249322787e-1)
        p = p * x - np.float32(1.6668057665e-1)
        p = p * x + np.float32(2.0000714765e-1)
        p = p * x - np.float32(2.4999993993e-1)
        p = p * x + np.float32(3.3333331174e-1)
        log = x + x * x * (p * x - np.float32(0.5)) + exponent * np.float32(0.6931471805599453)
        number[j] = np.sqrt(max(np.float32(-2) * log, np.float32(0)))
    for j in range(half):
        drawn = _hash(counter[j + half] ^ key)
        turns = (np.float32(drawn >> np.uint32(8)) + np.float32(0.5)) * UNIT - np.float32(0.5)  # half a circle
        side = number[j] if drawn & np.uint32(1) else -number[j]  # and the other half
        out[j] = side * cosine(turns)
        if j + half < out.size:
            out[j + half] = side * sine(turns) if turns > 0 else -side * sine(turns)


@numba.njit(forceinline=True)
@no_type_check
def _key(seed, row):
    # times an odd number; otherwise rows and columns would be hashed alike and be equal on a diagonal
    return np.uint32(_hash(np.uint32(_hash(np.uint32(seed)) + np.uint32(row))) * np.uint32(0x9E3779B1))


@numba.njit(forceinline=True)
@no_type_check
def _counter(width):
    """The hashed position of each draw in a row. Without the hash, two rows with one equal key would stay equal from
    there on.
    """
    counter = np.empty(width + 1, np.uint32)
    for j in range(width + 1):
        counter[j] = _hash(np.uint32(j + 1))
    return counter


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _normal(seed, out):
    counter = _counter(out.shape[1])
    for i in numba.prange(out.shape[0]):
        bits = np.empty(out.shape[1] // 2 + 1, np.int32)
        _fill(_key(seed, i), counter, bits, out[i])


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _forward(seed, base, factor, score, variance, constant, least, out):
    counter = _counter(out.shape[1])
    for i in numba.prange(out.shape[0]):
        bits = np.empty(out.shape[1] // 2 + 1, np.int32)
        _fill(_key(seed, i), counter, bits, out[i])
        smallest = max(least[i, 0], np.float32(LEAST))
        for j in range(out.shape[1]):
            spread = np.sqrt(max(variance[i, j] + constant[i, 0], smallest))
            out[i, j] = base[i, 0] + factor[i, 0] * score[i, j] + spread * out[i, j]


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _backward(
    seed,
    grad,
    factor,
    score,
    variance,
    constant,
    least,
    grad_base,
    grad_factor,
    grad_score,
    grad_variance,
    grad_constant,
):
    counter = _counter(grad.shape[1])
    for i in numba.prange(grad.shape[0]):
        bits = np.empty(grad.shape[1] // 2 + 1, np.int32)
        _fill(_key(seed, i), counter, bits, grad_variance[i])
        plain, scored, spread = np.float32(0), np.float32(0), np.float32(0)
        smallest = max(least[i, 0], np.float32(LEAST))
        for j in range(grad.shape[1]):
            g, v = grad[i, j], variance[i, j] + constant[i, 0]
            plain += g
            scored += g * score[i, j]
            grad_score[i, j] = factor[i, 0] * g
            slope = np.float32(0.5) * g * grad_variance[i, j] / np.sqrt(max(v, smallest))
            grad_variance[i, j] = slope if v > smallest else np.float32(0)
            spread += grad_variance[i, j]
        grad_base[i, 0], grad_factor[i, 0], grad_constant[i, 0] = plain, scored, spread


@operator("normal", lambda seed, like: like.new_empty(like.shape))
def _drawn(seed: int, like: Tensor) -> Tensor:
    if like.device.type == "cpu":
        out = torch.empty(like.shape)
        if out.numel():
            launch(_normal, seed & 0xFFFFFFFF, out)
        return out.to(like.dtype)
    rng = torch.Generator(like.device).manual_seed(seed)
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=rng)


def normal(seed: int, like: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
    """The noise itself. It depends only on the seed and the shape (and, except on CPU, on the device)."""
    return _drawn(seed, like.detach())


@operator(
    "noisy_backward",
    lambda grad, factor, score, *_: [one.new_empty(one.shape) for one in (factor, factor, score, score, factor)],
)
def _noisy_backward(
    grad: Tensor, factor: Tensor, score: Tensor, variance: Tensor, constant: Tensor, least: Tensor, seed: int
) -> list[Tensor]:
    given = [one.contiguous() for one in (factor, score, variance, constant, least)]
    out = [torch.empty_like(one) for one in (given[0], given[0], given[1], given[1], given[0])]
    launch(_backward, seed & 0xFFFFFFFF, grad.contiguous(), *given, *out)
    return out


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    _, *kept, ctx.seed = inputs
    ctx.save_for_backward(*kept)


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    return *_noisy_backward(grad, *ctx.saved_tensors, ctx.seed), None, None


@operator(
    "noisy",
    lambda base, factor, score, *_: torch.empty_like(score, memory_format=torch.contiguous_format),
    _save,
    _differentiate,
)
def _noisy(
    base: Tensor, factor: Tensor, score: Tensor, variance: Tensor, constant: Tensor, least: Tensor, seed: int
) -> Tensor:
    out = torch.empty_like(score, memory_format=torch.contiguous_format)
    given = (one.contiguous() for one in (base, factor, score, variance, constant, least))
    launch(_forward, seed & 0xFFFFFFFF, *given, out)
    return out


def noisy(
    base: Float[Tensor, "b 1"],
    factor: Float[Tensor, "b 1"],
    score: Float[Tensor, "b k"],
    variance: Float[Tensor, "b k"],
    constant: Float[Tensor, "b 1"],
    least: Float[Tensor, "b 1"],
    seed: int,
) -> Float[Tensor, "b k"]:
    r""":math:`o_i + \kappa_i s_{ij} + \sqrt{v_{ij} + c_i} \, \xi_{ij}`, with standard normal :math:`\xi` from the seed.

    Variances below ``least`` are replaced by it and get no gradient; see :func:`rounding` for what cancellation can
    leave of zero. Cost on CPU: one pass forward and one backward, without a temporary.
    """
    given = base, factor, score, variance, constant, least
    if score.numel() and all(one.device.type == "cpu" and one.dtype == torch.float32 for one in given):
        return _noisy(*given, seed)
    return noisy_reference(*given, normal(seed, score))
