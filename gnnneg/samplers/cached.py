"""A cache of hard candidates for every query."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.checks import draws, not_negative, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.memory import refuse_beyond
from gnnneg.records import Negatives, Query, ones
from gnnneg.samplers.gumbel import perturbed
from gnnneg.samplers.last import write_last
from gnnneg.samplers.slots import Slots
from gnnneg.stateful import Counts


class Cached(Counts, Sampler):
    r"""Draws from a cache of hard candidates, one for every known query, and updates the caches of the batch.

    `"NSCaching: Simple and Efficient Negative Sampling for Knowledge Graph Embedding"
    <https://arxiv.org/abs/1812.06410>`_: negatives are drawn evenly from the cache. Then the cache's :math:`N_1`
    entities and :math:`N_2` candidates of the proposal are scored, and :math:`N_1` of them are kept. They are drawn
    without replacement in proportion to :math:`e^{s / T}` (``temperature``), or are the best ones (``temperature`` 0).
    An entity is in a cache only once. If a query occurs several times in a batch, its last update is kept. Known
    answers of the query never enter its cache.

    A query with an empty cache, or without a cache because it has no training facts, gets uniform entities. Cost:
    :math:`N_1 + N_2` scores a query, every ``every`` steps, for any number of entities; at most ``4 N_1`` bytes for
    each of the two queries of a statement, in checkpoints too. ``queries`` limits that. When more queries occur, new
    ones replace the oldest caches, and four bytes a query say which queries have one.

    Args:
        proposal (Sampler): Offers candidates for the caches.
        known (KnownAnswers): Training facts: their queries have caches, and their answers are kept out.
        num_negatives (int): Candidates per query.
        size (int): :math:`N_1`. (default: :obj:`30`)
        temperature (float): :math:`T`. (default: :obj:`1.0`)
        every (int): Number of steps between two updates of the caches. (default: :obj:`1`)
        purge (bool): Whether known answers are kept out. (default: :obj:`True`)
        queries (int, optional): The largest number of queries with a cache. (default: :obj:`None`, all)

    Raises:
        UserError: If sizes are below 1, a cache would be larger than there are entities, or the caches would take more
            memory than is free.
    """

    one_process = "keeps candidates for every query"
    cache: Tensor
    step: Tensor
    slots: Slots | None

    def __init__(
        self,
        proposal: Sampler,
        known: KnownAnswers,
        num_negatives: int,
        size: int = 30,
        temperature: float = 1.0,
        every: int = 1,
        purge: bool = True,
        queries: int | None = None,
    ):
        super().__init__()
        if not 0 < size < known.num_nodes or num_negatives < 1 or every < 1:
            raise UserError(
                f"Cached(size={size}, num_negatives={num_negatives}, every={every}): give at least 1 each, and a cache "
                f"smaller than the {known.num_nodes} entities."
            )
        draws("Cached", num_negatives=num_negatives, size=size)
        whole("Cached", every=every, queries=queries)
        not_negative("Cached", temperature=temperature)
        self.proposal, self.known, self.num_negatives, self.size = proposal, known, num_negatives, size
        self.temperature, self.every, self.purge = temperature, every, purge
        count = len(known.key)
        kept = count if queries is None else min(queries, count)
        refuse_beyond(
            kept * size * 4,
            f"Cached: the caches of {kept:,} queries, {size} entities each,",
            f"set queries, such as queries={kept // 10:,}, or lower size",
        )
        self.slots = None if queries is None or queries >= count else Slots(count, queries)
        # -1: nothing there yet
        self.register_buffer("cache", torch.full((kept, size), -1, dtype=torch.int32))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        row, found = self.known.row(query)
        place, there = (row, found) if self.slots is None else self.slots(row, found)
        held = self._held(place, there, rng)
        size = (len(target), self.num_negatives)
        index = held.gather(1, torch.randint(self.size, size, generator=rng, device=target.device))
        if self.training:
            if int(self.step) % self.every == 0:
                offered = self.proposal(query, target, critic, rng)
                kept = self._renewed(query, target, held, offered, critic, rng)
                if self.slots is not None:
                    place, found = self.slots.given(row, found)
                if len(self.cache):
                    write_last(self.cache, place, kept.int(), found)
            self.step += 1
        if not self.purge:
            return Negatives(index, ones(index))
        return Negatives(index, (~self._known(query, target, index)).float())

    def _held(self, place: Int[Tensor, "b"], found: Tensor, rng: torch.Generator | None) -> Int[Tensor, "b k"]:
        """The caches, with uniform entities in empty places."""
        size = (len(place), self.size)
        any_entity = torch.randint(self.known.num_nodes, size, generator=rng, device=place.device)
        if not len(self.cache):
            return any_entity
        held = self.cache[place].long()
        return torch.where((held < 0) | ~found[:, None], any_entity, held)

    def _renewed(
        self,
        query: Query,
        target: Int[Tensor, "b"],
        held: Int[Tensor, "b k"],
        offered: Negatives,
        critic: Scorer,
        rng: torch.Generator | None,
    ) -> Int[Tensor, "b k"]:
        """The updated caches."""
        rows = len(target)
        union = torch.cat([held, offered.index.expand(rows, -1)], dim=1)
        union, order = union.sort(dim=1)
        absent = torch.zeros_like(union, dtype=torch.bool)
        absent[:, 1:] = union[:, 1:] == union[:, :-1]  # each once
        weight = offered.weight.expand(rows, offered.index.size(1))
        absent |= (torch.cat([torch.ones_like(held, dtype=weight.dtype), weight], dim=1) == 0).gather(1, order)
        if self.purge:
            absent |= self._known(query, target, union)
        with torch.no_grad():
            score = critic(union).float()
        if self.temperature:
            score = perturbed(score / self.temperature, rng)
        top = score.masked_fill(absent, -torch.inf).topk(self.size, dim=1)
        return union.gather(1, top.indices).masked_fill(top.values.isneginf(), -1)  # nothing there, where too few are

    def _known(self, query: Query, target: Int[Tensor, "b"], index: Int[Tensor, "b k"]) -> Tensor:
        return self.known.contains(query, index) | (index == target[:, None])
