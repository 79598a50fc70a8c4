"""The messages of NBFNet along edges, and their aggregation at a node."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.interfaces import Part
from gnnneg.kernels.pna import pna
from gnnneg.kernels.relational import EXTREME, PRODUCT, ROTATION, SUM, Edges, propagate


class Message(Part, ABC):
    """How an edge changes a node's state."""

    kind: ClassVar[int]

    def columns(self, x: Float[Tensor, "m b d"]) -> Float[Tensor, "m c"]:
        """The states for all queries side by side, ``(m, b, d) -> (m, b * d)``."""
        return x.reshape(len(x), -1)

    def states(self, columns: Float[Tensor, "m c"], size: int) -> Float[Tensor, "m b d"]:
        """The inverse of :meth:`columns`; ``size`` is ``b``."""
        return columns.view(len(columns), size, -1)


class Product(Message):
    r""":math:`\mathbf{h} \odot \mathbf{w}`, as DistMult does."""

    kind = PRODUCT


class Translation(Message):
    r""":math:`\mathbf{h} + \mathbf{w}`, as TransE does."""

    kind = SUM


class Rotation(Message):
    r""":math:`\mathbf{h} \odot \mathbf{w}` of complex vectors (their halves real and imaginary), as in RotatE, but with
    free moduli.
    """

    kind = ROTATION

    def columns(self, x: Float[Tensor, "m b d"]) -> Float[Tensor, "m c"]:
        return x.unflatten(2, (2, -1)).transpose(1, 2).reshape(len(x), -1)  # all real parts come first

    def states(self, columns: Float[Tensor, "m c"], size: int) -> Float[Tensor, "m b d"]:
        return columns.view(len(columns), 2, size, -1).transpose(1, 2).flatten(2)


@dataclass(frozen=True)
class Arriving:
    """The messages that arrive at each node: those along edges, and the boundary.

    Args:
        message (Message): How an edge changes a state.
        states (torch.Tensor): The nodes' states for each query, ``(n, b, d)``.
        relation (torch.Tensor): The relations' vectors for each query, ``(t, b, d)``.
        edges (Edges): The edges, sorted.
        weight (torch.Tensor): The weight of each edge, ``(e,)``; 0 means that it is absent.
        boundary (torch.Tensor): The state before the first step, ``(n, b, d)``.
        degree (torch.Tensor): The number of messages at each node, including the boundary, ``(n,)``.
    """

    message: Message
    states: Float[Tensor, "n b d"]
    relation: Float[Tensor, "t b d"]
    edges: Edges
    weight: Float[Tensor, "e"]
    boundary: Float[Tensor, "n b d"]
    degree: Float[Tensor, "n"]

    @property
    def sent(self) -> tuple[Float[Tensor, "n c"], Float[Tensor, "t c"], Edges, Float[Tensor, "e"]]:
        """The input of kernels: states and relations in columns, the edges, and their weights."""
        return self.message.columns(self.states), self.message.columns(self.relation), self.edges, self.weight


class Aggregation(Part, ABC):
    """Combines the messages at a node, including the boundary."""

    features: ClassVar[int] = 1
    """The number of vectors of the states' width in its result."""
    scales: ClassVar[int] = 1
    """How often the result repeats them, each time with another factor."""

    @abstractmethod
    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        """``(n, b, features * d)``, computed from all arriving messages."""

    def scaled(self, degree: Float[Tensor, "n"]) -> list[Float[Tensor, "n"]]:
        """The factor of the features at each repetition."""
        return [torch.ones_like(degree)]


class Added(Aggregation, ABC):
    """The sum of all messages, or a function of it."""

    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        total = propagate(*arriving.sent, arriving.message.kind).total
        states = arriving.message.states(total, arriving.states.size(1))
        return self.of(states + arriving.boundary, arriving.degree)

    @abstractmethod
    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        """The function of the sum of ``degree`` messages."""


class Sum(Added):
    """All messages added up."""

    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        return total


class Mean(Added):
    """Their mean."""

    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        return total / degree[:, None, None]


class Extreme(Aggregation, ABC):
    """One of all messages, coordinate by coordinate."""

    sign: ClassVar[float]

    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        told = propagate(*arriving.sent, arriving.message.kind, EXTREME, self.sign).high
        high = arriving.message.states(told, arriving.states.size(1))
        return torch.maximum(high, arriving.boundary) if self.sign > 0 else torch.minimum(high, arriving.boundary)


class Max(Extreme):
    """The largest of each coordinate."""

    sign = 1.0


class Min(Extreme):
    """The smallest of each coordinate."""

    sign = -1.0


class PNA(Aggregation):
    r"""Mean, maximum, minimum and standard deviation, each unchanged, times :math:`s` and divided by :math:`s`, of
    `"Principal Neighbourhood Aggregation for Graph Nets" <https://arxiv.org/abs/2004.05718>`_: :math:`s` is the
    logarithm of the number of messages, divided by its mean in the graph.
    """

    features = 4
    scales = 3

    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        message, (num_nodes, size, width) = arriving.message, arriving.states.shape
        turned = isinstance(message, Rotation)  # pairs are halves of all columns
        side = size * width if turned else width
        told = pna(message.kind, *arriving.sent, message.columns(arriving.boundary), arriving.degree, side)
        if not turned:
            return told.view(num_nodes, size, 4 * width)
        return torch.cat([message.states(one, size) for one in told.chunk(4, 1)], dim=2)

    def scaled(self, degree: Float[Tensor, "n"]) -> list[Float[Tensor, "n"]]:
        scale = degree.log()
        scale = scale / scale.mean().clamp(min=1e-6)  # a graph without edges has no mean to speak of
        return [torch.ones_like(scale), scale, 1 / scale.clamp(min=0.01)]
