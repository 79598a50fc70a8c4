"""Shares of a random split, one by one: what train must mention, what fits, what stays together."""

import pytest
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.hetero import from_hetero
from gnnneg.data.splits import _beside_first, _filled, _mirrored, _taken, _whole, random_split
from gnnneg.errors import UserError
from gnnneg.records import Triplets


def facts(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*torch.tensor(rows).T)


def test_train_mentions_what_is_stated_and_not_what_is_denied():
    """Of statements that share no entity each is the first to mention its own: none leaves train; of denied, half."""
    data = HeteroData()
    data["node"].num_nodes = 80
    data["node", "r", "node"].edge_index = torch.arange(40).view(2, 20)
    data["node", "not_r", "node"].edge_index = torch.arange(40, 80).view(2, 20)
    found = from_hetero(data, denied="not_", valid=0.5, test=0.0)
    assert found["entity", "stated", "entity"].split.tolist() == [0] * 20
    assert found["entity", "denied", "entity"].split.bincount().tolist() == [10, 10]


def test_shares_are_of_distinct_statements():
    """Ten, each told twice: one of ten is for validation, two for test, and copies stay together."""
    rows = facts(*((0, 0, 1 + tail) for tail in range(10)))
    twice = Triplets(*(torch.cat([column, column]) for column in rows))
    for seed in range(3):
        rng = torch.Generator().manual_seed(seed)
        split = random_split(twice, 0.1, 0.2, rng, cover=False)
        assert torch.equal(split[:10], split[10:])
        assert split[:10].bincount().tolist() == [7, 1, 2]
    assert random_split(rows, 0.0, 0.0).tolist() == [0] * 10
    assert random_split(rows, 0.5, 0.25, torch.Generator().manual_seed(0), cover=True).tolist() == [0] * 10
    none = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)
    assert random_split(none).tolist() == []
    for valid, test in ((-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (float("nan"), 0.1)):
        with pytest.raises(UserError, match="must not be negative and must leave some for train"):
            random_split(rows, valid, test)


def test_the_first_to_mention_each_stays():
    """In the order given: the first has all, the second its tail, the third nothing new, the last a relation."""
    rows = facts((0, 0, 1), (0, 0, 2), (1, 0, 2), (2, 1, 0))
    assert _beside_first(rows, torch.arange(4)).tolist() == [False, False, True, False]
    assert _beside_first(rows, torch.tensor([3, 2, 1, 0])).tolist() == [False, False, True, True]


def test_linked_both_ways():
    """Three about 0 and 1, two of them the other way round; a loop and a single one are their own."""
    rows = facts((0, 0, 1), (2, 0, 3), (1, 1, 0), (1, 0, 0), (3, 0, 3), (4, 0, 5), (5, 0, 4))
    assert _mirrored(rows).tolist() == [0, 1, 0, 0, 4, 5, 5]
    far = facts((0, 0, 9), (9, 0, 0), (9, 0, 8), (8, 0, 9), (0, 0, 8), (1, 0, 9))
    assert _mirrored(far).tolist() == [0, 0, 2, 2, 4, 5]


def test_groups_find_room_whole():
    group = torch.tensor([0, 0, 2, 3, 3, 3, 6])
    assert _whole(group[:6].clamp(max=3), torch.tensor([0, 1, 2, 4])).tolist() == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    size = torch.tensor([3, 1, 2, 2])
    assert _taken(size, 0).tolist() == [False] * 4
    assert _taken(size, 3).tolist() == [True, False, False, False]
    assert _taken(size, 4).tolist() == [True, True, False, False]
    assert _taken(size, 5).tolist() == [True, True, False, False]
    assert _taken(torch.tensor([4, 1, 3, 1]), 3).tolist() == [False, True, False, True]
    assert _taken(size, 8).tolist() == [True] * 4
    assert _filled(torch.tensor([5, 1, 1, 5, 2]), 2, 1).tolist() == [1, 0, 0, 1, 2]
    assert _filled(torch.empty(0, dtype=torch.long), 2, 1).tolist() == []
