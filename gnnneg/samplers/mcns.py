"""Markov chains whose distribution follows the model's scores."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import LONGEST, draws, finite, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import neighbours
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.proposal import propose
from gnnneg.memory import refuse_beyond
from gnnneg.records import Negatives, Query, ones
from gnnneg.samplers.last import write_last


class MCNS(Sampler):
    r"""Candidates in proportion to a power of the model's probability, by Metropolis-Hastings.

    `"Understanding Negative Sampling in Graph Representation Learning" <https://arxiv.org/abs/2005.09863>`_ shows that
    the negatives' distribution should increase with the positives', but sub-linearly. It takes the model's distribution
    for the positives' (self-contrast): here :math:`p(u \mid q) \propto e^{\alpha s(q, u)}`. Each known query has its
    own chains, which continue from their last states. If a query occurs several times in a batch, they continue from
    those of its last occurrence. (The paper's chains belong to nodes, because it has one question a node. Here a chain
    of another relation has another distribution, and one step does not lead from there to this query's distribution.)
    Chains of unknown queries start at random states each time. A proposed state is any entity, or (``local``) a
    neighbour of the current state,

    .. math::
        q(v \mid u) = (1 - \lambda) \frac{1}{n} + \lambda \frac{[v \sim u]}{\deg u} , \qquad
        \text{accepted with } \min \left( 1, \frac{p(v) \, q(u \mid v)}{p(u) \, q(v \mid u)} \right) ,

    independently for each state. A query's negatives are the next states of its chains, so they may repeat. Cost:
    ``(burn_in + num_negatives / chains) * chains`` scores a query, ``chains`` at a time, for any number of entities; at
    most ``4 * chains`` bytes for each of the two queries of a statement, 512 for both at 64 chains, in checkpoints too.

    Args:
        known (KnownAnswers): Training facts: they give the neighbours, and their queries have chains.
        num_negatives (int): Candidates per query.
        alpha (float): :math:`\alpha`. (default: :obj:`0.75`)
        burn_in (int): Steps before the first candidate, if some query of the batch has no chains yet.
            (default: :obj:`10`)
        local (float): :math:`\lambda`. (default: :obj:`0.5`)
        chains (int): Chains a query, at most one for each candidate. (default: :obj:`64`)

    Raises:
        UserError: If ``local`` is not in :math:`[0, 1)`: without jumps a chain never leaves its component; or if the
            chains would take more memory than is free.
    """

    one_process = "keeps chains for every query"
    state: Tensor

    def __init__(
        self,
        known: KnownAnswers,
        num_negatives: int,
        alpha: float = 0.75,
        burn_in: int = 10,
        local: float = 0.5,
        chains: int = 64,
    ):
        super().__init__()
        draws("MCNS", num_negatives=num_negatives, chains=chains)
        finite("MCNS", alpha=alpha)
        whole("MCNS", 0, LONGEST, burn_in=burn_in)
        if not 0 <= local < 1:
            raise UserError(f"MCNS(local={local}): give a share from 0 to below 1.")
        self.num_nodes, self.num_negatives = known.num_nodes, num_negatives
        self.alpha, self.burn_in, self.local = alpha, burn_in, local
        self.known, self.near = known, neighbours(known)
        size = len(known.key), min(chains, num_negatives)
        refuse_beyond(
            size[0] * size[1] * 4,
            f"MCNS: {size[1]} chains for each of {size[0]:,} queries",
            "lower chains, or use Cached, whose queries bounds how many have a cache",
        )
        self.register_buffer("state", torch.full(size, -1, dtype=torch.int32))  # -1: nowhere yet

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        device, size = target.device, (len(target), self.state.size(1))
        row, found = self.known.row(query)
        now = torch.full(size, -1, device=device)
        if len(self.state):
            now = torch.where(found[:, None], self.state[row].long(), now)
        burn_in = self.burn_in if bool((now < 0).any()) else 0
        steps = burn_in + -(-self.num_negatives // size[1])

        def anywhere(*shape: int) -> Tensor:
            return torch.randint(self.num_nodes, shape, generator=rng, device=device)

        jump, chance = anywhere(steps, *size), torch.rand(3, steps, *size, generator=rng, device=device)
        now = torch.where(now < 0, anywhere(*size), now)
        visited = []
        with torch.no_grad():
            score = self.alpha * critic(now).float()
            for step in range(steps):
                coin, pick, odds = chance[:, step]
                then, ratio = propose(self.near.offset, self.near.member, now, jump[step], coin, pick, self.local)
                other = self.alpha * critic(then).float()
                accept = odds.log() < other - score + ratio.log()
                now, score = torch.where(accept, then, now), torch.where(accept, other, score)
                visited.append(now)
        if self.training and len(self.state):
            write_last(self.state, row, now.int(), found)
        index = torch.cat(visited[burn_in:], dim=1)[:, : self.num_negatives]
        return Negatives(index, ones(index))
