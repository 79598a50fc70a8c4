"""The end nodes of walks of certain lengths from every node of a graph, computed set by set."""

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.threads import launch

MOST = 1 << 29  # nodes of all sets together, 2 GiB


def reach(
    offset: Int[Tensor, "n"], near: Int[Tensor, "m"], hops: int, shorter: int
) -> tuple[Int[Tensor, "r"], Int[Tensor, "e"]]:
    """For each node, the end nodes of walks with lengths from ``hops - shorter`` to ``hops``: their number, and the
    sorted nodes.

    Args:
        offset, near (torch.Tensor): The neighbours of each node, ``near[offset[i]:offset[i + 1]]``.
        hops (int): The longest length of a walk.
        shorter (int): How much shorter a walk may be.

    Cost: each node's walks are followed set by set; for two hops, ``sum(degree ** 2)`` look-ups.

    Raises:
        UserError: If the sets together would take more than 2 GiB. A lower bound (:func:`fewest`) refuses many of these
            before counting, for example next to a hub, whose neighbours all reach each other.
    """
    _refuse(fewest(offset, near, hops), hops, "at least ")
    length, parts = torch.zeros(offset.numel() - 1, dtype=torch.long), 8 * torch.get_num_threads()
    given = offset.cpu(), near.cpu(), hops, shorter, length
    launch(_walk, *given, torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.int), False, parts)
    total = int(length.sum())
    _refuse(total, hops)
    out = torch.empty(total, dtype=torch.int)  # half the memory; no graph here has 2 ** 31 entities
    launch(_walk, *given, length.cumsum(0) - length, out, True, parts)
    return length.to(offset.device), out.to(offset.device)


def fewest(offset: Int[Tensor, "n"], near: Int[Tensor, "m"], hops: int) -> int:
    r"""A lower bound of the total number of nodes in the sets of :func:`reach`.

    A walk of :math:`t` steps from :math:`u` begins with a step to any neighbour :math:`v`. So the set of :math:`u` is
    not smaller than the set of :math:`v` for :math:`t - 1` steps, and so on down to degrees. Cost: one pass over the
    edges for each hop.
    """
    if not hops:
        return offset.numel() - 1
    edges = offset.cpu(), near.cpu()
    least = edges[0].diff()
    for _ in range(hops - 1):
        smaller, least = least, torch.empty_like(least)
        launch(_largest, *edges, smaller, least)
    return int(least.sum())


def _refuse(total: int, hops: int, how: str = "") -> None:
    """Refuses so many nodes of all sets together."""
    if total > MOST:
        raise UserError(
            f"Walks of {hops} steps reach {how}{total:,} entities in all, {4 * total / 2**30:,.1f} GiB, where "
            f"{4 * MOST / 2**30:.0f} GiB are allowed: take fewer hops, or RandomWalk, which remembers nothing."
        )


@kernel(parallel=True)
@no_type_check
def _largest(offset, near, value, out):
    for row in numba.prange(offset.size - 1):
        most = 0
        for e in range(offset[row], offset[row + 1]):
            most = max(most, value[near[e]])
        out[row] = most


@kernel(parallel=True)
@no_type_check
def _walk(offset, member, hops, shorter, length, begin, out, write, parts):
    nodes = offset.size - 1
    for part in numba.prange(parts):
        stamp = np.full(nodes, -1, dtype=np.int64)  # the last set that contains each node
        taken = np.full(nodes, -1, dtype=np.int64)  # the last start whose answer contains each node
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
