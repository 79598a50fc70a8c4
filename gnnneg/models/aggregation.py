"""What a network that asks the graph sends along an edge, and what a node makes of all that arrives."""

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
    """What becomes of a node's state along an edge."""

    kind: ClassVar[int]

    def columns(self, x: Float[Tensor, "m b d"]) -> Float[Tensor, "m c"]:
        """The states for all queries beside each other, ``(m, b, d) -> (m, b * d)``."""
        return x.reshape(len(x), -1)

    def states(self, columns: Float[Tensor, "m c"], size: int) -> Float[Tensor, "m b d"]:
        """The way back, ``size`` being ``b``."""
        return columns.view(len(columns), size, -1)


class Product(Message):
    r""":math:`\mathbf{h} \odot \mathbf{w}`, as DistMult does."""

    kind = PRODUCT


class Translation(Message):
    r""":math:`\mathbf{h} + \mathbf{w}`, as TransE does."""

    kind = SUM


class Rotation(Message):
    r""":math:`\mathbf{h} \odot \mathbf{w}` of complex vectors (their halves real and imaginary), as RotatE does, but
    with moduli that are free.
    """

    kind = ROTATION

    def columns(self, x: Float[Tensor, "m b d"]) -> Float[Tensor, "m c"]:
        return x.unflatten(2, (2, -1)).transpose(1, 2).reshape(len(x), -1)  # all real parts come first

    def states(self, columns: Float[Tensor, "m c"], size: int) -> Float[Tensor, "m b d"]:
        return columns.view(len(columns), 2, size, -1).transpose(1, 2).flatten(2)


@dataclass(frozen=True)
class Arriving:
    """What arrives at each node: messages along edges, and the boundary.

    Args:
        message (Message): What becomes of a state along an edge.
        states (torch.Tensor): The nodes' states for each query, ``(n, b, d)``.
        relation (torch.Tensor): The relations' vectors for each query, ``(t, b, d)``.
        edges (Edges): The edges, sorted.
        weight (torch.Tensor): What each edge counts, 0 meaning that it is not there, ``(e,)``.
        boundary (torch.Tensor): The state before the first step, ``(n, b, d)``.
        degree (torch.Tensor): How many arrive at each node, the boundary too, ``(n,)``.
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
        """What kernels read: states and relations in columns, the edges, and what these count."""
        return self.message.columns(self.states), self.message.columns(self.relation), self.edges, self.weight


class Aggregation(Part, ABC):
    """What a node makes of its messages, of which the boundary is one more."""

    features: ClassVar[int] = 1
    """How many vectors of the states' width it tells."""
    scales: ClassVar[int] = 1
    """How often it tells them, each time multiplied by something else."""

    @abstractmethod
    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        """``(n, b, features * d)``, of all that arrives."""

    def scaled(self, degree: Float[Tensor, "n"]) -> list[Float[Tensor, "n"]]:
        """What the features are multiplied by, each time they are told."""
        return [torch.ones_like(degree)]


class Added(Aggregation, ABC):
    """The sum of all messages, or what is made of it."""

    def forward(self, arriving: Arriving) -> Float[Tensor, "n b f"]:
        total = propagate(*arriving.sent, arriving.message.kind).total
        states = arriving.message.states(total, arriving.states.size(1))
        return self.of(states + arriving.boundary, arriving.degree)

    @abstractmethod
    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        """What is made of the sum of ``degree`` messages."""


class Sum(Added):
    """All messages added up."""

    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        return total


class Mean(Added):
    """Their mean."""

    def of(self, total: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]) -> Float[Tensor, "n b d"]:
        return total / degree[:, None, None]


class Extreme(Aggregation, ABC):
    """One message of all, coordinate by coordinate."""

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
    r"""Mean, maximum, minimum and standard deviation, each as it is, times :math:`s` and over :math:`s`, of
    `"Principal Neighbourhood Aggregation for Graph Nets" <https://arxiv.org/abs/2004.05718>`_: :math:`s` is the
    logarithm of the number of messages, over its mean in the graph.
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
