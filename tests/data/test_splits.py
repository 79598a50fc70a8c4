from itertools import chain

import pytest
import torch

from gnnneg.data import splits
from gnnneg.data.splits import random_split, share_denied
from gnnneg.data.statements import SPLITS, assemble, triplets
from gnnneg.errors import UserError
from gnnneg.records import Triplets


def some(count: int, entities: int, relations: int, seed: int = 0) -> Triplets:
    rng = torch.Generator().manual_seed(seed)
    draw = [torch.randint(n, (count,), generator=rng) for n in (entities, relations, entities)]
    return Triplets(*draw)


@pytest.mark.parametrize("seed", range(5))
def test_train_mentions_everything(seed: int) -> None:
    given = some(300, 60, 9, seed)
    split = random_split(given, 0.1, 0.2, torch.Generator().manual_seed(seed))
    train = Triplets(*(x[split == 0] for x in given))
    assert set(torch.cat([train.head_index, train.tail_index]).tolist()) == set(
        torch.cat([given.head_index, given.tail_index]).tolist()
    )
    assert set(train.rel_type.tolist()) == set(given.rel_type.tolist())
    rows = {(*row, s) for *row, s in zip(*(x.tolist() for x in (*given, split)))}
    sizes = [sum(s == i for *_, s in rows) for i in range(3)]
    assert sizes[1:] == [round(0.1 * len(rows)), round(0.2 * len(rows))]


def test_without_cover_anything_may_be_left_out() -> None:
    given = Triplets(torch.arange(100), torch.arange(100), torch.arange(100))
    assert torch.bincount(random_split(given, 0.1, 0.2, cover=False)).tolist() == [70, 10, 20]
    assert random_split(given, 0.1, 0.2).sum() == 0, "each is the last mention of something"


