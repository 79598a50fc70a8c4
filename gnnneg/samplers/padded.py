"""One sampler for the places where another one has no candidates."""

import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.errors import UserError
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query
from gnnneg.samplers.composed import Composed


class Padded(Composed):
    """Puts another sampler's candidates in the places where those of the first have weight 0.

    ``Padded(Denied(8), Filtered(Uniform(8)))`` gives the denied answers of a query, and fills up to eight with random
    ones.

    Cost: that of both samplers.

    Args:
        first (Sampler): Its candidates are preferred.
        rest (Sampler): Offers as many candidates as the first.

    Raises:
        UserError: When called, if the two offer different numbers of candidates.
    """

    def __init__(self, first: Sampler, rest: Sampler):
        super().__init__()
        self.first, self.rest = first, rest

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        first, rest = (sampler(query, target, critic, rng) for sampler in (self.first, self.rest))
        if first.index.size(1) != rest.index.size(1):
            raise UserError(
                f"Padded(first={type(self.first).__name__}) offers {first.index.size(1)} candidates and "
                f"rest={type(self.rest).__name__} {rest.index.size(1)}: give both one num_negatives."
            )
        there = first.weight > 0
        return Negatives(torch.where(there, first.index, rest.index), torch.where(there, first.weight, rest.weight))
