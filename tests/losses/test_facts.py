"""Losses against values worked by hand, torch's own functions, PyKEEN and their identities."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from gnnneg.errors import UserError
from gnnneg.losses import BCE, InfoNCE, LogSigmoid, MarginRanking

ONE = torch.ones(1, 1)


def scores(b: int = 4, k: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(b, 1), torch.randn(b, k)


def test_info_nce_is_cross_entropy():
    positive, negative = scores()
    whole = torch.cat([positive, negative], dim=1)
    zero = torch.zeros(4, dtype=torch.long)
    assert_close(InfoNCE()(positive, negative, ONE), F.cross_entropy(whole, zero, reduction="none"))
    expected = F.cross_entropy(whole / 0.1, zero, reduction="none")
    assert_close(InfoNCE(0.1)(positive, negative, ONE), expected)
    assert_close(InfoNCE(0.1, learnable=True)(positive, negative, ONE), expected)


def test_info_nce_of_all_is_one_vs_all():
    """Every entity as a negative, the own target absent, equals cross-entropy over all entities."""
    score, target = torch.randn(4, 9), torch.tensor([0, 3, 8, 3])
    weight = torch.ones(4, 9).scatter_(1, target[:, None], 0)
    assert_close(
        InfoNCE()(score.gather(1, target[:, None]), score, weight), F.cross_entropy(score, target, reduction="none")
    )


def test_info_nce_ignores_a_shift_and_bce_does_not():
    positive, negative = scores()
    assert_close(InfoNCE()(positive + 3, negative + 3, ONE), InfoNCE()(positive, negative, ONE))
    assert (BCE()(positive + 3, negative + 3, ONE) - BCE()(positive, negative, ONE)).abs().min() > 0.1


def test_info_nce_with_soft_labels_is_unnormalised_cross_entropy():
    positive, negative = scores()
    log_p = torch.cat([positive, negative], dim=1).log_softmax(1)
    target = torch.tensor([1.0] + [0.3] * 5)
    assert_close(InfoNCE()(positive, negative, ONE, label=0.3), -(log_p * target).sum(1))


def test_soft_labels_settle_at_log_one_over_beta():
    """With targets (1, b, ..., b) the gap between positive and every negative settles at ln(1/b)."""
    positive, negative = torch.zeros(1, 1, requires_grad=True), torch.randn(1, 4, requires_grad=True)
    optimizer = torch.optim.Adam([positive, negative], lr=0.05)
    for _ in range(800):
        optimizer.zero_grad()
        InfoNCE()(positive, negative, ONE, label=0.2).sum().backward()
        optimizer.step()
    assert_close(positive - negative, torch.full((1, 4), math.log(5.0)), rtol=1e-3, atol=1e-3)


def test_learnable_temperature_learns_and_is_clamped():
    loss = InfoNCE(0.5, learnable=True)
    positive, negative = torch.full((4, 1), 2.0), torch.zeros(4, 5)  # separated: a sharper softmax costs less
    value = loss(positive, negative, ONE).sum()
    value.backward()
    assert loss.log_scale.grad < 0
    loss.log_scale.data.fill_(10.0)
    assert_close(loss(positive / 100, negative, ONE), InfoNCE()(positive, negative, ONE))


def learned(loss: InfoNCE, positive: float, steps: int) -> float:
    """The scale after some steps that want a sharp softmax (positive above the negatives) or a soft one (below)."""
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(torch.full((4, 1), positive), torch.zeros(4, 5), ONE).sum().backward()
        optimizer.step()
    return loss.log_scale.exp().item()


def test_a_learnable_temperature_comes_back_from_its_limit():
    loss = InfoNCE(0.1, learnable=True)
    above = learned(loss, 0.05, 300)
    assert above > 99
    assert loss.eval()(torch.ones(1, 1), torch.zeros(1, 1), ONE).item() == pytest.approx(
        math.log1p(math.exp(-min(above, 100))), rel=1e-4
    )
    assert learned(loss.train(), -0.05, 300) < 3


def test_a_learnable_temperature_of_an_old_checkpoint_comes_back():
    """Which was stuck above the limit."""
    loss, positive, negative = InfoNCE(0.5, learnable=True), *scores()
    loss.load_state_dict({"log_scale": torch.tensor(math.log(191.18))})
    assert_close(loss(positive, negative, ONE), InfoNCE(0.01)(positive, negative, ONE))
    assert loss.log_scale.item() == pytest.approx(math.log(100))
    assert learned(loss, -0.05, 300) < 3


def test_a_learnable_temperature_is_set_back_by_training_alone():
    loss, positive, negative = InfoNCE(0.5, learnable=True).eval(), *scores()
    loss.log_scale.data.fill_(7.0)
    assert_close(loss(positive, negative, ONE), InfoNCE(0.01)(positive, negative, ONE))
    assert loss.log_scale.item() == 7.0


def test_a_learnable_temperature_starts_within_its_limit():
    assert InfoNCE(0.01, learnable=True).log_scale.exp().item() == pytest.approx(100)
    assert InfoNCE(0.005).temperature == 0.005
    with pytest.raises(UserError, match=r"InfoNCE\(temperature=0.005, learnable=True\): a learned temperature stays"):
        InfoNCE(0.005, learnable=True)


def test_log_sigmoid_by_hand():
    """Positive 1, negatives 0 and -1, margin 1: half of (softplus(-2) + mean of softplus(1), softplus(0))."""
    expected = (math.log1p(math.exp(-2)) + (math.log1p(math.e) + math.log(2)) / 2) / 2
    value = LogSigmoid(margin=1.0)(torch.tensor([[1.0]]), torch.tensor([[0.0, -1.0]]), ONE)
    assert_close(value, torch.tensor([expected]))


def test_self_adversarial_limits():
    positive, negative = scores()
    mean = LogSigmoid(1.0)(positive, negative, ONE)
    hardest = LogSigmoid(1.0)(positive, negative.amax(1, keepdim=True), ONE)
    assert_close(LogSigmoid(1.0, adversarial=1e-6)(positive, negative, ONE), mean)
    assert_close(LogSigmoid(1.0, adversarial=1e3)(positive, negative, ONE), hardest)
    between = LogSigmoid(1.0, adversarial=1.0)(positive, negative, ONE)
    assert ((mean < between) & (between < hardest)).all()


def test_self_adversarial_weights_carry_no_gradient():
    """With detached weights the gradient of negative j is a_j sigma(s_j) / 2, with no term from the softmax."""
    positive, negative = torch.zeros(1, 1), torch.tensor([[0.5, -0.3, 1.2]], requires_grad=True)
    LogSigmoid(adversarial=2.0)(positive, negative, ONE).sum().backward()
    expected = (2 * negative).softmax(1) * negative.sigmoid() / 2
    assert_close(negative.grad, expected.detach())


def test_self_adversarial_equals_pykeen():
    from pykeen.losses import NSSALoss

    positive, negative = scores()
    theirs = NSSALoss(margin=3.0, adversarial_temperature=0.7, reduction="mean").process_slcwa_scores(
        positive, negative
    )
    assert_close(LogSigmoid(3.0, adversarial=0.7)(positive, negative, ONE).mean(), theirs)


def test_log_sigmoid_with_a_k_of_its_own_by_hand():
    """As the text has it: no halves, and the sum over k. The third negative of weight 0 is not there."""
    positive, negative = torch.tensor([[1.0]]), torch.tensor([[0.0, -1.0, 9.0]])
    weight = torch.tensor([[1.0, 3.0, 0.0]])
    right, wrong = math.log1p(math.exp(-2)), math.log1p(math.e) + 3 * math.log(2)
    for k in (1, 2, 7):
        assert_close(LogSigmoid(1.0, k=k)(positive, negative, weight), torch.tensor([right + wrong / k]))


def test_log_sigmoid_of_twice_the_negatives():
    """With a k of its own the negatives' part is twice as dear; with k as many as there are it is twice the mean's."""
    positive, negative = scores()
    nobody = LogSigmoid(1.0, k=3)(positive, negative, 0 * ONE)
    once, twice = (LogSigmoid(1.0, k=3)(positive, negative.repeat(1, n), ONE) - nobody for n in (1, 2))
    assert_close(twice, 2 * once)
    assert_close(LogSigmoid(1.0, k=5)(positive, negative, ONE), 2 * LogSigmoid(1.0)(positive, negative, ONE))
    for label in (0.0, 0.3, torch.rand(4, 5)):
        assert_close(LogSigmoid(2.0, k=1)(positive, negative, ONE, label), BCE(2.0)(positive, negative, ONE, label))


def test_log_sigmoid_takes_a_k_or_self_adversarial_weights():
    with pytest.raises(UserError, match=r"LogSigmoid\(adversarial=0.5, k=2\): .* give one of the two"):
        LogSigmoid(1.0, 0.5, 2)
    with pytest.raises(UserError, match=r"LogSigmoid\(k=0\): give a whole number"):
        LogSigmoid(k=0)


def test_margin_ranking_by_hand():
    """Positive 1, negatives 0.5 and -2, margin 1: only the first violates, by 0.5; the mean of 0.5 and 0."""
    value = MarginRanking(1.0)(torch.tensor([[1.0]]), torch.tensor([[0.5, -2.0]]), ONE)
    assert_close(value, torch.tensor([0.25]))


def test_margin_ranking_with_a_k_of_its_own_by_hand():
    """Violations of 0.5 and 2, the second of weight 3: the sum is 6.5, a fourth of it 1.625, the mean also 1.625."""
    positive, negative, weight = (
        torch.tensor([[1.0]]),
        torch.tensor([[0.5, 2.0, -9.0]]),
        torch.tensor([[1.0, 3.0, 0.0]]),
    )
    for k, wanted in ((1, 6.5), (2, 3.25), (4, 1.625), (None, 1.625)):
        assert_close(MarginRanking(1.0, k)(positive, negative, weight), torch.tensor([wanted]))
    assert_close(MarginRanking(1.0, 1)(positive, negative, ONE, 0.5), torch.tensor([1.5]))  # margin 0.5: 0 and 1.5


def test_margin_ranking_of_twice_the_negatives():
    """Twice as dear with a k of its own, as dear under the mean; PyTorch's own loss is the sum over pairs."""
    positive, negative = scores()
    summed, mean = MarginRanking(1.0, 1), MarginRanking(1.0)
    twice = negative.repeat(1, 2)
    assert_close(summed(positive, twice, ONE), 2 * summed(positive, negative, ONE))
    assert_close(mean(positive, twice, ONE), mean(positive, negative, ONE))
    pairs = positive.expand_as(negative).flatten(), negative.flatten(), torch.ones(20)
    assert_close(summed(positive, negative, ONE).sum(), F.margin_ranking_loss(*pairs, margin=1.0, reduction="sum"))