def test_too_few_are_shared_out() -> None:
    """A star: 21 statements, of which the 10 leaves' first mentions must stay, so that 10 or 11 are free."""
    leaf = torch.arange(10).repeat(2)
    given = Triplets(torch.full((20,), 10), torch.arange(20) // 10, leaf)
    size = torch.bincount(random_split(given, 0.3, 0.6), minlength=3).tolist()
    assert size[0] + size[1] + size[2] == 20
    assert 2 * size[1] == pytest.approx(size[2], abs=2)
    assert 7 <= size[1] + size[2] <= 10


def test_copies_stay_together() -> None:
    given = some(200, 6, 3)  # 108 possible statements, so many are repeated
    split = random_split(given, 0.2, 0.2)
    rows = list(zip(*(x.tolist() for x in given)))
    where: dict[tuple[int, ...], set[int]] = {}
    for row, s in zip(rows, split.tolist()):
        where.setdefault(row, set()).add(s)
    assert all(len(s) == 1 for s in where.values())
    assert len(set(split.tolist())) == 3


@pytest.mark.parametrize("seed", range(4))
def test_mirrored_pairs_stay_together(seed: int) -> None:
    """No test pair is linked in train the other way round, by whatever relation; sizes are as asked for."""
    given = some(300, 60, 3, seed)
    given = Triplets(
        *(torch.cat(pair) for pair in zip(given, Triplets(given.tail_index, given.rel_type % 2, given.head_index)))
    )
    draw = torch.Generator().manual_seed(seed)
    split = random_split(given, 0.1, 0.2, draw)
    where: dict[tuple[int, int], set[int]] = {}
    for h, t, s in zip(given.head_index.tolist(), given.tail_index.tolist(), split.tolist()):
        if h != t:
            where.setdefault((min(h, t), max(h, t)), set()).add(s)
    assert all(len(s) == 1 for s in where.values())
    distinct = len(set(zip(*(x.tolist() for x in given))))
    sizes = [len({(*r, s) for *r, s in zip(*(x.tolist() for x in (*given, split))) if s == i}) for i in range(3)]
    assert sizes[1:] == [pytest.approx(round(0.1 * distinct), abs=2), pytest.approx(round(0.2 * distinct), abs=2)]
    apart = random_split(given, 0.1, 0.2, torch.Generator().manual_seed(seed), together=False)
    assert not torch.equal(apart, split)


def test_without_mirrored_pairs_the_split_is_the_same() -> None:
    given = some(300, 60, 9)
    keep = given.head_index < given.tail_index
    given = Triplets(*(column[keep] for column in given))
    one, other = (random_split(given, 0.2, 0.1, torch.Generator().manual_seed(1), together=x) for x in (True, False))
    assert torch.equal(one, other)


@pytest.mark.parametrize("shares", [(float("nan"), 0.1), (0.1, float("nan")), (float("inf"), 0.1), (-0.1, 0.2)])
def test_shares_that_are_none(shares: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="must not be negative and must leave some for train"):
        random_split(some(10, 5, 2), *shares)


def test_the_seed_decides() -> None:
    given = some(300, 60, 9)
    one, same, other = (random_split(given, 0.1, 0.1, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_nothing_and_nonsense() -> None:
    assert random_split(some(0, 1, 1)).tolist() == []
    for shares in ((0.5, 0.5), (-0.1, 0.1)):
        with pytest.raises(UserError, match="leave some for train"):
            random_split(some(9, 3, 3), *shares)


def denied_of(data, split: str) -> list[tuple[int, int, int]]:
    return sorted(zip(*(column.tolist() for column in triplets(data, "denied", split))))


def test_some_of_validations_denied_are_for_training() -> None:
    """None is lost, none is in train and valid or test at once, and the test set stays whole."""
    denied, split = some(4000, 30, 3), torch.randint(3, (4000,), generator=torch.Generator().manual_seed(1))
    names = [str(i) for i in range(30)], ["a", "b", "c"]
    stated = some(10, 30, 3)
    data = assemble(stated, torch.zeros(10, dtype=torch.long), *names, denied, split)
    data["entity", "denied", "entity"].confidence = torch.arange(4000.0) / 4000
    before = {name: denied_of(data, name) for name in SPLITS}
    other = share_denied(data, 0.3)
    after = {name: denied_of(other, name) for name in SPLITS}
    assert after["test"] == before["test"]
    assert sorted(chain(*after.values())) == sorted(chain(*before.values()))
    moved = set(after["train"]) - set(before["train"])
    assert moved
    assert not moved & (set(after["valid"]) | set(after["test"]))
    free = set(before["valid"]) - set(before["test"])
    assert len(moved | (free & set(before["train"]))) / len(free) < 0.7
    share = (len(before["valid"]) - len(after["valid"])) / sum(row in free for row in before["valid"])
    assert share == pytest.approx(0.3, abs=0.05)
    assert {name: denied_of(data, name) for name in SPLITS} == before  # the graph itself is as it was


def test_fewer_are_among_more() -> None:
    denied, split = some(900, 30, 3), torch.zeros(900, dtype=torch.long)
    names = [str(i) for i in range(30)], ["a", "b", "c"]
    data = assemble(some(10, 30, 3), torch.zeros(10, dtype=torch.long), *names, denied, split)
    kept = {share: denied_of(share_denied(data, 0.0, share), "train") for share in (0.0, 0.1, 0.5, 1.0)}
    assert kept[0.0] == []
    assert len(kept[0.1]) / 900 == pytest.approx(0.1, abs=0.04)
    assert set(kept[0.1]) < set(kept[0.5]) < set(kept[1.0])
    assert kept[1.0] == denied_of(data, "train")


def test_shares_are_shares() -> None:
    data = assemble(some(10, 30, 3), torch.zeros(10, dtype=torch.long), [str(i) for i in range(30)], ["a", "b", "c"])
    with pytest.raises(UserError, match="between 0 and 1"):
        share_denied(data, 1.5)


@pytest.mark.parametrize("seed", range(8))
def test_groups_find_room_one_after_the_other(seed: int) -> None:
    """Against a loop over the groups, which this was."""
    draw = torch.Generator().manual_seed(seed)
    group = torch.randint(12, (40,), generator=draw) * torch.randint(1, 4, (40,), generator=draw)
    room = [int(torch.randint(0, 20, (1,), generator=draw)) for _ in range(2)]
    left, wanted = list(room), {}
    for one in dict.fromkeys(group.tolist()):
        many = int((group == one).sum())
        fits = next((i for i, some in enumerate(left) if many <= some), None)
        if fits is not None:
            left[fits] -= many
        wanted[one] = 0 if fits is None else fits + 1
    assert splits._filled(group, *room).tolist() == [wanted[one] for one in group.tolist()]
