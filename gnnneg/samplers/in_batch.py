"""The other queries' targets."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class InBatch(Sampler):
    """The targets of the batch, ``(1, b)``, each with weight 0 where it is the query's own.

    Entities come in proportion to how often they are targets in the data, so popular ones are drawn more often.
    """

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, generator: torch.Generator | None = None
    ) -> Negatives:
        return Negatives(target[None], (target[:, None] != target[None]).float())
