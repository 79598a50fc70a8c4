"""Explicitly denied answers."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Denied(Sampler):
    """The entities that a denied statement gives as answers to the query: the only negatives known to be wrong.

    Each occurs once, with its confidence as its weight. If there are more than ``num_negatives``, that many are drawn
    at random. If there are fewer, the rest has weight 0 (see :class:`Padded`).

    Cost: one search a query and one look-up a candidate.

    Args:
        denied (KnownAnswers): Denied training statements.
        num_negatives (int): Candidates per query.
    """

    def __init__(self, denied: KnownAnswers, num_negatives: int):
        super().__init__()
        draws("Denied", num_negatives=num_negatives)
        self.denied, self.num_negatives = denied, num_negatives

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        begin, end = self.denied.span(query)
        length = end - begin
        # a run of the row that goes on at its beginning: distinct entities, each as probable as the other
        start = torch.rand(len(length), generator=rng, device=length.device, dtype=torch.double) * length
        step = torch.arange(self.num_negatives, device=length.device)
        there = step < length[:, None]
        place = begin[:, None] + (start.long()[:, None] + step) % length.clamp(min=1)[:, None]
        if not self.denied.answer.numel():
            return Negatives(torch.zeros_like(place), there.float())
        place = torch.where(there, place, 0)
        sure = 1.0 if self.denied.confidence is None else self.denied.confidence[place]
        return Negatives(self.denied.answer[place], there * sure)
