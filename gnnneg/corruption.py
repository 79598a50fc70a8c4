"""Which slot of a triplet is asked for. Row ``i`` of the triplets becomes query ``i`` (and ``i + b``, if both are)."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.interfaces import Corruption
from gnnneg.records import Query, Triplets, asked


class Tail(Corruption):
    """Asks every triplet for its tail.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def __init__(self, num_relations: int):
        super().__init__()
        self.num_relations = num_relations

    def forward(self, triplets: Triplets, generator: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations)


class Head(Corruption):
    """Asks every triplet for its head.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def __init__(self, num_relations: int):
        super().__init__()
        self.num_relations = num_relations

    def forward(self, triplets: Triplets, generator: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        return asked(triplets, self.num_relations, head=True)


class Both(Corruption):
    """Asks every triplet for its tail and for its head: ``2 b`` queries, all tails first.

    Args:
        num_relations (int): Number of relations, inverses not counted.
    """

    def __init__(self, num_relations: int):
        super().__init__()
        self.num_relations = num_relations

    def forward(self, triplets: Triplets, generator: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        twice = Triplets(*(torch.cat([column, column]) for column in triplets))
        head = torch.arange(2, device=twice.rel_type.device).repeat_interleave(len(triplets.rel_type)) == 1
        return asked(twice, self.num_relations, head)


class Either(Corruption):
    """Asks every triplet for its tail or its head, by the toss of a coin.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        head (float): Probability of asking for the head. (default: :obj:`0.5`)
    """

    def __init__(self, num_relations: int, head: float = 0.5):
        super().__init__()
        self.num_relations, self.head = num_relations, head

    def forward(self, triplets: Triplets, generator: torch.Generator | None = None) -> tuple[Query, Int[Tensor, "q"]]:
        rel_type = triplets.rel_type
        toss = torch.rand(rel_type.size(0), generator=generator, device=rel_type.device)
        return asked(triplets, self.num_relations, toss < self.head)
