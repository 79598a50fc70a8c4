"""Rows of different lengths that lie one after the other: where each begins, and which place of which row each is."""

import torch
from jaxtyping import Int
from torch import Tensor


def offsets(length: Int[Tensor, "r"]) -> Int[Tensor, "s"]:
    """Where each row begins, and where the last one ends: ``(r + 1,)``."""
    return torch.cat([length.new_zeros(1), length.cumsum(0)])


def rows(length: Int[Tensor, "r"]) -> Int[Tensor, "m"]:
    """The row of each entry of all rows."""
    return torch.repeat_interleave(torch.arange(len(length), device=length.device), length)


def entries(length: Int[Tensor, "r"]) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """The row of each entry of all rows, and its place within that row."""
    row = rows(length)
    return row, torch.arange(row.numel(), device=row.device) - (length.cumsum(0) - length)[row]
