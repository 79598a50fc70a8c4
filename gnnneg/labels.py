"""Soft labels that differ from negative to negative."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import FARTHEST, fraction, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import neighbours, reached, slots
from gnnneg.interfaces import SoftLabel
from gnnneg.records import Query


class SlotLabel(SoftLabel):
    r"""A larger label for entities that occur on the target's side of the relation in some training fact.

    An entity that answers the relation for another anchor has the right type, so it may be a true answer that the graph
    lacks. An entity that never does is far more certainly wrong. With :class:`~gnnneg.losses.InfoNCE` each is pushed to
    its margin :math:`\ln(1 / \beta)`, which is smaller for the first.

    Args:
        known (KnownAnswers): Training facts.
        seen (float): :math:`\beta` of entities that occur there. (default: :obj:`0.1`)
        unseen (float): :math:`\beta` of the others. (default: :obj:`0.0`)

    Raises:
        UserError: If a label is outside :math:`[0, 1]`.
    """

    def __init__(self, known: KnownAnswers, seen: float = 0.1, unseen: float = 0.0):
        super().__init__()
        fraction("SlotLabel", seen=seen, unseen=unseen)
        self.seen, self.unseen = seen, unseen
        self.slots = slots(known)

    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        return torch.where(self.slots.contains(query.rel_type, index), self.seen, self.unseen)


class PathLabel(SoftLabel):
    r"""A larger label for entities near the anchor: the path prior of `"HaSa: Hardness and Structure-Aware Contrastive
    Knowledge Graph Embedding" <https://arxiv.org/abs/2305.10563>`_.

    Entities within a few statements of the anchor are true but unknown answers more often than distant ones. Under
    :class:`~gnnneg.losses.HaSa` a positive label marks a suspected false negative.

    Args:
        known (KnownAnswers): Training facts.
        hops (int): Largest number of statements, in either direction, between the anchor and a near entity.
            (default: :obj:`2`)
        near (float): :math:`\beta` of entities that are near. (default: :obj:`0.1`)
        far (float): :math:`\beta` of the others. (default: :obj:`0.0`)

    Raises:
        UserError: If a label is outside :math:`[0, 1]`, or the sets of near entities do not fit into memory.
    """

    def __init__(self, known: KnownAnswers, hops: int = 2, near: float = 0.1, far: float = 0.0):
        super().__init__()
        fraction("PathLabel", near=near, far=far)
        whole("PathLabel", 0, FARTHEST, hops=hops)
        self.hops, self.near, self.far = hops, near, far
        self.reached = reached(neighbours(known), hops, hops)

    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        return torch.where(self.reached.contains(query.anchor, index), self.near, self.far)
