"""One sampler after another."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import ModuleList

from gnnneg.checks import FOREVER, whole
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed
from gnnneg.stateful import Counts


class Curriculum(Counts, Composed):
    """Uses each sampler from its step on: easy negatives first, hard ones when the model has learnt something.

    Steps are counted in training mode only, and are saved in checkpoints.

    Cost: that of the sampler in use.

    Args:
        samplers (list[Sampler]): One after another.
        starts (list[int]): The first step of each, in rising order from 0.

    Raises:
        UserError: If starts do not begin at 0, do not rise, or differ in number from the samplers.
    """

    step: Tensor

    def __init__(self, samplers: Sequence[Sampler], starts: Sequence[int]):
        super().__init__()
        rising = all(a < b for a, b in pairwise(starts))
        whole("Curriculum", 0, FOREVER, **{f"starts[{place}]": start for place, start in enumerate(starts)})
        if len(samplers) != len(starts) or not starts or starts[0] != 0 or not rising:
            raise UserError(
                f"Curriculum(starts={list(starts)}) of {len(samplers)} samplers: give each its start, rising from 0."
            )
        self.samplers, self.starts = ModuleList(samplers), list(starts)
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    _drew: int | None = None  # which sampler drew last: log_prob speaks of that draw, not of the next

    def _now(self) -> int:
        step = int(self.step)
        return sum(start <= step for start in self.starts) - 1

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        self._drew = self._now()
        if self.training:
            self.step += 1
        return self.samplers[self._drew](query, target, critic, rng)

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        drew = self._now() if self._drew is None else self._drew
        return self.samplers[drew].log_prob(query, target, critic, index)  # type: ignore[operator]
