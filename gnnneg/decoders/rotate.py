"""RotatE."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import table, widths
from gnnneg.decoders.complex_numbers import even, modulus, times
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Modulus
from gnnneg.interfaces import Decoder


class RotatE(Decoder):
    r"""The RotatE decoder from `"RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space"
    <https://arxiv.org/abs/1902.10197>`_: a relation turns each complex coordinate by an angle,

    .. math::
        s(h, r, t) = - \sum_l \left| h_l \, e^{i \theta_{r,l}} - t_l \right| ,

    so a tied inverse relation is :math:`-\theta`. The paper's :math:`\gamma` belongs to the loss here.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Real width of the node vectors, twice the complex rank.
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(self, num_relations: int, hidden_channels: int, reciprocal: bool = False):
        super().__init__()
        widths("RotatE", hidden_channels=hidden_channels)
        table("RotatE", num_relations=num_relations, hidden_channels=hidden_channels)
        self.num_relations = num_relations
        self.similarity = Modulus()
        self.relation = Relations(num_relations, even(hidden_channels), reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new angles, uniform on the circle."""
        nn.init.uniform_(self.relation.weight, -math.pi, math.pi)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        angle, inverse = self.relation(rel_type)
        angle = torch.where(inverse, -angle, angle)
        return times(anchor, torch.cat([angle.cos(), angle.sin()], dim=1))

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return modulus(anchor), modulus(candidate)  # a rotation has modulus 1, whatever the angle
