"""Entities of the target's type."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import draws, whole
from gnnneg.data.pools import Pools
from gnnneg.interfaces import Sampler, Scorer
from gnnneg.records import Negatives, Query


class Typed(Sampler):
    r"""Draws a type of the target, then an entity of that type, each with equal probability,

    .. math::
        q(u \mid t) = \frac{1}{\lvert T_t \rvert} \sum_{c \in T_t \cap T_u} \frac{1}{\lvert c \rvert} .

    Types are those of the data set (``data["entity"].type``); without these, the positions of an entity in the training
    facts are its types: *has a birthplace*, *is somebody's birthplace*. A target without a type gives weight 0.

    Cost: two random numbers and two look-ups a candidate.

    Args:
        types (Pools): The entities of each type.
        num_nodes (int): Number of entities.
        num_negatives (int): Candidates per query.
    """

    def __init__(self, types: Pools, num_nodes: int, num_negatives: int):
        super().__init__()
        whole("Typed", num_nodes=num_nodes)
        draws("Typed", num_negatives=num_negatives)
        self.types, self.num_negatives = types, num_negatives
        self.of = types.transpose(num_nodes)

    def forward(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, rng: torch.Generator | None = None
    ) -> Negatives:
        kind = self.of.draw(target[:, None].expand(-1, self.num_negatives), rng)
        there = self.of.length(target)[:, None] > 0
        return Negatives(self.types.draw(kind, rng), there.float())

    def log_prob(
        self, query: Query, target: Int[Tensor, "b"], critic: Scorer, index: Int[Tensor, "c k"]
    ) -> Float[Tensor, "w l"]:
        prob = torch.zeros(len(target), index.size(1), device=target.device)
        count = self.of.length(target)
        for place in range(int(count.max()) if len(target) else 0):  # the target's first type, its second, ...
            here = place < count
            kind = self.of.member[torch.where(here, self.of.offset[target] + place, 0)]
            prob += here[:, None] * self.types.log_prob(kind, index).exp()
        return (prob / count[:, None].clamp(min=1)).log()
