"""Entities that fill the query's slot elsewhere."""

from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import slots
from gnnneg.records import Query
from gnnneg.samplers.pooled import Pooled


class Corrupt(Pooled):
    """Entities that answer the same relation for somebody in the training facts, each as probable as the other.

    Also known as pseudo-typed negatives (PyKEEN); *corrupt* is the name of `"Analysis of the Impact of Negative
    Sampling on Link Prediction in Knowledge Graphs" <https://arxiv.org/abs/1708.06816>`_. Of the right type without
    knowing types, so harder than uniform ones, and more often true.

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
