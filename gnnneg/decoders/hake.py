"""HAKE."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.decoders.complex_numbers import even
from gnnneg.decoders.relations import Relations
from gnnneg.interfaces import Decoder, Similarity
from gnnneg.kernels.gather_score import gather_inner, gather_phase
from gnnneg.kernels.pairwise import pairwise_phase


class Polar(Similarity):
    r"""The negative weighted sum of the distances of moduli and of phases,

    .. math::
        - w_m \sqrt{\sum_l (q_l - a_l c_l)^2} - w_p \sum_l \left| \sin \frac{\phi_l - \psi_l}{2} \right| .

    A query vector holds :math:`(q, \phi, a)`, where :math:`a` is what the relation does to the candidate's moduli; a
    candidate vector holds :math:`(c, \psi)`. The square under the root is expanded into two products.

    Args:
        modulus_weight (float): :math:`w_m` at the start; learned. (default: :obj:`1.0`)
        phase_weight (float): :math:`w_p` at the start; learned. (default: :obj:`0.5`)
        scale (float): What a stored phase is multiplied by to be an angle. (default: :obj:`1.0`)
    """

    def __init__(self, modulus_weight: float = 1.0, phase_weight: float = 0.5, scale: float = 1.0):
        super().__init__()
        self.scale = scale
        self.modulus_weight = Parameter(torch.tensor(float(modulus_weight)))
        self.phase_weight = Parameter(torch.tensor(float(phase_weight)))

    def forward(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        modulus, phase, factor = query.chunk(3, dim=1)
        if candidate.size(0) == 1:
            other, angle = candidate[0].chunk(2, dim=1)
            square = (factor.square() @ other.square().T) - 2 * (modulus * factor) @ other.T
            return self._joined(modulus, square, pairwise_phase(phase, angle * self.scale))
        other, angle = candidate.chunk(2, dim=2)
        difference = modulus[:, None] - factor[:, None] * other
        chord = ((phase[:, None] - angle * self.scale) / 2).sin().abs().sum(2)
        return self._joined(None, difference.square().sum(2), chord)

    def gather(
        self, query: Float[Tensor, "b q"], table: Float[Tensor, "n d"], index: Int[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        modulus, phase, factor = query.chunk(3, dim=1)
        other, angle = table.chunk(2, dim=1)
        square = gather_inner(factor.square(), other.square(), index) - 2 * gather_inner(modulus * factor, other, index)
        return self._joined(modulus, square, gather_phase(phase, angle * self.scale, index))

    def _joined(
        self, modulus: Float[Tensor, "b h"] | None, square: Float[Tensor, "b k"], chord: Float[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        if modulus is not None:
            square = square + modulus.square().sum(1, keepdim=True)
        # what cancellation leaves of a distance of zero may be below it; there the gradient is zero
        tiny = torch.finfo(square.dtype).tiny
        return -self.modulus_weight * square.clamp(min=tiny).sqrt() - self.phase_weight * chord


class HAKE(Decoder):
    r"""The HAKE decoder from `"Learning Hierarchy-Aware Knowledge Graph Embeddings for Link Prediction"
    <https://arxiv.org/abs/1911.09419>`_: moduli tell levels of a hierarchy apart, phases entities of one level,

    .. math::
        s(h, r, t) = - w_m \left\lVert \mathbf{h}_m \circ (\mathbf{r}_m + \mathbf{b}_r)
            - \mathbf{t}_m \circ (1 - \mathbf{b}_r) \right\rVert_2
            - w_p \sum_l \left| \sin \frac{h_{p,l} + r_{p,l} - t_{p,l}}{2} \right| ,

    with :math:`\mathbf{r}_m \ge 0` and :math:`-\mathbf{r}_m \le \mathbf{b}_r \le 1`. Moduli of entities may be
    negative. The first half of a node vector holds moduli, the second phases; a tied inverse relation asks the same
    formula for the head. The paper's :math:`\gamma` belongs to the loss.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors, twice the number of moduli.
        bound (float): A stored phase of this size is the angle :math:`\pi`, and relations' phases start uniform in
            :math:`[-\text{bound}, \text{bound}]`; it should be the encoder's own bound. (default: :obj:`0.1`)
        modulus_weight (float): :math:`w_m` at the start; learned. (default: :obj:`1.0`)
        phase_weight (float): :math:`w_p / \text{bound}` at the start, as in the paper's code; :math:`w_p` is learned.
            (default: :obj:`0.5`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        bound: float = 0.1,
        modulus_weight: float = 1.0,
        phase_weight: float = 0.5,
        reciprocal: bool = False,
    ):
        super().__init__()
        if not bound > 0:
            raise ValueError(f"HAKE's bound is what stands for a half turn, so it is above 0, not {bound}.")
        self.num_relations, self.bound, self.scale = num_relations, bound, math.pi / bound
        self.similarity = Polar(modulus_weight, phase_weight * bound, self.scale)
        self.relation = Relations(num_relations, 3 * even(hidden_channels), reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts relations with moduli of one, uniform phases and no bias."""
        modulus, phase, bias = self.relation.weight.detach().chunk(3, dim=1)
        nn.init.ones_(modulus)
        nn.init.uniform_(phase, -self.bound, self.bound)
        nn.init.zeros_(bias)

    def _relation(self, rel_type: Int[Tensor, "b"]) -> tuple[Tensor, ...]:
        row, inverse = self.relation(rel_type)
        modulus, phase, bias = row.chunk(3, dim=1)
        modulus = modulus.abs()
        bias = torch.maximum(bias.clamp(max=1), -modulus)
        return modulus + bias, 1 - bias, phase * self.scale, inverse

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        of_head, of_tail, angle, inverse = self._relation(rel_type)
        modulus, phase = anchor.chunk(2, dim=1)
        phase = phase * self.scale
        return torch.cat(
            [
                modulus * torch.where(inverse, of_tail, of_head),
                torch.where(inverse, phase - angle, phase + angle),
                torch.where(inverse, of_head, of_tail),
            ],
            dim=1,
        )

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        of_head, of_tail, _, _ = self._relation(rel_type)
        return anchor.chunk(2, dim=1)[0].abs(), of_head, of_tail, candidate.chunk(2, dim=1)[0].abs()
