"""Candidates drawn evenly from a pool of each query."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.pools import Pools
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Pooled(Sampler, ABC):
    """Draws from one pool for each query, evenly and with replacement; an empty pool gives weight 0.

    :class:`Padded` fills absent places.
    """

    pools: Pools
    num_negatives: int

    @abstractmethod
    def row(self, query: Query, target: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
        """The pool of each query."""

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        row = self.row(query, target)
        index = self.pools.draw(row[:, None].expand(-1, self.num_negatives), rng)
        return Negatives(index, (self.pools.length(row) > 0)[:, None].float())

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        return self.pools.log_prob(self.row(query, target), index)
