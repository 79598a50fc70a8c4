"""Random splits in which training has every entity and relation, if that is possible."""

import copy

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.gate import within
from gnnneg.data.statements import SPLITS, distinct, sliced, triplets
from gnnneg.errors import UserError
from gnnneg.records import Triplets


def random_split(
    statements: Triplets,
    valid: float = 0.1,
    test: float = 0.1,
    rng: torch.Generator | None = None,
    cover: bool = True,
    together: bool = True,
) -> Int[Tensor, "e"]:
    """A split number (0 train, 1 valid, 2 test) for each statement.

    Copies of a statement stay in one split, so that no test statement is trained on. With :obj:`cover`, the first
    statement (in random order) of each entity and relation stays in train. If too few others are left, valid and test
    get less, in proportion. With :obj:`together`, all statements about two entities that are linked in both directions
    stay in one split, too. Otherwise train would reveal answers in the other direction.

    Args:
        statements (Triplets): The statements.
        valid (float): Share of distinct statements for validation. (default: :obj:`0.1`)
        test (float): Share for test. (default: :obj:`0.1`)
        rng (torch.Generator, optional): The source of randomness.
        cover (bool): Whether train must mention everything. (default: :obj:`True`)
        together (bool): Whether mirrored pairs stay in one split. (default: :obj:`True`)

    Raises:
        UserError: If the shares are negative or leave nothing for train.
    """
    if not (valid >= 0 and test >= 0 and valid + test < 1):  # so said, since nan is neither
        raise UserError(f"Shares valid {valid} and test {test} must not be negative and must leave some for train.")
    rows, place = distinct(statements)
    count = rows.rel_type.numel()
    order = torch.randperm(count, generator=rng)
    free = order[_beside_first(rows, order)] if cover else order
    group = _mirrored(rows) if together else torch.arange(count)
    free = free[_whole(group, free)[free]]
    wanted = round(valid * count), round(test * count)
    scale = min(1.0, free.numel() / max(sum(wanted), 1))
    num_valid, num_test = (int(w * scale) for w in wanted)
    split = torch.zeros(count, dtype=torch.long)
    split[free] = _filled(group[free], num_valid, num_test)
    return split[place]


def _beside_first(rows: Triplets, order: Int[Tensor, "e"]) -> Bool[Tensor, "e"]:
    """Of each statement in an order, whether its head, its relation and its tail are all met in an earlier one."""
    rank = torch.arange(order.numel())
    free = torch.ones_like(order, dtype=torch.bool)
    for columns in ((rows.head_index, rows.tail_index), (rows.rel_type,)):
        size = max((int(column.max()) + 1 for column in columns if column.numel()), default=0)
        first = torch.full((size,), order.numel())
        for column in columns:  # one after the other, to hold one in this order at a time
            first.scatter_reduce_(0, column[order], rank, "amin")
        for column in columns:
            free &= first[column[order]] != rank
    return free


def _mirrored(rows: Triplets) -> Int[Tensor, "e"]:
    """A number for each statement, shared by those about two entities that are linked both ways."""
    head_index, rel_type, tail_index = rows
    own = torch.arange(rel_type.numel())
    if not rel_type.numel():
        return own
    size = int(torch.maximum(head_index.max(), tail_index.max())) + 1
    up, down = (way.nonzero()[:, 0] for way in (head_index < tail_index, head_index > tail_index))
    pair = head_index[up] * size + tail_index[up], tail_index[down] * size + head_index[down]
    both = [place[within(mine, other)] for place, mine, other in ((up, *pair), (down, *reversed(pair)))]
    place = torch.cat(both)
    low, high = (order(head_index[place], tail_index[place]) for order in (torch.minimum, torch.maximum))
    pairs, of = torch.unique(low * size + high, return_inverse=True)
    own[place] = place.new_full((pairs.numel(),), own.numel()).scatter_reduce(0, of, place, "amin")[of]
    return own


def _whole(group: Int[Tensor, "e"], free: Int[Tensor, "f"]) -> Bool[Tensor, "e"]:
    """Of each statement, whether all of its group are free."""
    held = torch.ones_like(group, dtype=torch.bool).index_fill(0, free, False)
    bound = torch.zeros_like(held).index_fill(0, group[held], True)
    return ~bound[group]


def _filled(group: Int[Tensor, "f"], *room: int) -> Int[Tensor, "f"]:
    """A split number for each statement: groups in their order go to the first split that has room for them whole."""
    count = int(group.max()) + 1 if group.numel() else 0
    first = torch.full((count,), group.numel()).scatter_reduce(0, group, torch.arange(group.numel()), "amin")
    order = group[first[group] == torch.arange(group.numel())]  # each group once, as they come
    size, chosen = torch.bincount(group, minlength=count), torch.zeros(count, dtype=torch.long)
    for split, many in enumerate(room, 1):
        takes = _taken(size[order], many)
        chosen[order[takes]] = split
        order = order[~takes]
    return chosen[group]


def _taken(size: Int[Tensor, "g"], room: int) -> Bool[Tensor, "g"]:
    """Which groups find room, one after the other; one that finds none is passed over.

    Cost: a sum for each size that there is, at most, since what does not fit once never will.
    """
    taken, left = torch.zeros_like(size, dtype=torch.bool), size.new_tensor(room)
    place = (size <= left).nonzero()[:, 0]
    while place.numel():
        total = size[place].cumsum(0)
        fits = int((total <= left).sum())
        taken[place[:fits]] = True
        left = left - total[fits - 1]
        rest = place[fits:]
        place = rest[size[rest] <= left]
    return taken


def share_denied(data: HeteroData, from_valid: float, kept: float = 1.0, seed: int = 0) -> HeteroData:
    """The graph with other denied training statements: some come from validation, some are left out.

    Most benchmarks deny statements in valid and test only. If some of validation's are moved to training, the test set
    and all figures on it stay as published. Thresholds come from the rest of validation. Copies of a statement move
    together, and a statement that test also denies does not move. So no test statement is trained on.

    Args:
        data (torch_geometric.data.HeteroData): A graph in the convention.
        from_valid (float): Share of validation's denied statements that move to train.
        kept (float): Share of the denied training statements that stay, including those that moved. The others leave
            the graph. With the same seed, a larger share keeps all statements of a smaller one. (default: :obj:`1.0`)
        seed (int): The seed of both choices. (default: :obj:`0`)

    Raises:
        UserError: If a share is not between 0 and 1.
    """
    if not 0 <= from_valid <= 1 or not 0 <= kept <= 1:
        raise UserError(f"Shares of denied statements lie between 0 and 1: from_valid {from_valid}, kept {kept}.")
    rng = torch.Generator().manual_seed(seed)
    result = copy.copy(data)
    store = result["entity", "denied", "entity"]
    row, place = distinct(triplets(data, "denied"))
    split, count = store.split.clone(), row.rel_type.numel()
    train, valid, test = (torch.zeros(count).index_fill_(0, place[split == i], 1).bool() for i in range(len(SPLITS)))
    moves = (torch.rand(count, generator=rng) < from_valid) & valid & ~test
    split[moves[place] & (split == SPLITS.index("valid"))] = SPLITS.index("train")
    stays = (torch.rand(count, generator=rng) < kept) | ~(moves | train)
    keep = stays[place] | (split != SPLITS.index("train"))
    store.split = split
    for key, value in store.to_dict().items():
        store[key] = sliced(key, value, keep, len(keep))
    return result
