"""Ragged rows of entities to draw from, such as the tails of a relation or the neighbours of a node."""

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

    They belong to the data set and not to the model. They move with the device and are in no checkpoint.

    Args:
        row (torch.Tensor): The row of each member, ``(m,)``, in any order.
        member (torch.Tensor): The members, ``(m,)``. Repeated members of a row count once.
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
        """From rows that are already sorted and without repeated members."""
        pools = cls.__new__(cls)
        nn.Module.__init__(pools)
        pools._keep(length, member)
        return pools

    def __len__(self) -> int:
        return self.offset.numel() - 1

    def length(self, row: Int[Tensor, "*s"]) -> Int[Tensor, "*s"]:
        """The number of members of each row."""
        return self.offset[row + 1] - self.offset[row]

    def draw(self, row: Int[Tensor, "*s"], rng: torch.Generator | None = None) -> Int[Tensor, "*s"]:
        """A random member of each row, all equally likely; 0 for an empty row."""
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
        """The rows of each member."""
        return Pools(self.member, rows(self.offset.diff()), num_rows)


def slots(known: KnownAnswers) -> Pools:
    """The entities that answer each relation for some anchor, also for inverse relations."""
    relation = (known.key // known.num_nodes).repeat_interleave(known.offset.diff())
    return Pools(relation, known.answer, 2 * known.num_relations)


def neighbours(known: KnownAnswers) -> Pools:
    """The neighbours of each entity, in either direction."""
    anchor = (known.key % known.num_nodes).repeat_interleave(known.offset.diff())
    return Pools(anchor, known.answer, known.num_nodes)


def reached(near: Pools, hops: int, shorter: int) -> Pools:
    """The ends of walks from each entity, of lengths from ``hops - shorter`` to ``hops``.

    Args:
        near (Pools): Neighbours of each entity.
        hops (int): Length of the longest walks.
        shorter (int): Difference to the length of the shortest walks.

    Cost: for two hops ``sum(degree ** 2)`` look-ups.

    Raises:
        UserError: If the rows together would take more than 2 GiB.
    """
    return Pools.sorted(*reach(near.offset, near.member, hops, shorter))
