"""Rows of different lengths stored one after the other: where each row begins, and the row and position of each
entry.
"""

import torch
from jaxtyping import Int
from torch import Tensor


def offsets(length: Int[Tensor, "r"]) -> Int[Tensor, "s"]:
    """Where each row begins, and where the last one ends: ``(r + 1,)``."""
    return torch.cat([length.new_zeros(1), length.cumsum(0)])


def rows(length: Int[Tensor, "r"]) -> Int[Tensor, "m"]:
    """The row index of each entry."""
    return torch.repeat_interleave(torch.arange(len(length), device=length.device), length)


def entries(length: Int[Tensor, "r"]) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """The row index of each entry, and its position within that row."""
    row = rows(length)
    return row, torch.arange(row.numel(), device=row.device) - (length.cumsum(0) - length)[row]
