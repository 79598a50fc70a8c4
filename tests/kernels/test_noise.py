"""Noise from a counter: normal, independent, made again for the gradient; and the sums that softmax losses need."""

import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from gnnneg.kernels.noise import LEAST, noisy, noisy_reference, normal, rounding
from gnnneg.kernels.softmax import logsumexp_reference, softmax_sums, sum_reference


@pytest.mark.parametrize("seed", [0, 1, 2**31 + 5, 2**40 + 7])
def test_noise_is_standard_normal(seed):
    noise = normal(seed, torch.empty(300, 1001)).double()
    assert stats.kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    for part in (noise[:, :501], noise[:, 501:]):  # both halves of each pair
        assert part.mean().abs() < 5 / part.numel() ** 0.5
        assert (part.var() - 1).abs() < 5 * (2 / part.numel()) ** 0.5
    assert noise.pow(4).mean() == pytest.approx(3, abs=0.1)


def test_rows_columns_and_seeds_are_independent():
    noise = normal(7, torch.empty(400, 900)).double()
    for cloud in (noise[:100], noise.T[:100], torch.stack([normal(s, torch.empty(1, 900))[0] for s in range(100)])):
        correlation = torch.corrcoef(cloud) - torch.eye(100)
        assert correlation.abs().max() < 5.5 / cloud.size(1) ** 0.5
    one, two = noise[:, :450].flatten(), noise[:, 450:].flatten()  # the members of a pair, and their squares
    assert torch.corrcoef(torch.stack([one, two]))[0, 1].abs() < 5 / len(one) ** 0.5
    assert torch.corrcoef(torch.stack([one.square(), two.square()]))[0, 1].abs() < 5 / len(one) ** 0.5


def test_same_seed_same_noise():
    like = torch.empty(5, 7)
    assert torch.equal(normal(3, like), normal(3, like))
    assert not torch.equal(normal(3, like), normal(4, like))


@pytest.mark.parametrize("k", [1, 2, 7, 300])
def test_fused_equals_its_formula(k):
    """In value and in all five gradients, with variances below the least among them, which is each row's own."""
    torch.manual_seed(0)
    base, factor = torch.randn(4, 1, requires_grad=True), torch.rand(4, 1, requires_grad=True)
    score, variance = torch.randn(4, k, requires_grad=True), torch.rand(4, k)
    variance[torch.rand(4, k) < 0.2] = -1e-7
    variance.requires_grad_()
    constant = torch.tensor([[0.0], [0.0], [0.5], [-0.2]], requires_grad=True)
    leaves, outward = (base, factor, score, variance, constant), torch.randn(4, k)
    least = torch.tensor([[0.0], [1e-4], [0.3], [1e-9]])
    found = noisy(*leaves, least, 11)
    wanted = noisy_reference(*leaves, least, normal(11, score))
    assert_close(found, wanted)
    spread = (variance + constant).detach().double()
    spread = torch.where(spread < least, least.double(), spread).clamp(min=LEAST)
    by_hand = base.double() + factor.double() * score + spread.sqrt() * normal(11, score)
    assert_close(found.double(), by_hand, rtol=1e-5, atol=1e-6)
    for one, other in zip(torch.autograd.grad(found, leaves, outward), torch.autograd.grad(wanted, leaves, outward)):
        assert_close(one, other, rtol=1e-4, atol=1e-5)
    slope = torch.autograd.grad(noisy(*leaves, least, 11), variance, outward)[0]
    assert not slope[(variance + constant) < least].any()
    assert slope[(variance + constant) > least].all()
    assert noisy(*leaves, least, 12).sub(found).abs().max() > 1e-3


def test_doubles_and_nothing():
    base, factor, constant = torch.randn(3, 1), torch.rand(3, 1), torch.rand(3, 1)
    least = torch.zeros(3, 1)
    given = base, factor, torch.randn(3, 5), torch.rand(3, 5), constant, least
    double = noisy(*(one.double() for one in given), 3)
    assert_close(double.float(), noisy(*given, 3), rtol=1e-5, atol=1e-5)
    assert noisy(base, factor, torch.empty(3, 0), torch.empty(3, 0), constant, least, 3).shape == (3, 0)


def test_nothing_at_all_has_no_noise_and_no_gradient():
    """Variance of none, and less: whatever comes back is finite, in the kernel and in its formula."""
    zero, score = torch.zeros(2, 1), torch.zeros(2, 4)
    for dtype in (torch.float32, torch.float64):
        variance = torch.tensor([[0.0, -1.0, 1e-38, 0.0]]).repeat(2, 1).to(dtype).requires_grad_()
        found = noisy(zero.to(dtype), zero.to(dtype), score.to(dtype), variance, zero.to(dtype), zero.to(dtype), 3)
        assert found.abs().max() < 1e-14
        found.sum().backward()
        assert not variance.grad.any()


@pytest.mark.parametrize("width", [16, 400])
def test_what_cancellation_leaves_is_below_what_rounding_says(width):
    """Of equal vectors the expanded square is nothing but rounding, at any scale: about as much as is reckoned with."""
    torch.manual_seed(0)
    for scale in (1e-6, 1.0, 1e3):
        one = scale * torch.randn(200, width)
        size = one.square().sum(1, keepdim=True)
        left = size - 2 * (one * one) @ torch.ones(width, 1) + (one @ one.T).diagonal()[:, None]
        assert (left.abs() <= 2 * rounding(size)).all()
        assert rounding(size).max() < 1e-6 * size.max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (6, 40)], ids=["alike", "by column", "each"])
def test_softmax_sums(dtype, shape):
    """Both sums and the gradient of any mixture of them; absent by weight or by a score of minus infinity."""
    torch.manual_seed(0)
    score, weight = torch.randn(6, 40).to(dtype), torch.rand(shape)
    if weight.numel() > 1:
        weight[..., 5:9] = 0
    score[2, 3] = -torch.inf
    score.requires_grad_()
    outward = torch.randn(2, 6)
    found = softmax_sums(score, weight)
    exact = score.detach().double().requires_grad_()
    wide = weight.double().expand(6, 40)
    log = logsumexp_reference(exact, wide)
    total = sum_reference(exact, wide)
    tolerance = {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    assert_close(found[0].double(), log, **tolerance)
    assert_close(found[1].double(), total, **tolerance)
    (grad,) = torch.autograd.grad(outward[0] @ found[0].float() + outward[1] @ found[1].float(), score)
    share = outward[0].double()[:, None] * wide * (exact - log[:, None]).exp() + outward[1].double()[:, None] * wide
    wanted = torch.where((wide > 0) & (exact > -torch.inf), share, 0)
    assert_close(grad.double(), wanted, **tolerance)
