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

    What is a few statements away from the anchor is more often true though unknown than what is far from it. Under
    :class:`~gnnneg.losses.HaSa` a positive label says who is suspected to be a false negative.

    Args:
        known (KnownAnswers): Training facts.
        hops (int): How far is near: as many statements, in either direction, or fewer. (default: :obj:`2`)
        near (float): :math:`\beta` of entities that are near. (default: :obj:`0.1`)
        far (float): :math:`\beta` of the others. (default: :obj:`0.0`)

    Raises:
        UserError: If a label lies outside :math:`[0, 1]`, or nobody can hold who is near whom in memory.
    """

    def __init__(self, known: KnownAnswers, hops: int = 2, near: float = 0.1, far: float = 0.0):
        super().__init__()
        fraction("PathLabel", near=near, far=far)
        whole("PathLabel", 0, FARTHEST, hops=hops)
        self.hops, self.near, self.far = hops, near, far
        self.reached = reached(neighbours(known), hops, hops)

    def forward(self, query: Query, index: Int[Tensor, "c k"]) -> Float[Tensor, "v j"]:
        return torch.where(self.reached.contains(query.anchor, index), self.near, self.far)
