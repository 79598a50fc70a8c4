"""The networks of DANS: pathways that make vectors from a condition, and the discriminator."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gnnneg.errors import UserError

LEAK = 0.2  # slope below zero of every rectifier
NEAR = 0.1  # share of their usual size with which the last weights of a modulation start
REACH = 3.0  # made coordinates lie within so many root mean squares of real ones


class FiLM(nn.Module):
    r"""The modulation of a hidden layer by a condition, of `"FiLM: Visual Reasoning with a General Conditioning Layer"
    <https://arxiv.org/abs/1709.07871>`_: :math:`\alpha(\mathbf{c})` and :math:`\mathbf{b}(\mathbf{c})` for
    :math:`\alpha \odot \mathbf{a} + \mathbf{b}`.

    Args:
        channels (int): Width of the condition.
        width (int): Width of the layer.
        frozen (bool): Whether to follow the released code: :math:`\alpha` and :math:`\mathbf{b}` are two networks with
            random weights that are never trained. Otherwise the modulation starts near the identity, and learns.
            (default: :obj:`False`)
    """

    def __init__(self, channels: int, width: int, frozen: bool = False):
        super().__init__()
        self.still = 0.0 if frozen else 1.0
        self.scale, self.shift = _modulation(channels, width, frozen), _modulation(channels, width, frozen)
        self.requires_grad_(not frozen)

    def forward(self, condition: Float[Tensor, "b d"]) -> tuple[Float[Tensor, "b w"], Float[Tensor, "b w"]]:
        return self.still + self.scale(condition), self.shift(condition)


def _modulation(channels: int, width: int, frozen: bool) -> nn.Sequential:
    """Two layers without bias. The release has a ReLU after the second too, so few values are below zero."""
    layers = [nn.Linear(channels, width, bias=False), nn.LeakyReLU(LEAK), nn.Linear(width, width, bias=False)]
    if frozen:
        return nn.Sequential(*layers, nn.LeakyReLU(LEAK))
    with torch.no_grad():
        layers[-1].weight.mul_(NEAR)  # type: ignore[operator]
    return nn.Sequential(*layers)


class Pathway(nn.Module):
    r"""Makes vectors around a condition: with :math:`\mathbf{x}_0 = \mathbf{c} + \epsilon`,

    .. math::
        \mathbf{x}_i = \alpha_i(\mathbf{c}) \odot \sigma(\mathbf{W}_i \mathbf{x}_{i - 1} + \mathbf{w}_i)
            + \mathbf{b}_i(\mathbf{c}) , \qquad
        \mathbf{z} = 3 \tanh \bigl( \tfrac{1}{3} (\mathbf{W}_3 \mathbf{x}_2 + \mathbf{w}_3) \bigr) .

    The initial weights keep the lengths of vectors from layer to layer. With torch's own initial weights the lengths
    shrink, and conditions become hard to tell apart.

    Args:
        channels (int): Width of conditions and of vectors.
        width (int): Width of the two hidden layers.
        film (bool): Whether they are modulated.
        frozen (bool): Whether the modulation is the release's, never trained.
        normed (bool): Whether hidden layers are normalised as in the release, with :math:`\epsilon = 0.8`.
    """

    def __init__(self, channels: int, width: int, film: bool, frozen: bool = False, normed: bool = False):
        super().__init__()
        self.hidden = nn.ModuleList([_layer(channels, width), _layer(width, width)])
        self.output = _layer(width, channels)
        self.film = nn.ModuleList(FiLM(channels, width, frozen) for _ in range(2 * film))
        self.norm = nn.ModuleList(nn.BatchNorm1d(width, eps=0.8) for _ in range(2 * normed))

    def forward(
        self, condition: Float[Tensor, "b d"], noise: Float[Tensor, "b m d"]
    ) -> tuple[Float[Tensor, "b m d"], Float[Tensor, "b"]]:
        r"""Vectors, with coordinates within :math:`(-3, 3)`, and the distance of each condition's modulation from the
        identity, :math:`\sum_i \lVert \alpha_i - 1 \rVert^2 + \lVert \mathbf{b}_i \rVert^2`.

        Raises:
            UserError: In training, if there is only one vector to normalise.
        """
        if self.norm and self.training and noise.size(0) * noise.size(1) == 1:
            raise UserError(
                "DANS with batch_norm normalises over the vectors of a batch, and there is only one: choose a "
                "batch_size that leaves more than one query for the last batch, or make more negatives."
            )
        vector, away = condition[:, None] + noise, condition.new_zeros(len(condition))
        for place, layer in enumerate(self.hidden):
            vector = F.leaky_relu(layer(vector), LEAK)
            if self.film:
                scale, shift = self.film[place](condition)
                vector = scale[:, None] * vector + shift[:, None]
                away = away + (scale - 1).square().sum(1) + shift.square().sum(1)
            if self.norm:
                vector = F.leaky_relu(self.norm[place](vector.flatten(0, 1)).view_as(vector), LEAK)
        return REACH * torch.tanh(self.output(vector) / REACH), away


class Discriminator(nn.Module):
    """Tells whether vectors are real, and which of two pathways made them, as logits ``(*s, 2)``.

    A trunk of ``channels -> width / 2 -> 8 width / 25`` and two heads of half and a quarter of that: 100 - 50 - 32 and
    16 - 8 - 1 in the paper's code. Unlike in that code, the heads also have ReLUs between their layers.

    Args:
        channels (int): Width of vectors, plus that of the query vector if it is part of the input.
        width (int): Width that scales all layers.
        lipschitz (bool): Whether every layer is divided by its largest singular value.
    """

    def __init__(self, channels: int, width: int, lipschitz: bool = False):
        super().__init__()
        last = max(4, 8 * width // 25)
        self.trunk = _layers([channels, max(4, width // 2), last], lipschitz)
        self.heads = nn.ModuleList(_layers([last, last // 2, last // 4, 1], lipschitz) for _ in range(2))

    def forward(self, vector: Float[Tensor, "*s d"]) -> Float[Tensor, "*s 2"]:
        seen = F.leaky_relu(self.trunk(vector), LEAK)
        return torch.cat([head(seen) for head in self.heads], dim=-1)


def _layer(one: int, other: int) -> nn.Linear:
    """A layer that initially keeps lengths, as far as a ReLU allows."""
    layer = nn.Linear(one, other)
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    nn.init.zeros_(layer.bias)
    return layer


def _layers(sizes: list[int], lipschitz: bool) -> nn.Sequential:
    """Linear layers with ReLUs between them."""
    made: list[nn.Module] = []
    for one, other in pairwise(sizes):
        layer = _layer(one, other)
        made += [spectral_norm(layer) if lipschitz else layer, nn.LeakyReLU(LEAK)]
    return nn.Sequential(*made[:-1])
