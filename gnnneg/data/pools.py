"""Ragged rows of entities to draw from: who fills a slot, who is whose neighbour, who is of which type."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.kernels.membership import member
from gnnneg.kernels.threads import launch

MOST = 1 << 29  # members of all rows together, 2 GiB


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
        row, member = torch.unique(torch.stack([row, member]), dim=1)
        self._keep(torch.bincount(row, minlength=num_rows), member)

    def _keep(self, length: Int[Tensor, "r"], member: Int[Tensor, "m"]) -> None:
        self.register_buffer("offset", torch.cat([length.new_zeros(1), length.cumsum(0)]), persistent=False)
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

    def draw(self, row: Int[Tensor, "*s"], generator: torch.Generator | None = None) -> Int[Tensor, "*s"]:
        """A member of each row, uniform; 0 from an empty row."""
        chance = torch.rand(row.shape, generator=generator, device=row.device, dtype=torch.double)
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
        row = torch.repeat_interleave(torch.arange(len(self), device=self.offset.device), self.offset.diff())
        return Pools(self.member, row, num_rows)


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
    offset, member = near.offset.cpu().numpy(), near.member.cpu().numpy()
    length, parts = np.zeros(len(near), dtype=np.int64), 8 * torch.get_num_threads()
    given = offset, member, hops, shorter, length
    launch(_walk, *given, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int32), False, parts)
    total = int(length.sum())
    if total > MOST:
        raise UserError(
            f"Walks of {hops} steps reach {total:,} entities in all, more than fit in memory: take fewer hops, or "
            "RandomWalk, which remembers nothing."
        )
    out = np.empty(total, dtype=np.int32)  # half the memory, and no graph here has 2 ** 31 entities
    begin = np.concatenate([np.zeros(1, dtype=np.int64), length.cumsum()])
    launch(_walk, *given, begin, out, True, parts)
    device = near.offset.device
    return Pools.sorted(torch.from_numpy(length).to(device), torch.from_numpy(out).to(device))


@numba.njit(parallel=True, cache=True)
@no_type_check
def _walk(offset, member, hops, shorter, length, begin, out, write, parts):
    nodes = offset.size - 1
    for part in numba.prange(parts):
        stamp = np.full(nodes, -1, dtype=np.int64)  # the last set a node was put into
        taken = np.full(nodes, -1, dtype=np.int64)  # the last start whose answer it was put into
        now, later = np.empty(nodes, dtype=np.int64), np.empty(nodes, dtype=np.int64)
        for start in range(part, nodes, parts):
            found = 0
            size = 1
            now[0] = start
            for step in range(hops + 1):
                if step >= hops - shorter:
                    for i in range(size):
                        if taken[now[i]] != start:
                            taken[now[i]] = start
                            if write:
                                out[begin[start] + found] = now[i]
                            found += 1
                if step == hops:
                    break
                fresh = 0
                for i in range(size):
                    for e in range(offset[now[i]], offset[now[i] + 1]):
                        end = member[e]
                        if stamp[end] != start * hops + step:
                            stamp[end] = start * hops + step
                            later[fresh] = end
                            fresh += 1
                now, later = later, now
                size = fresh
            if write:
                out[begin[start] : begin[start] + found].sort()
            else:
                length[start] = found
