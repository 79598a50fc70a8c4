"""One sorted index of known answers, shared by samplers, losses and filtered ranking."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from gnnneg.kernels.membership import member
from gnnneg.records import Query, Triplets, asked


class KnownAnswers(nn.Module):
    """The answers that some statements give to every query, from both sides.

    Which statements (polarity, split) is the caller's explicit choice: training facts for samplers, all stated facts
    for filtered ranking.

    Rows are the distinct queries, sorted by key; answers are sorted within a row. Neither key can overflow: a query
    key is at most ``2 * num_relations * num_nodes``, and answers are kept per row instead of in one fused key.

    Args:
        triplets (Triplets): The statements.
        num_nodes (int): Number of entities.
        num_relations (int): Number of relations, inverses not counted.
    """

    key: Tensor
    offset: Tensor
    answer: Tensor

    def __init__(self, triplets: Triplets, num_nodes: int, num_relations: int):
        super().__init__()
        self.num_nodes, self.num_relations = num_nodes, num_relations
        both = [asked(triplets, num_relations, head) for head in (False, True)]
        key = torch.cat([self._key(query) for query, _ in both])
        answer = torch.cat([target for _, target in both])
        answer, order = answer.sort(stable=True)
        key, again = key[order].sort(stable=True)
        answer = answer[again]
        if key.numel():
            keep = torch.ones_like(key, dtype=torch.bool)
            keep[1:] = (key[1:] != key[:-1]) | (answer[1:] != answer[:-1])
            key, answer = key[keep], answer[keep]
        key, length = torch.unique_consecutive(key, return_counts=True)
        # facts of the data set, not of the model: they move with the device and stay out of checkpoints
        self.register_buffer("key", key, persistent=False)
        self.register_buffer("offset", torch.cat([length.new_zeros(1), length.cumsum(0)]), persistent=False)
        self.register_buffer("answer", answer, persistent=False)

    def _key(self, query: Query) -> Tensor:
        return query.rel_type.long() * self.num_nodes + query.anchor

    def row(self, query: Query) -> tuple[Int[Tensor, "b"], Bool[Tensor, "b"]]:
        """The number of each query among the distinct ones, and whether it is known at all."""
        if not self.key.numel():
            return torch.zeros_like(query.anchor), torch.zeros_like(query.anchor, dtype=torch.bool)
        key = self._key(query)
        row = torch.searchsorted(self.key, key).clamp_(max=self.key.numel() - 1)
        return row, self.key[row] == key

    def span(self, query: Query) -> tuple[Int[Tensor, "b"], Int[Tensor, "b"]]:
        """Where in :obj:`answer` each query's row begins and ends; an unknown query's row is empty."""
        if not self.key.numel():
            zero = torch.zeros_like(query.anchor)
            return zero, zero
        row, found = self.row(query)
        begin = self.offset[row]
        return begin, torch.where(found, self.offset[row + 1], begin)

    def count(self, query: Query) -> Int[Tensor, "b"]:
        """How many answers of each query are known."""
        begin, end = self.span(query)
        return end - begin

    def answers(self, query: Query) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        """All known answers, as ``(row, entity)`` pairs; ``row`` numbers the queries and is sorted."""
        return self.between(*self.span(query))

    def between(self, begin: Int[Tensor, "b"], end: Int[Tensor, "b"]) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        """The answers of some spans, as ``(row, entity)`` pairs; ``row`` numbers the spans and is sorted."""
        length = end - begin
        row = torch.repeat_interleave(torch.arange(len(length), device=length.device), length)
        first = length.cumsum(0) - length
        position = torch.arange(row.numel(), device=row.device) - first[row] + begin[row]
        return row, self.answer[position]

    def contains(self, query: Query, index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
        """Whether candidates ``(#b, k)`` are known answers. Cost: a binary search in each query's own short row."""
        begin, end = self.span(query)
        return member(self.answer, begin, end, index)