def test_margin_ranking_is_zero_iff_all_margins_hold():
    positive = torch.tensor([[3.0], [3.0]])
    negative = torch.tensor([[2.0, 0.0], [2.1, 0.0]])
    assert (MarginRanking(1.0)(positive, negative, ONE) > 0).tolist() == [False, True]


def test_bce_is_binary_cross_entropy():
    positive, negative = scores()
    expected = F.binary_cross_entropy_with_logits(positive + 2, torch.ones(4, 1), reduction="none").sum(1)
    for label in (0.0, 0.3):
        wrong = F.binary_cross_entropy_with_logits(negative + 2, torch.full((4, 5), label), reduction="none").sum(1)
        assert_close(BCE(2.0)(positive, negative, ONE, label), expected + wrong)


@pytest.mark.parametrize("loss", [LogSigmoid(1.0), LogSigmoid(1.0, 1.0)], ids=["mean", "self-adversarial"])
def test_the_number_of_negatives_does_not_matter_to_means(loss):
    positive, negative = scores()
    assert_close(loss(positive, negative.repeat(1, 3), ONE), loss(positive, negative, ONE))


def test_importance_weights_make_sampled_softmax_consistent():
    """With weights 1 / (N q_j), the expected partition function is the full one; enumerated exactly."""
    score, q = torch.randn(5), torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25])
    whole = score.exp().sum()
    expected = torch.zeros(())
    for i in range(5):
        for j in range(5):
            picked = torch.tensor([i, j])
            weight = 1 / (2 * q[picked])
            value = InfoNCE()(torch.full((1, 1), -1e4), score[picked][None], weight[None])
            # with a hopeless positive the loss is log of the partition function, up to the positive's own score
            expected += q[i] * q[j] * (value[0] - 1e4).exp()
    assert_close(expected, whole, rtol=1e-2, atol=1e-2)
