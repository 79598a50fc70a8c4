"""DistMult."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Inner
from gnnneg.interfaces import Decoder


class DistMult(Decoder):
    r"""The DistMult decoder from `"Embedding Entities and Relations for Learning and Inference in Knowledge Bases"
    <https://arxiv.org/abs/1412.6575>`_: a relation scales the coordinates,

    .. math::
        s(h, r, t) = \sum_l h_l \, r_l \, t_l ,

    so it is symmetric in head and tail, and a tied inverse relation is the relation itself.

    Cost: :math:`b d` for the query vectors, then one inner product a candidate.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        bound (float): Relations start uniform in :math:`[-\text{bound}, \text{bound}]`. (default: :obj:`0.1`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(self, num_relations: int, hidden_channels: int, bound: float = 0.1, reciprocal: bool = False):
        super().__init__()
        widths("DistMult", hidden_channels=hidden_channels)
        table("DistMult", num_relations=num_relations, hidden_channels=hidden_channels)
        not_negative("DistMult", bound=bound)
        self.num_relations, self.bound = num_relations, bound
        self.similarity = Inner()
        self.relation = Relations(num_relations, hidden_channels, reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new relation vectors."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        return anchor * self.relation(rel_type)[0]

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return anchor.abs(), self.relation(rel_type)[0].abs(), candidate.abs()

    def images(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        return self(anchor, rel_type), self(candidate, rel_type)

    def aligned(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        return candidate * (self.relation(rel_type)[0].square() + anchor.square())

    def pairing(
        self, anchor: Float[Tensor, "b d"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "r c"]]:
        every = torch.arange(len(self.relation.weight), device=anchor.device)  # a tied inverse is the relation itself
        return anchor * candidate, self.relation(every)[0]
