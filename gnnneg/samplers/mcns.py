"""Markov chains that walk to where the model sees answers."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import neighbours
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query, ones


class MCNS(Sampler):
    r"""Candidates with probability proportional to a power of the model's own, by Metropolis-Hastings.

    `"Understanding Negative Sampling in Graph Representation Learning" <https://arxiv.org/abs/2005.09863>`_ shows that
    negatives should follow the positives' distribution, positively but sub-linearly, and takes the model's for it
    (self-contrast): here :math:`p(u \mid q) \propto e^{\alpha s(q, u)}`. Each query has a chain, which goes on from
    where the chain of its anchor last was; a proposed state is any entity, or (``local``) a neighbour of the present
    one,

    .. math::
        q(v \mid u) = (1 - \lambda) \frac{1}{n} + \lambda \frac{[v \sim u]}{\deg u} , \qquad
        \text{accepted with } \min \left( 1, \frac{p(v) \, q(u \mid v)}{p(u) \, q(v \mid u)} \right) ,

    each query with a chance of its own. What a query is given are its chain's next states, so they come with
    repetitions. Cost: ``burn_in + num_negatives`` scores a query, one after the other.

    Args:
        known (KnownAnswers): Training facts, for neighbours.
        num_negatives (int): Candidates per query.
        alpha (float): :math:`\alpha`. (default: :obj:`0.75`)
        burn_in (int): Steps before the first. (default: :obj:`10`)
        local (float): :math:`\lambda`. (default: :obj:`0.5`)

    Raises:
        UserError: If ``local`` is not in :math:`[0, 1)`: without jumps a chain never leaves its component.
    """

    state: Tensor

    def __init__(
        self, known: KnownAnswers, num_negatives: int, alpha: float = 0.75, burn_in: int = 10, local: float = 0.5
    ):
        super().__init__()
        if not 0 <= local < 1:
            raise UserError(f"MCNS(local={local}): give a share from 0 to below 1.")
        self.num_nodes, self.num_negatives = known.num_nodes, num_negatives
        self.alpha, self.burn_in, self.local = alpha, burn_in, local
        self.near = neighbours(known)
        self.register_buffer("state", torch.full((known.num_nodes,), -1))  # -1: nowhere yet

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        device, rows = target.device, len(target)
        steps = self.burn_in + self.num_negatives

        def anywhere(*size: int) -> Tensor:
            return torch.randint(self.num_nodes, size, generator=generator, device=device)

        jump, chance = anywhere(steps, rows), torch.rand(2, steps, rows, generator=generator, device=device)
        now = self.state[query.anchor]
        now = torch.where(now < 0, anywhere(rows), now)
        visited = []
        with torch.no_grad():
            score = self.alpha * critic(now[:, None]).float()
            for step in range(steps):
                nearby = (chance[0, step] < self.local) & (self.near.length(now) > 0)
                then = torch.where(nearby, self.near.draw(now, generator), jump[step])
                other = self.alpha * critic(then[:, None]).float()
                back, forth = self._proposed(then, now), self._proposed(now, then)
                accept = chance[1, step].log()[:, None] < other - score + back - forth
                now, score = torch.where(accept[:, 0], then, now), torch.where(accept, other, score)
                visited.append(now)
        if self.training:
            self.state[query.anchor] = now
        index = torch.stack(visited[self.burn_in :], dim=1)
        return Negatives(index, ones(index))

    def _proposed(self, now: Int[Tensor, "b"], then: Int[Tensor, "b"]) -> Float[Tensor, "b 1"]:
        """The log-probability of proposing ``then`` in state ``now``."""
        degree = self.near.length(now)[:, None]
        adjacent = self.near.contains(now, then[:, None])
        share = torch.where(degree > 0, self.local, 0.0)
        near = torch.where(adjacent, share / degree.clamp(min=1), 0.0)
        return torch.log(near + (1 - share) * (1 / self.num_nodes))
