"""The anchor's answers to other questions."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.kernels.membership import first_at_least
from gnnneg.records import Negatives, Query


class Relational(Sampler):
    """Entities that some *other* relation links with the anchor: near it, and usually of another type than the target.

    The *relational* negatives of `"Analysis of the Impact of Negative Sampling on Link Prediction in Knowledge Graphs"
    <https://arxiv.org/abs/1708.06816>`_. An entity is drawn in proportion to the number of other relations that link
    the two; an anchor with no other relation has weight 0.

    Cost: two searches a query, one random number and one look-up a candidate.

    Args:
        known (KnownAnswers): Training facts.
        num_negatives (int): Candidates per query.
    """

    def __init__(self, known: KnownAnswers, num_negatives: int):
        super().__init__()
        draws("Relational", num_negatives=num_negatives)
        self.num_negatives, self.num_nodes = num_negatives, known.num_nodes
        length = known.offset.diff()
        anchor = (known.key % known.num_nodes).repeat_interleave(length)
        relation = (known.key // known.num_nodes).repeat_interleave(length)
        # relation by relation within an anchor, so that what answers the query itself is one run to be skipped
        self.facts = Pools(anchor, relation * known.num_nodes + known.answer, known.num_nodes)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        row = query.anchor
        begin, end = self.facts.offset[row], self.facts.offset[row + 1]
        first, last = (self._before(query, edge) for edge in (query.rel_type, query.rel_type + 1))
        rest = (end - begin) - (last - first)
        chance = torch.rand(len(row), self.num_negatives, generator=rng, device=row.device, dtype=torch.double)
        place = begin[:, None] + (chance * rest[:, None]).long()
        place = torch.where(place >= first[:, None], place + (last - first)[:, None], place)
        there = (rest > 0)[:, None]
        fact = self.facts.member[torch.where(there, place, 0)] if self.facts.member.numel() else torch.zeros_like(place)
        return Negatives(fact % self.num_nodes, there.float())

    def _before(self, query: Query, relation: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
        """The first of the anchor's facts with relation ``relation`` or a later one."""
        begin, end = self.facts.offset[query.anchor], self.facts.offset[query.anchor + 1]
        return first_at_least(self.facts.member, begin, end, (relation * self.num_nodes)[:, None])[:, 0]
