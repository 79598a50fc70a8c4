"""A network that makes the target's vector, trained against the model."""

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.checks import draws, fraction, not_negative, step_size, table, widths
from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator
from gnnneg.records import Made, ones
from gnnneg.stateful import OwnOptimizer


class GNDN(OwnOptimizer, Generator):
    r"""Maps anchor and relation to a vector, and is trained so that the model scores this vector high.

    GN+DN, of Zeng, Liu and Zheng, `arXiv 2004.07265 <https://arxiv.org/abs/2004.07265>`_: with noise :math:`\epsilon`
    and an embedding :math:`\mathbf{g}_r` of its own for each relation, inverses too,

    .. math::
        \mathbf{u} = \mathrm{MLP}(\mathbf{a} \,\Vert\, \mathbf{g}_r \,\Vert\, \epsilon) , \qquad
        \hat{\mathbf{z}} = \lVert \mathbf{z}^+ \rVert \, \frac{\mathbf{u}}{\lVert \mathbf{u} \rVert} , \qquad
        \ell_G = \mathrm{softplus}(-s(\hat{\mathbf{z}})) .

    The length is the target's, because otherwise an inner product could become arbitrarily large. At each call in
    training mode its own optimiser takes one step down :math:`\ell_G` with the model fixed. Then it makes the negatives
    for the model, whose gradient stops at their vectors. There is one pathway, and no discriminator except the model.
    The generator is always in full precision, because its optimiser has no loss scaling.

    Cost: a network of :math:`3 d \cdot w + w \cdot d` weights for each negative, forward twice and backward once.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width :math:`d` of the node vectors.
        num_negatives (int): Vectors made for each query. (default: :obj:`1`)
        width (int): Width :math:`w` of the hidden layer. (default: :obj:`128`)
        lr (float): Step size of its own Adam. (default: :obj:`0.001`)
        soft_label (float): Soft label of the generated negatives. (default: :obj:`0.0`)
        scale (float): Weight of the term. With 1, and a loss that sums over negatives, each counts as much as a sampled
            one. (default: :obj:`1.0`)

    Raises:
        UserError: If it would make nothing, or the model has another width.
    """

    renamed: ClassVar = {"label": "soft_label"}

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        num_negatives: int = 1,
        width: int = 128,
        lr: float = 1e-3,
        soft_label: float = 0.0,
        scale: float = 1.0,
    ):
        super().__init__()
        draws("GNDN", num_negatives=num_negatives)
        widths("GNDN", hidden_channels=hidden_channels, width=width)
        table("GNDN", num_relations=num_relations, hidden_channels=hidden_channels)
        step_size("GNDN", lr=lr)
        fraction("GNDN", soft_label=soft_label)
        not_negative("GNDN", scale=scale)
        self.hidden_channels, self.num_negatives = hidden_channels, num_negatives
        self.soft_label, self.scale = soft_label, scale
        self.relation = nn.Embedding(2 * num_relations, hidden_channels)
        self.network = nn.Sequential(
            nn.Linear(3 * hidden_channels, width), nn.LeakyReLU(0.2), nn.Linear(width, hidden_channels)
        )
        self.lr = lr

    def new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr, fused=True)

    def forward(self, drawn: Drawn) -> Made:
        return Made(drawn.scorer.decode(self.vectors(drawn)), ones(drawn.target[:, None]), self.soft_label, self.scale)

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        # not in half precision: autocast keeps copies of weights, from before a step too, and small gradients are lost
        with torch.autocast(drawn.target.device.type, enabled=False):
            given = self._given(drawn)  # asked once: an encoder that samples would draw others
            if self.training:
                self._learn(drawn, given)
            with torch.no_grad():
                return self._make(drawn, given)

    def kinds(self) -> dict[str, int]:
        return {"made": self.num_negatives}

    def trained(self) -> Iterator[Parameter]:
        yield from ()

    def _given(self, drawn: Drawn) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b 1"]]:
        """The anchors' vectors, and the lengths of the targets'."""
        anchor, positive = drawn.scorer.anchors(drawn.query).detach().float(), drawn.positive.detach().float()
        if anchor.size(1) != self.hidden_channels:
            raise UserError(f"GNDN has {self.hidden_channels} hidden_channels, the model's vectors {anchor.size(1)}.")
        return anchor, positive.norm(dim=1, keepdim=True)

    def _make(self, drawn: Drawn, given: tuple[Tensor, Tensor]) -> Float[Tensor, "b m d"]:
        anchor, length = given
        size = len(anchor), self.num_negatives, self.hidden_channels
        noise = torch.randn(size, generator=drawn.rng, device=anchor.device)
        relation = self.relation(drawn.query.rel_type)
        vectors = [anchor[:, None].expand(size), relation[:, None].expand(size), noise]
        return length[:, None] * F.normalize(self.network(torch.cat(vectors, dim=2)), dim=2)

    def _learn(self, drawn: Drawn, given: tuple[Tensor, Tensor]) -> None:
        """One step towards higher scores; the model's parameters get no gradient."""
        with torch.enable_grad():
            score = drawn.scorer.decode(self._make(drawn, given)).float()
            self.descend(F.softplus(-score).mean(), list(self.parameters()))
