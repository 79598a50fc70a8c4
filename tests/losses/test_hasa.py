"""HaSa by hand."""

import math

import pytest
import torch
from torch.testing import assert_close

from gnnneg.losses import HaSa, InfoNCE


def test_without_prior_hardness_and_margin_it_is_info_nce():
    positive, negative, weight = torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    for label in (0.0, 0.3, torch.rand(4, 5)):
        assert_close(HaSa(0.0, 0.0)(positive, negative, weight, label), InfoNCE()(positive, negative, weight))


def test_written_out():
    positive, negative, weight = torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    label = torch.tensor([0.0, 0.5, 0.0, 1.0, 0.0])[None]
    tau, beta, margin = 0.1, 0.7, 0.2
    found = HaSa(tau, beta, margin)(positive, negative, weight, label)
    for i in range(4):
        every = weight[i] * (beta * negative[i]).exp()
        false = every * label[0]
        e_every = (every / every.sum() * negative[i].exp()).sum()
        e_false = (false / false.sum() * negative[i].exp()).sum()
        rest = weight[i].sum() / (1 - tau) * max(0.0, float(e_every - tau * e_false))
        first = (positive[i, 0] - margin).exp()
        assert_close(found[i], -(first / (first + rest)).log())


def test_nothing_is_left_below_the_floor():
    """Where the suspected weigh more than all, the loss is 0 and pushes nobody."""
    negative = torch.tensor([[0.0, 9.0]], requires_grad=True)
    positive = torch.zeros(1, 1, requires_grad=True)
    loss = HaSa(0.9, 0.0)(positive, negative, torch.ones(1, 1), torch.tensor([[0.0, 1.0]]))
    assert loss.tolist() == [0.0]
    loss.sum().backward()
    assert negative.grad.abs().max() == 0
    assert positive.grad.abs().max() == 0


def test_suspicion_takes_the_pressure_off():
    """The gradient on a candidate is smaller when it is suspected, that on the others is not."""
    negative = torch.tensor([[1.0, 1.0, 0.0]], requires_grad=True)
    pull = []
    for label in (torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])):
        loss = HaSa(0.2, 0.0)(torch.zeros(1, 1), negative, torch.ones(1, 1), label)
        pull.append(torch.autograd.grad(loss.sum(), negative)[0][0])
    assert pull[1][0] < pull[0][0] < pull[0][0] * 1.0001
    assert pull[1][1] > pull[1][0]
    assert math.isclose(pull[0][0], pull[0][1], rel_tol=1e-6)


@pytest.mark.parametrize("prior", [-0.1, 1.0])
def test_a_prior_is_a_share(prior):
    with pytest.raises(ValueError, match="from 0 to below 1"):
        HaSa(prior)


def test_half_precision_scores_are_added_up_in_full():
    """The loss of rounded scores is that of the same numbers in single precision."""
    positive, negative = torch.randn(4, 1), torch.randn(4, 50).bfloat16()
    weight, label = torch.ones(4, 50), (torch.arange(50) % 7 == 0).float()[None]
    found = HaSa(0.1, 0.7)(positive, negative, weight, label)
    assert found.dtype == torch.float32
    assert_close(found, HaSa(0.1, 0.7)(positive, negative.float(), weight, label), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("hardness", [-1.0, float("nan"), float("inf")])
def test_a_hardness_is_not_negative(hardness):
    with pytest.raises(ValueError, match=r"HaSa\(hardness=.*a finite number"):
        HaSa(hardness=hardness)


@pytest.mark.parametrize("prior", [0.01, 0.1, 0.3, 0.37, 0.499])
def test_nothing_is_left_where_the_false_ones_are_all_there_is(prior):
    r"""The mean over all is below ``prior`` times that of the suspected one: the floor of 0 holds exactly."""
    score, label = torch.zeros(1, 256), torch.zeros(1, 256)
    score[0, 0], label[0, 0] = 20.0, 1.0
    assert (math.exp(20) + 255) / 256 < prior * math.exp(20)
    assert HaSa(prior, hardness=0.0)(torch.zeros(1, 1), score, torch.ones(1, 1), label).tolist() == [0.0]


def test_double_stays_double():
    """Against the formula written out, to the last digits that double has."""
    positive, negative, weight = torch.randn(1, 1).double(), torch.randn(1, 5).double(), torch.rand(1, 5).double()
    label = torch.tensor([[0.0, 0.5, 0.0, 1.0, 0.0]]).double()
    found = HaSa(0.1, 0.7, 0.2)(positive, negative, weight, label)
    every, score = (weight * (0.7 * negative).exp())[0].tolist(), negative[0].tolist()
    false = [share * suspicion for share, suspicion in zip(every, label[0].tolist())]
    mean = [sum(p * math.exp(s) for p, s in zip(share, score)) / sum(share) for share in (every, false)]
    rest = weight.sum().item() / 0.9 * (mean[0] - 0.1 * mean[1])
    first = math.exp(positive.item() - 0.2)
    assert found.item() == pytest.approx(-math.log(first / (first + rest)), rel=1e-12)
