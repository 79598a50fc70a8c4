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
