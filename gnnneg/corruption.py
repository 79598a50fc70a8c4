"""Decides whether the head or the tail of a triplet is predicted. Row ``i`` of the triplets becomes query ``i`` (and
``i + b``, if both are predicted).
"""

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
    """Predicts sides that do not depend on statistics."""

    def __init__(self, num_relations: int):
        super().__init__()
        whole(type(self).__name__, num_relations=num_relations)
        self.num_relations = num_relations


class Tail(Sided):
    """Predicts the tail of every triplet.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations)


class Head(Sided):
    """Predicts the head of every triplet.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations, head=True)


class Both(Sided):
    """Predicts tail and head of every triplet: ``2 b`` queries, all tails first.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        twice = Triplets(*(torch.cat([column, column]) for column in triplets))
        head = torch.arange(2, device=twice.rel_type.device).repeat_interleave(len(triplets.rel_type)) == 1
        return asked(twice, self.num_relations, head)


class Alternating(Counts, Sided):
    """Predicts the tails of all triplets in one batch and the heads in the next, as in the code of RotatE and of EMU.

    A batch of tails comes first. It needs half as many scores as :class:`Both`. All candidates of a step are on one
    side, so shared candidates suit all queries of the batch. That code goes through the data once for each side. Here
    an epoch predicts only one side of each triplet. Steps are counted in training mode, and saved in checkpoints. In
    evaluation mode the head of every second triplet of a batch is predicted.

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
    """Predicts tail or head of every triplet at random, with a probability that may depend on the relation."""

    num_relations: int

    @abstractmethod
    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """The probability of predicting the head."""

    def forward(self, triplets: Triplets, rng: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        rel_type = triplets.rel_type
        toss = torch.rand(rel_type.size(0), generator=rng, device=rel_type.device)
        return asked(triplets, self.num_relations, toss < self.chance(rel_type))


class Either(Tossed):
    """Predicts tail or head of every triplet at random, with one probability.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        head (float): Probability of predicting the head. (default: :obj:`0.5`)
    """

    def __init__(self, num_relations: int, head: float = 0.5):
        super().__init__()
        whole("Either", num_relations=num_relations)
        fraction("Either", head=head)
        self.num_relations, self.head = num_relations, head

    def chance(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return torch.full(rel_type.shape, self.head, device=rel_type.device)


class Bernoulli(Tossed):
    r"""Predicts the side with fewer false negatives more often.

    `"Knowledge Graph Embedding by Translating on Hyperplanes"
    <https://ojs.aaai.org/index.php/AAAI/article/view/8870>`_: a relation has on average :math:`a_t` tails for each head
    and :math:`a_h` heads for each tail in its training facts. The head is predicted with probability :math:`a_t / (a_t
    + a_h)`, and with probability 1/2 for a relation without facts.

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
    """Predicts the side that has one answer, if only one side has.

    A relation counts as *to many* on a side if its queries have on average ``many`` answers or more there in the
    training facts. For N-1 relations the tail is predicted, for 1-N relations the head, and for 1-1 and N-N either.

    Args:
        known (KnownAnswers): Training facts.
        many (float): The average number of answers from which on a side counts as *many*. (default: :obj:`1.5`)
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
