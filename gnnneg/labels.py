"""Soft labels that differ from negative to negative."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Label
from gnnneg.kernels.membership import member
from gnnneg.records import Query


class SlotLabel(Label):
    r"""A larger label for entities that some training fact has in the slot asked for.

    An entity that already answers the relation for somebody is of the right type, so it may be a true answer that the
    graph lacks; one that never does is far more certainly wrong. With :class:`~gnnneg.losses.InfoNCE` the two are
    pushed to margins of :math:`\ln(1 / \beta)`: far the one, less far the other.

    Args:
        known (KnownAnswers): Training facts.
        seen (float): :math:`\beta` of entities seen in the slot. (default: :obj:`0.1`)
        unseen (float): :math:`\beta` of the others. (default: :obj:`0.0`)

    Raises:
        UserError: If a label lies outside :math:`[0, 1]`.
    """

    entity: Tensor
    offset: Tensor

    def __init__(self, known: KnownAnswers, seen: float = 0.1, unseen: float = 0.0):
        super().__init__()
        if not (0 <= seen <= 1 and 0 <= unseen <= 1):
            raise UserError(f"SlotLabel(seen={seen}, unseen={unseen}): soft labels lie between 0 and 1.")
        self.seen, self.unseen = seen, unseen
        relation = (known.key // known.num_nodes).repeat_interleave(known.offset.diff())
        slot, entity = torch.unique(torch.stack([relation, known.answer]), dim=1)
        count = torch.bincount(slot, minlength=2 * known.num_relations)
        # facts of the data set, not of the model
        self.register_buffer("entity", entity, persistent=False)
        self.register_buffer("offset", torch.cat([count.new_zeros(1), count.cumsum(0)]), persistent=False)

    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        found = member(self.entity, self.offset[query.rel_type], self.offset[query.rel_type + 1], index)
        return torch.where(found, self.seen, self.unseen)
