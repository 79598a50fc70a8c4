"""Uniform negatives."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query, ones


class Uniform(Sampler):
    r"""Entities drawn uniformly with replacement, each with probability :math:`1 / n`.

    Known answers are not excluded, so the expected false-negative rate is the number of true answers over :math:`n`.
    Wrap in :class:`Filtered` to give known ones weight 0.

    Cost: one random number a candidate.

    Args:
        num_nodes (int): Number of entities.
        num_negatives (int): Candidates per query, or per batch if shared.
        shared (bool): Whether one draw ``(1, k)`` serves the whole batch; scoring is then one matrix product. Otherwise
            each query has its own, ``(b, k)``. (default: :obj:`False`)

    Raises:
        UserError: If there are more negatives than entities; :class:`All` takes each entity once.
    """

    def __init__(self, num_nodes: int, num_negatives: int, shared: bool = False):
        super().__init__()
        if not 0 < num_negatives <= num_nodes:
            raise UserError(
                f"Uniform(num_negatives={num_negatives}) on a graph of {num_nodes} entities: ask for 1 to {num_nodes}, "
                "or use All, which takes every entity once."
            )
        whole("Uniform", num_nodes=num_nodes)
        self.num_nodes, self.num_negatives, self.shared = num_nodes, num_negatives, shared

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        rows = 1 if self.shared else target.size(0)
        size = (rows, self.num_negatives)
        index = torch.randint(self.num_nodes, size, generator=rng, device=target.device)
        return Negatives(index, ones(index))

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return torch.full((1, 1), -math.log(self.num_nodes), device=index.device)
