"""A few slots for many rows: a new row takes the slot that was given out first."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn


class Slots(nn.Module):
    """Which of many rows have one of a few slots.

    Slots are given out in turn, so the oldest one is taken back first. Cost: four bytes a row and eight a slot, in
    checkpoints too; a sort of the rows of each call.

    Args:
        rows (int): Number of rows.
        slots (int): Number of slots.
    """

    slot: Tensor
    owner: Tensor
    turn: Tensor

    def __init__(self, rows: int, slots: int):
        super().__init__()
        self.register_buffer("slot", torch.full((rows,), -1, dtype=torch.int32))  # -1: none
        self.register_buffer("owner", torch.full((slots,), -1))  # -1: nobody
        self.register_buffer("turn", torch.zeros((), dtype=torch.long))

    def forward(self, row: Int[Tensor, "b"], known: Bool[Tensor, "b"]) -> tuple[Int[Tensor, "b"], Bool[Tensor, "b"]]:
        """The slot of each row, and whether it has one; those not ``known`` have none."""
        if not len(self.slot):
            return row, torch.zeros_like(known)
        slot = torch.where(known, self.slot[row].long(), -1)
        return slot.clamp(min=0), slot >= 0

    def given(self, row: Int[Tensor, "b"], known: Bool[Tensor, "b"]) -> tuple[Int[Tensor, "b"], Bool[Tensor, "b"]]:
        """The same, after each known row without a slot has got one, the lowest row first. If there are more rows than
        slots, the last rows have them.
        """
        _, there = self(row, known)
        fresh = row[known & ~there].unique()[-len(self.owner) :]
        turn = (self.turn + torch.arange(len(fresh), device=row.device)) % len(self.owner)
        before = self.owner[turn]
        self.slot[before[before >= 0]] = -1
        self.owner[turn] = fresh
        self.slot[fresh] = turn.int()
        self.turn.copy_((self.turn + len(fresh)) % len(self.owner))
        return self(row, known)
