"""Which nodes walks of some lengths end at, set by set, from every node of a graph."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.kernels.threads import launch

MOST = 1 << 29  # nodes of all sets together, 2 GiB


def reach(
    offset: Int[Tensor, "n"], near: Int[Tensor, "m"], hops: int, shorter: int
) -> tuple[Int[Tensor, "r"], Int[Tensor, "e"]]:
    """How many nodes walks of some length from ``hops - shorter`` to ``hops`` end at from each node, and which, sorted.

    Args:
        offset, near (torch.Tensor): Each node's neighbours, ``near[offset[i]:offset[i + 1]]``.
        hops (int): Longest walk.
        shorter (int): How much shorter a walk may be.

    Cost: each node's walks are followed set by set, ``sum(degree ** 2)`` look-ups for two hops.

    Raises:
        UserError: If the sets together would take more than 2 GiB.
    """
    length, parts = torch.zeros(offset.numel() - 1, dtype=torch.long), 8 * torch.get_num_threads()
    given = offset.cpu(), near.cpu(), hops, shorter, length
    launch(_walk, *given, torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.int), False, parts)
    total = int(length.sum())
    if total > MOST:
        raise UserError(
            f"Walks of {hops} steps reach {total:,} entities in all, more than fit in memory: take fewer hops, or "
            "RandomWalk, which remembers nothing."
        )
    out = torch.empty(total, dtype=torch.int)  # half the memory, and no graph here has 2 ** 31 entities
    launch(_walk, *given, length.cumsum(0) - length, out, True, parts)
    return length.to(offset.device), out.to(offset.device)


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
