"""What a network that asks the graph sends along an edge, and what a node makes of all that arrives."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.interfaces import Part
from gnnneg.kernels.relational import ALL, EXTREME, PRODUCT, ROTATION, SUM, TOTAL, Arrived


class Message(Part, ABC):
    """What becomes of a node's state along an edge."""

    kind: ClassVar[int]

    def columns(self, x: Float[Tensor, "m b d"]) -> Float[Tensor, "m c"]:
        """The states for all queries beside each other, ``(m, b, d) -> (m, b * d)``."""
        return x.reshape(len(x), -1)

    def states(self, columns: Float[Tensor, "m c"], size: int) -> Float[Tensor, "m b d"]:
        """The way back, ``size`` being ``b``."""
        return columns.view(len(columns), size, -1) if columns.numel() else columns.view(0, size, 0)


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
        if not columns.numel():
            return columns.view(0, size, 0)
        return columns.view(len(columns), 2, size, -1).transpose(1, 2).flatten(2)


class Aggregation(Part, ABC):
    """What a node makes of its messages, of which the boundary is one more."""

    want: ClassVar[int]
    sign: ClassVar[float] = 1.0
    features: ClassVar[int] = 1
    """How many vectors of the states' width it tells."""
    scales: ClassVar[int] = 1
    """How often it tells them, each time multiplied by something else."""

    @abstractmethod
    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        """``(n, b, features * d)`` of what arrived, ``(n, b, d)`` each, and of how many messages, boundary included."""

    def scaled(self, degree: Float[Tensor, "n"]) -> list[Float[Tensor, "n"]]:
        """What the features are multiplied by, each time they are told."""
        return [torch.ones_like(degree)]


class Sum(Aggregation):
    """All messages added up."""

    want = TOTAL

    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        return arrived.total + boundary


class Mean(Aggregation):
    """Their mean."""

    want = TOTAL

    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        return (arrived.total + boundary) / degree[:, None, None]


class Max(Aggregation):
    """The largest of each coordinate."""

    want = EXTREME

    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        return torch.maximum(arrived.high, boundary)


class Min(Aggregation):
    """The smallest of each coordinate."""

    want = EXTREME
    sign = -1.0

    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        return torch.minimum(arrived.high, boundary)


class PNA(Aggregation):
    r"""Mean, maximum, minimum and standard deviation, each as it is, times :math:`s` and over :math:`s`, of
    `"Principal Neighbourhood Aggregation for Graph Nets" <https://arxiv.org/abs/2004.05718>`_: :math:`s` is the
    logarithm of the number of messages, over its mean in the graph.
    """

    want = ALL
    features = 4
    scales = 3

    def forward(
        self, arrived: Arrived, boundary: Float[Tensor, "n b d"], degree: Float[Tensor, "n"]
    ) -> Float[Tensor, "n b f"]:
        count = degree[:, None, None]
        mean = (arrived.total + boundary) / count
        square = (arrived.squares + boundary**2) / count
        deviation = (square - mean**2).clamp(min=1e-6).sqrt()
        high, low = torch.maximum(arrived.high, boundary), torch.minimum(arrived.low, boundary)
        return torch.cat([mean, high, low, deviation], dim=2)

    def scaled(self, degree: Float[Tensor, "n"]) -> list[Float[Tensor, "n"]]:
        scale = degree.log()
        scale = scale / scale.mean().clamp(min=1e-6)  # a graph without edges has no mean to speak of
        return [torch.ones_like(scale), scale, 1 / scale.clamp(min=0.01)]
