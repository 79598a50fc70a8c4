"""One sorted index of known answers, shared by samplers, losses and filtered ranking."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gnnneg.kernels.membership import first_at_least, member
from gnnneg.kernels.ragged import entries
from gnnneg.kernels.unique import MOST, ascending, fresh
from gnnneg.records import Query, Triplets, asked


class Answers(nn.Module, ABC):
    """Known answers in one index or in several, as rankings use them."""

    num_nodes: int
    num_relations: int

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of the index."""

    @abstractmethod
    def count(self, query: Query) -> Int[Tensor, "b"]:
        """How many answers of each query are known."""

    @abstractmethod
    def answers(
        self, query: Query, start: int | None = None, stop: int | None = None
    ) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        """All known answers as ``(row, entity)`` pairs, sorted by ``row``, the number of the query, then by entity.

        Args:
            query (Query): The queries.
            start (int, optional): Only entities from this one on; with ``stop``. (default: :obj:`None`)
            stop (int, optional): Only entities before this one. (default: :obj:`None`)
        """

    @abstractmethod
    def contains(self, query: Query, index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
        """Whether candidates ``(#b, k)`` are known answers."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of distinct statements."""


class Joined(Answers):
    """The answers of several indices without common statements, such as a large shared one and a small one.

    Args:
        part (Answers): The indices, over the same entities and relations.
    """

    def __init__(self, *part: "KnownAnswers"):
        super().__init__()
        self.part = part  # not its own: whose they are may move them
        self.num_nodes, self.num_relations = part[0].num_nodes, part[0].num_relations

    @property
    def device(self) -> torch.device:
        return self.part[0].device

    def __len__(self) -> int:
        return sum(len(part) for part in self.part)

    def count(self, query: Query) -> Int[Tensor, "b"]:
        return torch.stack([part.count(query) for part in self.part]).sum(0)

    def answers(
        self, query: Query, start: int | None = None, stop: int | None = None
    ) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        found = [part.answers(query, start, stop) for part in self.part]
        some = [pair for pair in found if pair[0].numel()] or found[:1]
        if len(some) == 1:
            return some[0]
        key = torch.cat([row * self.num_nodes + entity for row, entity in some]).sort().values
        return key // self.num_nodes, key % self.num_nodes

    def contains(self, query: Query, index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
        found = self.part[0].contains(query, index)
        for part in self.part[1:]:
            if len(part):
                found |= part.contains(query, index)
        return found


class KnownAnswers(Answers):
    """The answers in some statements to every query, for heads and for tails.

    The caller chooses the statements by polarity and split: training facts for samplers, all stated facts for filtered
    ranking.

    Rows are the distinct queries, sorted by key. Answers are sorted within a row. Keys cannot overflow: a query key is
    at most ``2 * num_relations * num_nodes``, and answers are stored in rows and not in a common key.

    Args:
        triplets (Triplets): The statements.
        num_nodes (int): Number of entities.
        num_relations (int): Number of relations, inverses not counted.
        confidence (torch.Tensor, optional): The confidence of each statement, ``(b,)``, from 0 to 1. A repeated
            statement has its largest one. (default: :obj:`None`, all 1)
    """

    key: Tensor
    offset: Tensor
    answer: Tensor
    confidence: Tensor | None

    def __init__(
        self,
        triplets: Triplets,
        num_nodes: int,
        num_relations: int,
        confidence: Float[Tensor, "b"] | None = None,
    ):
        super().__init__()
        self.num_nodes, self.num_relations = num_nodes, num_relations
        sure = None
        if confidence is None and 2 * num_relations * num_nodes**2 <= MOST:
            key, answer = _sorted(triplets, num_nodes, num_relations)
        else:
            key, answer, order = self._surest(triplets, confidence)
            sure = None if confidence is None else confidence.repeat(2)[order].float()
        first = fresh(key).nonzero()[:, 0]
        # facts of the data set, not of the model: they move with the device and stay out of checkpoints
        self.register_buffer("key", key[first], persistent=False)
        self.register_buffer("offset", torch.cat([first, first.new_full((1,), key.numel())]), persistent=False)
        self.register_buffer("answer", answer, persistent=False)
        self.register_buffer("confidence", sure, persistent=False)

    def _surest(self, triplets: Triplets, confidence: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Key and answer of each distinct answered query, sorted, and the position of its statement with the largest
        confidence.
        """
        both = [asked(triplets, self.num_relations, head) for head in (False, True)]
        key = torch.cat([self._key(query) for query, _ in both])
        answer = torch.cat([target for _, target in both])
        order = (
            torch.arange(len(key), device=key.device)
            if confidence is None
            else confidence.repeat(2).argsort(descending=True)
        )
        for column in (answer, key):  # the last sorted by is the first to differ; surest first among the same
            order = order[column[order].argsort(stable=True)]
        key, answer = key[order], answer[order]
        keep = fresh(key) | fresh(answer)
        return key[keep], answer[keep], order[keep]

    @property
    def device(self) -> torch.device:
        return self.key.device

    def without(self, other: "KnownAnswers") -> "KnownAnswers":
        """The statements that are not in another index, without confidence."""
        size = len(self)
        query, answer = self.at(torch.arange(size, device=self.device))
        new = ~other.contains(query, answer[:, None])[:, 0]
        given = Triplets(query.anchor[new], query.rel_type[new], answer[new])
        return KnownAnswers(given, self.num_nodes, self.num_relations)

    def _key(self, query: Query) -> Tensor:
        return query.rel_type.long() * self.num_nodes + query.anchor

    def row(self, query: Query) -> tuple[Int[Tensor, "b"], Bool[Tensor, "b"]]:
        """The row of each query, and whether the query is known."""
        if not self.key.numel():
            return torch.zeros_like(query.anchor), torch.zeros_like(query.anchor, dtype=torch.bool)
        key = self._key(query)
        row = torch.searchsorted(self.key, key).clamp_(max=self.key.numel() - 1)
        return row, self.key[row] == key

    def span(self, query: Query) -> tuple[Int[Tensor, "b"], Int[Tensor, "b"]]:
        """The begin and end of each query's row in :obj:`answer`. The row of an unknown query is empty."""
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

    def answers(
        self, query: Query, start: int | None = None, stop: int | None = None
    ) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        begin, end = self.span(query)
        part = start is not None and stop is not None and (start, stop) != (0, self.num_nodes)
        if part and self.answer.numel():
            borders = torch.tensor([[start, stop]], device=begin.device)
            begin, end = first_at_least(self.answer, begin, end, borders).unbind(1)
        return self.between(begin, end)

    def between(self, begin: Int[Tensor, "b"], end: Int[Tensor, "b"]) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
        """The answers of some spans as ``(row, entity)`` pairs, sorted by ``row``, the number of the span."""
        row, place = entries(end - begin)
        return row, self.answer[begin[row] + place]

    def at(self, position: Int[Tensor, "m"]) -> tuple[Query, Int[Tensor, "m"]]:
        """The queries and answers at some positions of :obj:`answer`."""
        key = self.key[torch.searchsorted(self.offset, position, right=True) - 1]
        return Query(key % self.num_nodes, key // self.num_nodes), self.answer[position]

    def span_of(self, rel_type: Int[Tensor, "b"]) -> tuple[Int[Tensor, "b"], Int[Tensor, "b"]]:
        """The begin and end of each relation's statements in :obj:`answer`, also for inverse relations."""
        first = [torch.searchsorted(self.key, (rel_type.long() + more) * self.num_nodes) for more in (0, 1)]
        return self.offset[first[0]], self.offset[first[1]]

    def __len__(self) -> int:
        """The number of distinct statements. The first so many of :obj:`answer` are tails, the others heads."""
        return self.answer.numel() // 2

    def sure(self, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """The confidence of answered queries; 1 if they are not known."""
        if self.confidence is None or not self.answer.numel():
            return torch.ones(len(target), device=target.device)
        begin, end = self.span(query)
        place = first_at_least(self.answer, begin, end, target[:, None])[:, 0].clamp(max=self.answer.numel() - 1)
        return torch.where(self.contains(query, target[:, None])[:, 0], self.confidence[place], 1.0)

    def contains(self, query: Query, index: Int[Tensor, "c k"]) -> Bool[Tensor, "b k"]:
        """Whether candidates ``(#b, k)`` are known answers. Cost: a binary search in each query's own short row."""
        begin, end = self.span(query)
        return member(self.answer, begin, end, index)


def _sorted(triplets: Triplets, num_nodes: int, num_relations: int) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Key and answer of each distinct answered query. Both are sorted as one number, which needs less memory."""
    head_index, rel_type, tail_index = triplets
    size = len(rel_type)
    both = torch.empty(2 * size, dtype=torch.long, device=rel_type.device)
    for part, relation, anchor, target in (
        (both[:size], 0, head_index, tail_index),
        (both[size:], num_relations, tail_index, head_index),
    ):
        part.copy_(rel_type).add_(relation).mul_(num_nodes).add_(anchor).mul_(num_nodes).add_(target)
    both = ascending(both)
    both = both[fresh(both)]
    answer = both % num_nodes
    return both.div_(num_nodes, rounding_mode="floor"), answer
