import pytest
import torch

from gnnneg.data.splits import random_split
from gnnneg.errors import UserError
from gnnneg.records import Triplets


def some(count: int, entities: int, relations: int, seed: int = 0) -> Triplets:
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randint(n, (count,), generator=generator) for n in (entities, relations, entities)]
    return Triplets(*draw)


@pytest.mark.parametrize("seed", range(5))
def test_train_mentions_everything(seed: int) -> None:
    triplets = some(300, 60, 9, seed)
    split = random_split(triplets, 0.1, 0.2, torch.Generator().manual_seed(seed))
    train = Triplets(*(x[split == 0] for x in triplets))
    assert set(torch.cat([train.head_index, train.tail_index]).tolist()) == set(
        torch.cat([triplets.head_index, triplets.tail_index]).tolist()
    )
    assert set(train.rel_type.tolist()) == set(triplets.rel_type.tolist())
    rows = {(*row, s) for *row, s in zip(*(x.tolist() for x in (*triplets, split)))}
    sizes = [sum(s == i for *_, s in rows) for i in range(3)]
    assert sizes[1:] == [round(0.1 * len(rows)), round(0.2 * len(rows))]


def test_without_cover_anything_may_be_left_out() -> None:
    triplets = Triplets(torch.arange(100), torch.arange(100), torch.arange(100))
    assert torch.bincount(random_split(triplets, 0.1, 0.2, cover=False)).tolist() == [70, 10, 20]
    assert random_split(triplets, 0.1, 0.2).sum() == 0, "each is the last mention of something"


def test_too_few_are_shared_out() -> None:
    """A star: 21 statements, of which the 10 leaves' first mentions must stay, so that 10 or 11 are free."""
    leaf = torch.arange(10).repeat(2)
    triplets = Triplets(torch.full((20,), 10), torch.arange(20) // 10, leaf)
    size = torch.bincount(random_split(triplets, 0.3, 0.6), minlength=3).tolist()
    assert size[0] + size[1] + size[2] == 20
    assert 2 * size[1] == pytest.approx(size[2], abs=2)
    assert 7 <= size[1] + size[2] <= 10


def test_copies_stay_together() -> None:
    triplets = some(200, 6, 3)  # 108 possible statements, so many are repeated
    split = random_split(triplets, 0.2, 0.2)
    rows = list(zip(*(x.tolist() for x in triplets)))
    where: dict[tuple[int, ...], set[int]] = {}
    for row, s in zip(rows, split.tolist()):
        where.setdefault(row, set()).add(s)
    assert all(len(s) == 1 for s in where.values())
    assert len(set(split.tolist())) == 3


def test_the_seed_decides() -> None:
    triplets = some(300, 60, 9)
    one, same, other = (random_split(triplets, 0.1, 0.1, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_nothing_and_nonsense() -> None:
    assert random_split(some(0, 1, 1)).tolist() == []
    for shares in ((0.5, 0.5), (-0.1, 0.1)):
        with pytest.raises(UserError, match="leave some for train"):
            random_split(some(9, 3, 3), *shares)
