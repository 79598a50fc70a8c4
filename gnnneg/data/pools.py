"""Ragged rows of entities to draw from: who fills a slot, who is whose neighbour, who is of which type."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gnnneg.data.known import KnownAnswers
from gnnneg.kernels.membership import member
from gnnneg.kernels.ragged import offsets, rows
from gnnneg.kernels.unique import unique_rows
from gnnneg.kernels.walks import reach


class Pools(nn.Module):
    """Rows of distinct numbers, each row sorted; a row may be empty.

    They are facts of the data set, not of the model: they move with the device and stay out of checkpoints.

    Args:
        row (torch.Tensor): The row of each member, ``(m,)``, in any order.
        member (torch.Tensor): The members, ``(m,)``; one that stands twice in a row counts once.
        num_rows (int): Number of rows.
    """

    offset: Tensor
    member: Tensor

    def __init__(self, row: Int[Tensor, "m"], member: Int[Tensor, "m"], num_rows: int):
        super().__init__()
        row, member = unique_rows(row, member)
        self._keep(torch.bincount(row, minlength=num_rows), member)

    def _keep(self, length: Int[Tensor, "r"], member: Int[Tensor, "m"]) -> None:
        self.register_buffer("offset", offsets(length), persistent=False)
        self.register_buffer("member", member, persistent=False)

    @classmethod
    def sorted(cls, length: Int[Tensor, "r"], member: Int[Tensor, "m"]) -> "Pools":
        """From rows that are sorted and without doubles already."""
        pools = cls.__new__(cls)
        nn.Module.__init__(pools)
        pools._keep(length, member)
        return pools

    def __len__(self) -> int:
        return self.offset.numel() - 1

    def length(self, row: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
        """How many members each row has."""
        return self.offset[row + 1] - self.offset[row]

    def draw(self, row: Int[Tensor, "*s"], rng: torch.Generator | None = None) -> Int[Tensor, "*s"]:
        """A member of each row, uniform; 0 from an empty row."""
        chance = torch.rand(row.shape, generator=rng, device=row.device, dtype=torch.double)
        length = self.length(row)
        place = self.offset[row] + (chance * length).long()
        if not self.member.numel():
            return torch.zeros_like(row)
        return torch.where(length > 0, self.member[place.clamp(max=self.member.numel() - 1)].long(), 0)

    def contains(self, row: Int[Tensor, "b"], index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
        """Whether candidates ``(#b, k)`` are members."""
        return member(self.member, self.offset[row], self.offset[row + 1], index)

    def log_prob(self, row: Int[Tensor, "b"], index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        """The log-probability that :meth:`draw` gives candidates ``(#b, k)``."""
        even = -self.length(row).double().log()[:, None]
        return torch.where(self.contains(row, index), even, -torch.inf).float()

    def transpose(self, num_rows: int) -> "Pools":
        """Of each member the rows it is in."""
        return Pools(self.member, rows(self.offset.diff()), num_rows)


def slots(known: KnownAnswers) -> Pools:
    """Of each relation, inverses too, the entities that answer it for somebody."""
    relation = (known.key // known.num_nodes).repeat_interleave(known.offset.diff())
    return Pools(relation, known.answer, 2 * known.num_relations)


def neighbours(known: KnownAnswers) -> Pools:
    """Of each entity those that some statement links it with, in either direction."""
    anchor = (known.key % known.num_nodes).repeat_interleave(known.offset.diff())
    return Pools(anchor, known.answer, known.num_nodes)


def reached(near: Pools, hops: int, shorter: int) -> Pools:
    """Of each entity those that a walk of some length from ``hops - shorter`` to ``hops`` ends at.

    Args:
        near (Pools): Neighbours of each entity.
        hops (int): Longest walk.
        shorter (int): How much shorter a walk may be.

    Cost: each entity's walks are followed set by set, ``sum(degree ** 2)`` look-ups for two hops.

    Raises:
        UserError: If the rows together would take more than 2 GiB.
    """
    return Pools.sorted(*reach(near.offset, near.member, hops, shorter))
