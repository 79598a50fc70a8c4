"""The targets of the last batches."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import LONGEST, whole
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class PreBatch(Sampler):
    """The targets of this batch and of the last ones, ``(1, (1 + batches) b)``; a query's own target has weight 0.

    `"SimKGC" <https://arxiv.org/abs/2203.02167>`_ keeps the last batches' vectors, because its text encoder is
    expensive. Here the entities are remembered and their vectors are looked up again, so none is stale. Nothing is
    remembered in evaluation mode.

    Cost: no draw; eight bytes a remembered target.

    Args:
        batches (int): Number of remembered batches. (default: :obj:`4`)
    """

    def __init__(self, batches: int = 4):
        super().__init__()
        whole("PreBatch", 1, LONGEST, batches=batches)
        self.batches = batches
        self._memory: list[Tensor] = []

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        memory = [past.to(target.device) for past in self._memory]
        if self.training:
            self._memory = [target.detach(), *self._memory][: self.batches]
        index = torch.cat([target, *memory])
        return Negatives(index[None], (target[:, None] != index[None]).float())

    def get_extra_state(self) -> list[Tensor]:
        """The remembered targets."""
        return self._memory

    def set_extra_state(self, state: list[Tensor]) -> None:
        """Takes over the remembered targets of another."""
        self._memory = state
