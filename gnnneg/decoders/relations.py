"""Relation parameters, and the one convention about inverses."""

import copy

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import Parameter

from gnnneg.errors import UserError
from gnnneg.interfaces import RelationTable
from gnnneg.looked_up import looked_up


class Relations(RelationTable):
    """A row of parameters per relation. Inverse relations are tied to it, or have rows of their own.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        channels (int): Numbers per relation.
        reciprocal (bool): Whether inverse relations have their own parameters, as in `"Canonical Tensor
            Decomposition for Knowledge Base Completion" <https://arxiv.org/abs/1806.07297>`_. (default: :obj:`False`)
    """

    def __init__(self, num_relations: int, channels: int, reciprocal: bool = False):
        super().__init__()
        self.num_relations, self.reciprocal = num_relations, reciprocal
        self.weight = Parameter(torch.empty(num_relations * (2 if reciprocal else 1), channels))

    def forward(self, rel_type: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b c"], Bool[Tensor, "b 1"]]:
        """The rows, and where they still have to be inverted by the caller (never, if reciprocal)."""
        if self.reciprocal:
            return looked_up(self.weight, rel_type), torch.zeros_like(rel_type, dtype=torch.bool)[:, None]
        inverse = rel_type >= self.num_relations
        return looked_up(self.weight, rel_type - self.num_relations * inverse), inverse[:, None]

    def reading(self, states: Float[Tensor, "t c"]) -> "Relations":
        """The same table with other rows. These are no parameters and not in the state dict.

        Args:
            states (torch.Tensor): ``(2 * num_relations, c)``, inverses in the upper half.

        Raises:
            UserError: If its own rows differ from these in number or width.
        """
        wanted, had = tuple(states.shape), tuple(self.weight.shape)
        if wanted != had:
            raise UserError(
                f"The encoder's relation states are {wanted}, but the decoder reads {had}: give the decoder "
                "reciprocal: true and the encoder's width, or the encoder relation_states: false."
            )
        other = copy.copy(self)
        other._parameters, other._buffers, other._non_persistent_buffers_set = {}, {"weight": states}, {"weight"}
        return other
