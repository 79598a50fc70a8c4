"""The first vectors: torch's own draw for small tables, seeded blocks for large ones, the same in parts as whole."""

from itertools import pairwise

import pytest
import torch

from gnnneg.encoders import initial

SIZE, WIDTH, BOUND = 103, 5, 0.3


def drawn(parts, seed=7):
    """The table, drawn in parts by as many processes, and where torch's generator then is."""
    held, states = [], []
    for start, stop in pairwise(parts):
        torch.manual_seed(seed)
        own = torch.full((stop - start, WIDTH), 9.0)
        initial.uniform(own, BOUND, SIZE, start)
        held.append(own)
        states.append(torch.get_rng_state())
    assert all(torch.equal(state, states[0]) for state in states)
    return torch.cat(held), states[0]


PARTS = [[0, SIZE], [0, 40, SIZE], [0, 16, 17, 64, SIZE], [0, 0, 50, 51, SIZE]]


@pytest.fixture(params=["small", "large"])
def kind(request, monkeypatch):
    monkeypatch.setattr(initial, "ROWS", 16)
    if request.param == "large":
        monkeypatch.setattr(initial, "LARGE", 100)
    return request.param


@pytest.mark.parametrize("parts", PARTS)
def test_who_holds_which_rows_changes_nothing(parts, kind):
    (one, state), (other, then) = drawn([0, SIZE]), drawn(parts)
    assert torch.equal(one, other)
    assert torch.equal(state, then)
    assert one.abs().max() <= BOUND


def test_a_small_table_is_torchs_own_draw():
    ours, state = drawn([0, SIZE])
    torch.manual_seed(7)
    assert torch.equal(ours, torch.empty(SIZE, WIDTH).uniform_(-BOUND, BOUND))
    assert torch.equal(state, torch.get_rng_state())


def test_blocks_of_a_large_table_are_drawn_apart(monkeypatch):
    monkeypatch.setattr(initial, "ROWS", 16)
    monkeypatch.setattr(initial, "LARGE", 100)
    whole, state = drawn([0, SIZE])
    torch.manual_seed(7)
    seeds = torch.randint(torch.iinfo(torch.int64).max, (7,)).tolist()
    assert torch.equal(torch.get_rng_state(), state)  # nothing else of torch's generator is used
    for block, seed in enumerate(seeds):
        rows = whole[16 * block : 16 * block + 16]
        rng = torch.Generator().manual_seed(seed)
        assert torch.equal(rows, torch.empty_like(rows).uniform_(-BOUND, BOUND, generator=rng))


def test_another_seed_and_other_threads(kind):
    one = drawn([0, SIZE])[0]
    assert not torch.equal(one, drawn([0, SIZE], seed=8)[0])
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        assert torch.equal(one, drawn([0, SIZE])[0])
    finally:
        torch.set_num_threads(before)


def test_a_large_table_is_uniform(monkeypatch):
    monkeypatch.setattr(initial, "LARGE", 100)
    own = torch.empty(40_000, 5)
    torch.manual_seed(0)
    initial.uniform(own, 1.0, len(own))
    share = torch.histc(own, 20, -1, 1) / own.numel()
    assert (share - 0.05).abs().max() < 5 * (0.05 * 0.95 / own.numel()) ** 0.5
