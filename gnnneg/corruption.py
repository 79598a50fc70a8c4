"""Which slot of a triplet is asked for. Row ``i`` of the triplets becomes query ``i`` (and ``i + b``, if both are)."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import fraction, positive, whole
from gnnneg.data.cardinality import MANY, answers_per_query, to_many
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Corruption
from gnnneg.records import Query, Triplets, asked
from gnnneg.stateful import Counts


class Sided(Corruption, ABC):
    """Asks for sides that no statistics choose."""

    def __init__(self, num_relations: int):
        super().__init__()
        whole(type(self).__name__, num_relations=num_relations)
        self.num_relations = num_relations


class Tail(Sided):
    """Asks every triplet for its tail.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations)


class Head(Sided):
    """Asks every triplet for its head.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations, head=True)


class Both(Sided):
    """Asks every triplet for its tail and for its head: ``2 b`` queries, all tails first.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        twice = Triplets(*(torch.cat([column, column]) for column in triplets))
        head = torch.arange(2, device=twice.rel_type.device).repeat_interleave(len(triplets.rel_type)) == 1
        return asked(twice, self.num_relations, head)


class Alternating(Counts, Sided):
    """Asks all triplets of a batch for their tails in one step and for their heads in the next, as the code of RotatE
    and of EMU does.

    A batch of tails comes first. Half as many scores as :class:`Both`, and in every step all candidates fill one side,
    so that those that are shared by the batch suit all its queries. Unlike the code, which goes through the data once
    for each side, an epoch asks each triplet on one side only. Steps are counted in training mode, and go into
    checkpoints; in evaluation mode every second triplet of a batch is asked for its head.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    step: Tensor

    def __init__(self, num_relations: int):
        super().__init__(num_relations)
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        if not self.training:
            place = torch.arange(len(triplets.rel_type), device=triplets.rel_type.device)
            return asked(triplets, self.num_relations, place % 2 == 1)
        head = int(self.step) % 2 == 1
        self.step += 1
        return asked(triplets, self.num_relations, head)


class Tossed(Corruption, ABC):
    """Asks every triplet for its tail or its head, by the toss of a coin that its relation may weight."""

    num_relations: int

    @abstractmethod
    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """The probability of asking for the head."""

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        rel_type = triplets.rel_type
        toss = torch.rand(rel_type.size(0), generator=rng, device=rel_type.device)
        return asked(triplets, self.num_relations, toss < self.chance(rel_type))


class Either(Tossed):
    """Asks every triplet for its tail or its head, by the toss of one coin.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        head (float): Probability of asking for the head. (default: :obj:`0.5`)
    """

    def __init__(self, num_relations: int, head: float = 0.5):
        super().__init__()
        whole("Either", num_relations=num_relations)
        fraction("Either", head=head)
        self.num_relations, self.head = num_relations, head

    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return torch.full(rel_type.shape, self.head, device=rel_type.device)


class Bernoulli(Tossed):
    r"""Asks for the side with fewer false negatives more often.

    `"Knowledge Graph Embedding by Translating on Hyperplanes"
    <https://ojs.aaai.org/index.php/AAAI/article/view/8870>`_: with :math:`a_t` tails a head and :math:`a_h` heads a
    tail in the mean over the relation's training facts, the head is asked with probability :math:`a_t / (a_t + a_h)`;
    of a relation without facts, half the time.

    Args:
        known (KnownAnswers): Training facts.
    """

    head: Tensor

    def __init__(self, known: KnownAnswers):
        super().__init__()
        self.num_relations = known.num_relations
        tails, heads = answers_per_query(known).chunk(2)
        share = torch.where(tails + heads > 0, tails / (tails + heads).clamp(min=1), 0.5).float()
        self.register_buffer("head", share, persistent=False)

    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return self.head[rel_type]


class OneSide(Tossed):
    """Asks for the side that has one answer, where only one side has.

    A relation counts as *to many* on a side if its queries have ``many`` answers or more there in the mean over the
    training facts: N-1 relations are asked for their tails, 1-N for their heads, and 1-1 and N-N for either.

    Args:
        known (KnownAnswers): Training facts.
        many (float): From how many answers on they are many. (default: :obj:`1.5`)
    """

    head: Tensor

    def __init__(self, known: KnownAnswers, many: float = MANY):
        super().__init__()
        positive("OneSide", many=many)
        self.num_relations = known.num_relations
        tails, heads = to_many(known, many).chunk(2)
        share = torch.where(tails == heads, 0.5, tails.float())
        self.register_buffer("head", share, persistent=False)

    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return self.head[rel_type]
