"""Draws from rows."""

import torch
from torch.testing import assert_close

from gnnneg.kernels.choice import choose


def test_columns_come_in_proportion():
    share = torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 2.0], [5.0, 5.0, 0.0]])
    drawn = choose(share, 20_000, torch.Generator().manual_seed(0))
    found = torch.nn.functional.one_hot(drawn, 3).double().mean(1)
    wanted = (share / share.sum(1, keepdim=True)).double()
    assert (found[wanted == 0] == 0).all()
    assert_close(found, wanted, atol=0.015, rtol=0)


def test_millions_of_even_shares_are_even():
    """Counts of a fair draw are Poisson's: variance is mean, but for one part in a thousand. With the 2^24 levels of a
    float two or three fall into each of six million columns, and variance is a hundredth more.
    """
    columns, draws = 6_000_000, 3_000_000
    drawn = choose(torch.ones(1, 1).expand(1, columns), draws, torch.Generator().manual_seed(0))[0]
    count = torch.bincount(drawn, minlength=columns).double()
    error = ((2 + columns / draws) / columns) ** 0.5
    assert abs(float(count.var() / count.mean()) - 1) < 5 * error < 0.005


def test_equal_to_torchs_bisection():
    """The very columns, for rows with zeros at either end and rows of one column."""
    for width in (1, 2, 7, 64):
        share = torch.rand(50, width, generator=torch.Generator().manual_seed(width))
        share[::3, 0] = share[1::3, -1] = 0
        share[:, width // 2] += 0.1
        total = share.double().cumsum(1)
        chance = torch.rand(50, 9, generator=torch.Generator().manual_seed(5), dtype=torch.double)
        wanted = torch.searchsorted(total, chance * total[:, -1:], right=True).clamp_(max=width - 1)
        assert torch.equal(choose(share, 9, torch.Generator().manual_seed(5)), wanted)
