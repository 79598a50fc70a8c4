"""Log-sum-exp, counting and distinct rows."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.kernels.counting import count_ranks, count_ranks_reference
from gnnneg.kernels.rows import as_met, compact
from gnnneg.kernels.softmax import logsumexp_reference, share_reference, weighted_logsumexp


def test_log_sum_exp_with_weights():
    score = torch.randn(4, 6, dtype=torch.double, requires_grad=True)
    weight = torch.rand(4, 6, dtype=torch.double)
    weight[:, 2] = 0
    wanted = (score + weight.log()).logsumexp(1)
    assert_close(weighted_logsumexp(score, weight), wanted)
    assert torch.autograd.gradcheck(lambda s: weighted_logsumexp(s, weight), (score,))
    for shape in ((1, 1), (4, 1), (1, 6)):
        shared = torch.rand(shape, dtype=torch.double) + 0.1
        assert_close(weighted_logsumexp(score, shared), (score + shared.log()).logsumexp(1))
        assert torch.autograd.gradcheck(lambda s, w=shared: weighted_logsumexp(s, w), (score,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 2500), (5, 2500)])
def test_fused_log_sum_exp_is_the_reference(dtype, shape):
    """Wider than a block, scores from 1e-30 to far out, in the precision that they come in."""
    score = (torch.randn(5, 2500) * torch.tensor([[1e-3], [1.0], [10.0], [60.0], [1e4]])).to(dtype)
    weight = torch.rand(shape) * (torch.rand(shape) > 0.3) + (1e-3 if shape[1] == 1 else 0)
    grad = torch.randn(5)
    exact = score.double()
    value = logsumexp_reference(exact, weight.double())
    leaf = score.clone().requires_grad_()
    found = weighted_logsumexp(leaf, weight)
    assert found.dtype == torch.float32
    assert_close(found.double(), value, rtol=1e-6, atol=1e-6)
    found.backward(grad)
    assert leaf.grad.dtype == dtype
    # a value of 1e4 has float32 steps of 1e-3, which is the relative error of what is raised from it
    wanted = share_reference(exact, weight.double(), value, grad.double())
    tolerance = {torch.float32: 2e-5, torch.bfloat16: 4e-3}[dtype]
    assert_close(leaf.grad[:4].double(), wanted[:4], rtol=tolerance, atol=1e-7)
    assert_close(leaf.grad[4].double(), wanted[4], rtol=5e-3, atol=1e-7)


def test_fused_exponential_is_exact_to_rounding():
    """Relative error over its whole range, through a row of one candidate shifted by a far higher one."""
    score = torch.cat([torch.linspace(-86.0, 0.0, 20_001)[:, None], torch.zeros(20_001, 1)], dim=1).requires_grad_()
    weighted_logsumexp(score, torch.ones(1, 1)).sum().backward()
    wanted = score.detach().double().softmax(1)
    assert ((score.grad.double() - wanted) / wanted).abs().max() < 1e-5


def test_nan_is_not_hidden_by_the_sum():
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        score = torch.randn(3, 2000, dtype=dtype)
        score[1, 1500] = torch.nan
        assert weighted_logsumexp(score, torch.ones(1, 1)).isnan().tolist() == [False, True, False]


def test_log_sum_exp_of_nobody():
    score = torch.randn(2, 3, requires_grad=True)
    value = weighted_logsumexp(score, torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]))
    assert value[0] == -torch.inf
    value[1].backward()
    assert score.grad[0].abs().max() == 0
    assert score.grad[1, 1] == 0


def test_an_absent_candidate_does_not_set_the_scale():
    """However high an absent candidate scores, those present keep their sum and their gradients."""
    score = torch.tensor([[1e4, 0.0, 1.0]], requires_grad=True)
    weight = torch.tensor([[0.0, 1.0, 1.0]])
    value = weighted_logsumexp(score, weight)
    assert_close(value, torch.tensor([0.0, 1.0]).logsumexp(0)[None])
    value.backward()
    assert_close(score.grad, torch.cat([torch.zeros(1), torch.tensor([0.0, 1.0]).softmax(0)])[None])


def test_log_sum_exp_far_out():
    for shift in (1e4, -1e4):
        score = torch.randn(3, 5)
        assert_close(weighted_logsumexp(score + shift, torch.ones(1, 1)), score.logsumexp(1) + shift)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_counts_with_ties(dtype):
    score = torch.randint(4, (6, 50)).to(dtype)
    row = torch.tensor([0, 0, 3, 5, 5])
    target_score = score[row, torch.tensor([1, 7, 0, 2, 2])]
    above, equal = count_ranks(score, target_score, row)
    for i in range(5):
        assert above[i] == sum(value > target_score[i] for value in score[row[i]].tolist())
        assert equal[i] == sum(value == target_score[i] for value in score[row[i]].tolist())
    assert all(map(torch.equal, count_ranks_reference(score, target_score, row), (above, equal)))


@pytest.mark.parametrize("where", ["score", "target"])
def test_nan_is_not_a_rank(where):
    score, target_score, row = torch.randn(3, 5), torch.randn(3), torch.arange(3)
    (score[1] if where == "score" else target_score)[1] = torch.nan
    for count in (count_ranks, count_ranks_reference):
        above, equal = count(score, target_score, row)
        assert (above == -1).tolist() == (equal == -1).tolist() == [False, True, False]


def test_infinity_is_a_score():
    score = torch.tensor([[torch.inf, -torch.inf, 0.0]])
    above, equal = count_ranks(score, torch.tensor([-torch.inf]), torch.tensor([0]))
    assert (above.item(), equal.item()) == (2, 1)


def test_compact_is_unique():
    for _ in range(3):  # the scratch map is clean after each call
        index = torch.randint(50, (4, 9))
        wanted = torch.unique(index, return_inverse=True)
        assert all(map(torch.equal, compact(index, 50), wanted))
        row, place = as_met(index, 50)
        assert torch.equal(row[place], index)
        assert row.tolist() == list(dict.fromkeys(index.reshape(-1).tolist()))
    row, place = compact(torch.empty(0, 3, dtype=torch.long), 50)
    assert (row.shape, place.shape) == ((0,), (0, 3))
