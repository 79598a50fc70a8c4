"""CompGCN's compositions of a neighbour and its relation."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.interfaces import Part


class Composition(Part, ABC):
    """One vector of a node and a relation, of the same width."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "m d"], relation: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
        """Node and relation vectors, row by row."""


class Subtraction(Composition):
    """As in TransE: the node minus the relation."""

    def forward(self, x: Float[Tensor, "m d"], relation: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
        return x - relation


class Multiplication(Composition):
    """As in DistMult: the product, coordinate by coordinate."""

    def forward(self, x: Float[Tensor, "m d"], relation: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
        return x * relation


class Correlation(Composition):
    r"""As in HolE: the circular correlation :math:`(\mathbf{x} \star \mathbf{z})_k = \sum_i x_i \, z_{(i + k) \bmod
    d}`, by Fourier transforms.
    """

    def forward(self, x: Float[Tensor, "m d"], relation: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
        if not len(x):  # MKL transforms no empty batch
            return x * relation
        return torch.fft.irfft(torch.fft.rfft(x).conj() * torch.fft.rfft(relation), n=x.size(1))
