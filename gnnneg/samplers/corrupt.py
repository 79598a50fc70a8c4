"""Entities that occur on the target's side of the relation."""

from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.records import Query
from gnnneg.samplers.pooled import Pooled


class Corrupt(Pooled):
    """Entities that answer the query's relation for some anchor in the training facts, all with equal probability.

    Also known as pseudo-typed negatives (PyKEEN); *corrupt* is the name of `"Analysis of the Impact of Negative
    Sampling on Link Prediction in Knowledge Graphs" <https://arxiv.org/abs/1708.06816>`_. They usually have the right
    type, although no types are needed. So they are harder than uniform ones, and more often true.

    Cost: one random number and one look-up a candidate.

    Args:
        known (KnownAnswers): Training facts.
        num_negatives (int): Candidates per query.
    """

    def __init__(self, known: KnownAnswers, num_negatives: int):
        super().__init__()
        draws("Corrupt", num_negatives=num_negatives)
        self.pools, self.num_negatives = slots(known), num_negatives

    def row(self, query: Query, target: Int[Tensor, "b"]) -> Int[Tensor, "b"]:
        return query.rel_type
