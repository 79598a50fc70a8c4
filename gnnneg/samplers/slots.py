"""A few slots for many rows: a new row takes the slot that was given out first."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from gnnneg.kernels.unique import fresh
from gnnneg.samplers.last import write_last


class Slots(nn.Module):
    """Which of many rows have one of a few slots.

    Slots are given out in turn, so the oldest one is taken back first. Cost: four bytes a row and eight a slot, in
    checkpoints too; four sorts of the rows of each call. The host waits for nothing.

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
        if not len(self.slot):
            return row, there
        # a row that needs none counts as one behind all others: the host need not wait for how many need one
        wants = row.where(known & ~there, len(self.slot)).sort().values
        once = fresh(wants) & (wants < len(self.slot))
        place = once.cumsum(0) - 1
        place -= (place[-1:] + 1 - len(self.owner)).clamp(min=0)
        once &= place >= 0
        wants, turn = wants.clamp(max=len(self.slot) - 1), (self.turn + place) % len(self.owner)
        before = self.owner[turn]
        gone = torch.full_like(turn, -1, dtype=torch.int32)
        write_last(self.slot[:, None], before.clamp(min=0), gone[:, None], once & (before >= 0))
        write_last(self.owner[:, None], turn, wants[:, None], once)
        write_last(self.slot[:, None], wants, turn.int()[:, None], once)
        self.turn.copy_((self.turn + once.sum()) % len(self.owner))
        return self(row, known)
