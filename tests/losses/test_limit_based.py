"""The limit-based loss by hand and by its formula."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.errors import UserError
from gnnneg.losses import LimitBased

ONE = torch.ones(1, 1)


def test_by_hand():
    """Distances 3 and 1.5, 5, .5; limits 1 and 2: 2 too far, and .5, 0 and 1.5 too near, the last of weight 3."""
    positive, negative = torch.tensor([[-3.0]]), torch.tensor([[-1.5, -5.0, -0.5]])
    assert_close(LimitBased(1.0, 2.0, 0.5)(positive, negative, ONE), torch.tensor([3.0]))
    weight = torch.tensor([[1.0, 1.0, 3.0]])
    assert_close(LimitBased(1.0, 2.0, 0.5)(positive, negative, weight), torch.tensor([2 + 0.5 * 5]))
    # a quarter right: 3/4 of .5 and of 1.5, and 1/4 of the 4 and of the .5 by which two are above the lower limit
    expected = 2 + 0.5 * (0.75 * (0.5 + 1.5) + 0.25 * (0.5 + 4))
    assert_close(LimitBased(1.0, 2.0, 0.5)(positive, negative, ONE, 0.25), torch.tensor([expected]))


def test_by_its_formula():
    """In double, sum by sum, with the paper's numbers."""
    distance, others = 3 * torch.rand(20, 1).double(), 3 * torch.rand(20, 10).double()
    weight, label = torch.rand(20, 10).double(), torch.rand(20, 10).double()
    found = LimitBased()(-distance, -others, weight, label)
    for i in range(20):
        expected = max(0.0, distance[i].item() - 0.01)
        for w, beta, d in zip(weight[i].tolist(), label[i].tolist(), others[i].tolist()):
            expected += 0.2 * w * ((1 - beta) * max(0.0, 2.0 - d) + beta * max(0.0, d - 0.01))
        assert found[i].item() == pytest.approx(expected, rel=1e-12)


def test_nothing_is_pulled_within_its_limit():
    positive = torch.tensor([[-0.9], [-1.1]], requires_grad=True)
    negative = torch.tensor([[-2.1, -1.9], [-2.1, -2.1]], requires_grad=True)
    LimitBased(1.0, 2.0, 0.5)(positive, negative, ONE).sum().backward()
    assert positive.grad.tolist() == [[0.0], [-1.0]]
    assert negative.grad.tolist() == [[0.0, 0.5], [0.0, 0.0]]


def test_a_shift_matters():
    """Which a margin between two scores does not notice."""
    positive, negative = -torch.rand(4, 1), -torch.rand(4, 5)
    loss = LimitBased(0.01, 2.0, 0.5)
    assert ((loss(positive - 1, negative - 1, ONE) - loss(positive, negative, ONE)).abs() > 1e-3).all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"positive": 2.0, "negative": 2.0},
            r"LimitBased\(positive=2.0, negative=2.0\): .* larger number for negat",
        ),
        ({"balance": -0.1}, r"LimitBased\(balance=-0.1\): give a finite number, 0 or more"),
        ({"negative": float("nan")}, r"LimitBased\(negative=nan\): give a finite number"),
    ],
)
def test_limits_in_their_order(options, told):
    with pytest.raises(UserError, match=told):
        LimitBased(**options)
