"""Proposals of a chain on a graph, against the matrix of their probabilities."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.kernels.proposal import propose, propose_reference

NODES = 7
LINKS = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 2), (3, 4)]  # 6 is alone


def graph():
    adjacent = torch.zeros(NODES, NODES, dtype=torch.bool)
    for one, other in LINKS:
        adjacent[one, other] = adjacent[other, one] = True
    near = [row.nonzero()[:, 0] for row in adjacent]
    length = torch.tensor([0] + [len(row) for row in near])
    return adjacent, length.cumsum(0), torch.cat(near)


def chances(adjacent, local):
    """The probability of going from each state to each."""
    degree = adjacent.sum(1, keepdim=True).double()
    share = torch.where(degree > 0, local, 0.0)
    return adjacent * share / degree.clamp(min=1) + (1 - share) / NODES


def drawn(count=200_000):
    draw = torch.Generator().manual_seed(0)
    now, jump = torch.randint(NODES, (2, count // 50, 50), generator=draw)
    coin, pick = torch.rand(2, count // 50, 50, generator=draw)
    return now, jump, coin, pick


@pytest.mark.parametrize("local", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("make", [propose, propose_reference])
def test_proposals_are_as_frequent_as_the_matrix_says_and_so_is_the_ratio(make, local):
    adjacent, offset, near = graph()
    wanted, (now, jump, coin, pick) = chances(adjacent, local), drawn()
    then, ratio = make(offset, near, now, jump, coin, pick, local)
    for state in range(NODES):
        seen = torch.bincount(then[now == state], minlength=NODES).double()
        expected = wanted[state] * seen.sum()
        assert (
            float(((seen - expected)[expected > 0] ** 2 / expected[expected > 0]).sum()) < 25
        )  # six degrees: p > .0003
        assert not seen[expected == 0].any()
    assert_close(ratio, (wanted[then, now] / wanted[now, then]).float())


def test_kernel_is_the_reference():
    _, offset, near = graph()
    for local in (0.0, 0.3, 0.99):
        one, other = (make(offset, near, *drawn(5_000), local) for make in (propose, propose_reference))
        assert torch.equal(one[0], other[0])
        assert_close(one[1], other[1])


def test_without_any_edge_it_jumps():
    now, jump, coin, pick = drawn(100)
    empty = torch.zeros(NODES + 1, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    then, ratio = propose(*empty, now, jump, coin, pick, 0.9)
    assert torch.equal(then, jump)
    assert torch.equal(ratio, torch.ones_like(ratio))
