"""Proposals of a Metropolis-Hastings chain on a graph, and their probability ratio to the way back."""

from typing import no_type_check

import numba
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.kernels.bisection import bisect
from gnnneg.kernels.kernel import kernel
from gnnneg.kernels.kinds import ORDER
from gnnneg.kernels.membership import member
from gnnneg.kernels.operator import operator
from gnnneg.kernels.threads import launch


def propose_reference(
    offset: Int[Tensor, "r"],
    near: Int[Tensor, "m"],
    now: Int[Tensor, "b c"],
    jump: Int[Tensor, "b c"],
    coin: Float[Tensor, "b c"],
    pick: Float[Tensor, "b c"],
    local: float,
) -> tuple[Int[Tensor, "b c"], Float[Tensor, "b c"]]:
    """The same in plain torch; any device."""
    nodes = offset.numel() - 1
    if not near.numel():
        return jump, torch.ones_like(coin)
    length = (offset[now + 1] - offset[now]).double()
    step = near[(offset[now] + (pick.double() * length).long()).clamp(max=near.numel() - 1)].to(jump.dtype)
    then = torch.where((coin < local) & (length > 0), step, jump)
    begin, ways = now.flatten(), then.flatten()[:, None]
    adjacent = member(near, offset[begin], offset[begin + 1], ways).view_as(now)  # the opposite direction

    def chance(place: Tensor) -> Tensor:
        degree = (offset[place + 1] - offset[place]).double()
        share = torch.where(degree > 0, local, 0.0)
        return adjacent * share / degree.clamp(min=1) + (1 - share) / nodes

    return then, (chance(then) / chance(now)).float()


@kernel(parallel=True, fastmath=ORDER)
@no_type_check
def _propose(offset, near, now, jump, coin, pick, local, then, ratio):
    nodes = offset.size - 1
    for i in numba.prange(now.shape[0]):
        for j in range(now.shape[1]):
            here = now[i, j]
            begin, end = offset[here], offset[here + 1]
            degree = end - begin
            there = jump[i, j]
            adjacent = degree > 0 and coin[i, j] < local
            if adjacent:
                there = near[begin + int(float(pick[i, j]) * degree)]
            else:  # a jump may still end at a neighbour
                place = bisect(near, begin, end, there, False)
                adjacent = place < end and near[place] == there
            back = offset[there + 1] - offset[there]
            forth_chance = (1 - local) / nodes if degree > 0 else 1 / nodes
            back_chance = (1 - local) / nodes if back > 0 else 1 / nodes
            if adjacent:
                forth_chance += local / degree
                back_chance += local / back
            then[i, j] = there
            ratio[i, j] = back_chance / forth_chance


@operator(
    "propose",
    lambda offset, near, now, jump, coin, *_: (jump.new_empty(now.shape), coin.new_empty(now.shape, dtype=torch.float)),
)
def _proposed(
    offset: Tensor, near: Tensor, now: Tensor, jump: Tensor, coin: Tensor, pick: Tensor, local: float
) -> tuple[Tensor, Tensor]:
    then, ratio = torch.empty(now.shape, dtype=jump.dtype), torch.empty(now.shape)
    given = (one.contiguous() for one in (offset, near, now, jump, coin, pick))
    launch(_propose, *given, local, then, ratio)
    return then, ratio


def propose(
    offset: Int[Tensor, "r"],
    near: Int[Tensor, "m"],
    now: Int[Tensor, "b c"],
    jump: Int[Tensor, "b c"],
    coin: Float[Tensor, "b c"],
    pick: Float[Tensor, "b c"],
    local: float,
) -> tuple[Int[Tensor, "b c"], Float[Tensor, "b c"]]:
    r"""A neighbour of each current state, or a jump, and the ratio :math:`q(u \mid v) / q(v \mid u)` of the way back to
    the way there.

    Args:
        offset, near (torch.Tensor): The sorted neighbours of each node, ``near[offset[i]:offset[i + 1]]``, in a graph
            whose edges go in both directions.
        now (torch.Tensor): Current states :math:`u`, ``(b, c)``.
        jump (torch.Tensor): The uniform target of a jump from each state.
        coin (torch.Tensor): Uniform in :math:`[0, 1)`: below ``local`` a neighbour is proposed, if there is one.
        pick (torch.Tensor): Uniform in :math:`[0, 1)`: chooses the neighbour.
        local (float): The probability of proposing a neighbour.

    Cost: a binary search among one node's neighbours for each jump.
    """
    if now.device.type != "cpu" or not near.numel():
        return propose_reference(offset, near, now, jump, coin, pick, local)
    return _proposed(offset, near, now, jump, coin, pick, local)
