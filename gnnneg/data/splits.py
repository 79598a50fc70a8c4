"""Random splits that leave nothing unseen in training, where that is possible."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.records import Triplets


def random_split(
    triplets: Triplets,
    valid: float = 0.1,
    test: float = 0.1,
    generator: torch.Generator | None = None,
    cover: bool = True,
) -> Int[Tensor, "e"]:
    """A split number (0 train, 1 valid, 2 test) for each statement.

    Copies of one statement stay together, so that nothing is both trained on and asked. With :obj:`cover`, the
    statement in which an entity or a relation is first met (in random order) stays in train; where too few others are
    left, valid and test get proportionally less than asked for.

    Args:
        triplets (Triplets): The statements.
        valid (float): Share of distinct statements for validation. (default: :obj:`0.1`)
        test (float): Share for test. (default: :obj:`0.1`)
        generator (torch.Generator, optional): The source of randomness.
        cover (bool): Whether train must mention everything. (default: :obj:`True`)

    Raises:
        UserError: If the shares are negative or leave nothing for train.
    """
    if valid < 0 or test < 0 or valid + test >= 1:
        raise UserError(f"Shares valid {valid} and test {test} must not be negative and must leave some for train.")
    rows, copy = torch.unique(torch.stack(triplets, dim=1), dim=0, return_inverse=True)
    count = rows.size(0)
    order = torch.randperm(count, generator=generator)
    free = order
    if cover and count:
        head_index, rel_type, tail_index = rows[order].T
        rank = torch.arange(count)
        first = torch.full((int(rows[:, [0, 2]].max()) + 1,), count)
        first = first.scatter_reduce(0, torch.cat([head_index, tail_index]), rank.repeat(2), "amin")
        said = torch.full((int(rows[:, 1].max()) + 1,), count).scatter_reduce(0, rel_type, rank, "amin")
        free = order[(first[head_index] != rank) & (first[tail_index] != rank) & (said[rel_type] != rank)]
    wanted = round(valid * count), round(test * count)
    scale = min(1.0, free.numel() / max(sum(wanted), 1))
    num_valid, num_test = (int(w * scale) for w in wanted)
    split = torch.zeros(count, dtype=torch.long)
    split[free[:num_valid]] = 1
    split[free[num_valid : num_valid + num_test]] = 2
    return split[copy]
