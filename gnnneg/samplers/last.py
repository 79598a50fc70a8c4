"""Writes rows of a table; of several values for one row the last one stays."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def write_last(
    table: Int[Tensor, "n w"], row: Int[Tensor, "b"], value: Int[Tensor, "b w"], there: Bool[Tensor, "b"] | None = None
) -> None:
    """Writes each value to its row, in place. Of several values for one row the last one stays, on every device and in
    any order of writing.

    Args:
        table (torch.Tensor): ``(n, w)``.
        row (torch.Tensor): The rows, ``(b,)``.
        value (torch.Tensor): The values, ``(b, w)``.
        there (torch.Tensor, optional): Which values are written, ``(b,)``. (default: :obj:`None`, all)

    Cost: one sort of ``b`` numbers; the host waits for nothing.
    """
    there = torch.ones_like(row, dtype=torch.bool) if there is None else there
    key = 2 * row + there  # of one row what is written comes after what is not
    key, order = key.sort(stable=True)
    winner = order[torch.searchsorted(key, 2 * row + 1, right=True) - 1]
    # all that name a row write the same
    table[row] = torch.where(there[winner, None], value[winner], table[row])
