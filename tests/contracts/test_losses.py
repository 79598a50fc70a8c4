"""What every loss promises."""

import pytest
import torch
from examples import examples, name
from torch.testing import assert_close

from gnnneg.interfaces import Loss

losses = pytest.mark.parametrize("make", examples(Loss), ids=name)
labels = pytest.mark.parametrize("label", [0.0, 0.25])


@losses
@labels
def test_weight_zero_is_absence(make, label):
    loss, positive, negative, weight = make(), torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    weight[:, 2] = 0
    kept = [0, 1, 3, 4]
    assert_close(loss(positive, negative, weight, label), loss(positive, negative[:, kept], weight[:, kept], label))


@losses
@labels
def test_weight_broadcasts(make, label):
    loss, positive, negative = make(), torch.randn(4, 1), torch.randn(4, 5)
    assert_close(loss(positive, negative, torch.ones(1, 1), label), loss(positive, negative, torch.ones(4, 5), label))


@losses
@labels
def test_order_is_irrelevant(make, label):
    loss, positive, negative, weight = make(), torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    order = torch.randperm(5)
    assert_close(loss(positive, negative, weight, label), loss(positive, negative[:, order], weight[:, order], label))


@losses
def test_a_better_positive_costs_less(make):
    """Margin losses may be indifferent once satisfied, so the positive starts below the negatives."""
    loss, positive, negative = make(), torch.randn(4, 1) - 4, torch.randn(4, 5)
    assert (loss(positive + 1, negative, torch.ones(1, 1)) < loss(positive, negative, torch.ones(1, 1))).all()


@losses
def test_a_worse_negative_costs_less(make):
    """Margin losses may be indifferent once satisfied, so the negatives start above the positive."""
    loss, positive, negative = make(), torch.randn(4, 1), torch.randn(4, 5) + 4
    assert (loss(positive, negative - 1, torch.ones(1, 1)) < loss(positive, negative, torch.ones(1, 1))).all()


@losses
@labels
def test_a_row_without_negatives_is_finite(make, label):
    loss = make()
    positive, negative = torch.randn(4, 1, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    loss(positive, negative, torch.zeros(4, 5), label).sum().backward()
    assert positive.grad.isfinite().all()
    assert negative.grad.abs().max() == 0


@losses
@labels
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_stable_far_out(make, label, size):
    loss = make()
    positive, negative = torch.randn(4, 1, requires_grad=True), (torch.randn(4, 5) + size).requires_grad_()
    value = loss(positive, negative, torch.ones(1, 1), label)
    value.sum().backward()
    assert value.isfinite().all()
    assert positive.grad.isfinite().all()
    assert negative.grad.isfinite().all()


@losses
def test_rows_are_independent(make):
    loss, positive, negative, weight = make(), torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    whole = loss(positive, negative, weight)
    assert_close(whole[2:3], loss(positive[2:3], negative[2:3], weight[2:3]))


@losses
def test_labels_may_differ(make):
    """One label for all is the same as that label for each; labels of absent negatives count nothing."""
    loss, positive, negative, weight = make(), torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    wanted = loss(positive, negative, weight, 0.25)
    for shape in ((1, 1), (4, 1), (1, 5), (4, 5)):
        assert_close(loss(positive, negative, weight, torch.full(shape, 0.25)), wanted)
    weight[:, 2] = 0
    one, other = torch.rand(4, 5), torch.rand(4, 5)
    other[:, [0, 1, 3, 4]] = one[:, [0, 1, 3, 4]]
    assert_close(loss(positive, negative, weight, one), loss(positive, negative, weight, other))
    assert (loss(positive, negative, weight, one) - loss(positive, negative, weight, 1 - one)).abs().max() > 1e-3


@losses
def test_without_a_label_negatives_are_wrong(make):
    loss, positive, negative, weight = make(), torch.randn(4, 1), torch.randn(4, 5), torch.rand(4, 5)
    assert_close(loss(positive, negative, weight), loss(positive, negative, weight, 0.0))
