"""Queries with all their answers: the examples of K-vs-all training."""

from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.kernels.ragged import entries
from gnnneg.kernels.unique import unique_rows
from gnnneg.records import Query, Triplets, asked


class Answered(NamedTuple):
    """Queries, and the place of each example's answers in the index of known answers."""

    anchor: Int[Tensor, "b"]
    rel_type: Int[Tensor, "b"]
    begin: Int[Tensor, "b"]
    end: Int[Tensor, "b"]

    @property
    def query(self) -> Query:
        return Query(self.anchor, self.rel_type)

    @property
    def length(self) -> Int[Tensor, "b"]:
        """The number of answers of each example."""
        return self.end - self.begin


def answered(triplets: Triplets, known: KnownAnswers, most: int | None) -> Answered:
    """The distinct queries of statements, those with more than ``most`` answers in parts."""
    both = [asked(triplets, known.num_relations, head)[0] for head in (False, True)]
    query = Query(*unique_rows(*(torch.cat(column) for column in zip(*both))))
    begin, end = known.span(query)
    if most is None:
        return Answered(*query, begin, end)
    row, part = entries((end - begin + most - 1) // most)
    begin = begin[row] + part * most
    return Answered(query.anchor[row], query.rel_type[row], begin, torch.minimum(begin + most, end[row]))
