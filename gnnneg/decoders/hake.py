"""HAKE."""

import math
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import Parameter

from gnnneg.checks import finite, positive, table, widths
from gnnneg.decoders.complex_numbers import even
from gnnneg.decoders.mutation import mutated
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Squared, negative, root, target_of, weighed
from gnnneg.errors import UserError
from gnnneg.interfaces import Candidates, Decoder, Similarity
from gnnneg.kernels.kinds import PHASE
from gnnneg.records import Mutation


class Polar(Similarity):
    r"""The negative weighted sum of the distances of moduli and of phases,

    .. math::
        - w_m \sqrt{\sum_l (q_l - a_l c_l)^2} - w_p \sum_l \left| \sin \frac{\phi_l - \psi_l}{2} \right| .

    A query vector holds :math:`(q, \phi, a)`: the relation multiplies the candidate's moduli by :math:`a`. A candidate
    vector holds :math:`(c, \psi)`. The square under the root is expanded into two products.

    Args:
        modulus_weight (float): :math:`w_m` at the start; learned. (default: :obj:`1.0`)
        phase_weight (float): :math:`w_p` at the start; learned. (default: :obj:`0.5`)
        scale (float): A stored phase times this is an angle. (default: :obj:`1.0`)
    """

    shares_space = False

    def __init__(self, modulus_weight: float = 1.0, phase_weight: float = 0.5, scale: float = 1.0):
        super().__init__()
        finite("Polar", modulus_weight=modulus_weight, phase_weight=phase_weight)
        positive("Polar", scale=scale)
        self.scale = scale
        self.modulus_weight = Parameter(torch.tensor(float(modulus_weight)))
        self.phase_weight = Parameter(torch.tensor(float(phase_weight)))

    def forward(
        self, query: Float[Tensor, "b q"], candidates: Candidates, mutation: Mutation | None = None
    ) -> Float[Tensor, "b k"]:
        own, phase, factor = query.chunk(3, dim=1)
        square = Squared(own, candidates.map(lambda vector: vector.chunk(2, dim=-1)[0]), factor)
        angles = candidates.map(lambda vector: vector.chunk(2, dim=-1)[1] * self.scale)
        if mutation is None:
            return self._joined(square.sum(None), angles.distance(PHASE, phase))
        if mutation.pace is not None:
            raise UserError("HAKE's score is no function of one sum over coordinates, so its mutation cannot be paced.")
        reach, turn = target_of(mutation).chunk(2, dim=1)
        moduli, turns = _halves(mutation)
        far = (own - factor * reach).square()
        squared = mutated(negative(square.sum), partial(square.variance, far), -far, moduli)
        chord = ((phase - turn * self.scale) / 2).sin().abs()

        def variance(weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
            """The squared sine of half an angle is (1 - cos) / 2, and the cosine of a difference two products."""
            constant = weighed(weight, chord.square() + 0.5).sum(1, keepdim=True)
            circle = angles.map(lambda angle: torch.cat([angle.cos(), angle.sin()], -1))
            arm = torch.cat([weighed(weight, phase.cos()), weighed(weight, phase.sin())], 1)
            apart = circle.inner(-arm / 2) - 2 * angles.distance(PHASE, phase, weighed(weight, chord))
            return apart, constant, constant

        chords = mutated(negative(partial(angles.distance, PHASE, phase)), variance, -chord, turns)
        return self._joined(-squared, -chords)

    def terms(self, query: Float[Tensor, "b q"], candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        """The moduli's terms as they are under their root, which makes them comparable to each other only."""
        own, phase, factor = query[:, None].chunk(3, dim=2)
        other, angle = candidate.chunk(2, dim=2)
        far = -self.modulus_weight * (own - factor * other).square()
        turn = -self.phase_weight * ((phase - angle * self.scale) / 2).sin().abs()
        return torch.cat([far, turn], dim=2)

    def _joined(self, square: Float[Tensor, "b k"], chord: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        return -self.modulus_weight * root(square) - self.phase_weight * chord


def _halves(mutation: Mutation) -> tuple[Mutation, Mutation]:
    """What is done to moduli and what to phases, whose noise is another."""
    keep, seed = mutation.keep, mutation.noise
    one, other = keep.chunk(2, dim=1) if keep.size(1) > 1 else (keep, keep)
    return Mutation(None, one, seed), Mutation(None, other, None if seed is None else seed + 1)


class HAKE(Decoder):
    r"""The HAKE decoder from `"Learning Hierarchy-Aware Knowledge Graph Embeddings for Link Prediction"
    <https://arxiv.org/abs/1911.09419>`_: moduli tell levels of a hierarchy apart, phases entities of one level,

    .. math::
        s(h, r, t) = - w_m \left\lVert \mathbf{h}_m \circ (\mathbf{r}_m + \mathbf{b}_r)
            - \mathbf{t}_m \circ (1 - \mathbf{b}_r) \right\rVert_2
            - w_p \sum_l \left| \sin \frac{h_{p,l} + r_{p,l} - t_{p,l}}{2} \right| ,

    with :math:`\mathbf{r}_m \ge 0` and :math:`-\mathbf{r}_m \le \mathbf{b}_r \le 1`. Moduli of entities may be
    negative. The first half of a node vector holds moduli, the second phases. A tied inverse relation is the same
    formula for the head. The paper's :math:`\gamma` belongs to the loss.

    Cost: :math:`b d` for the query vectors, then one distance of moduli and of phases a candidate.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors, twice the number of moduli.
        bound (float): A stored phase of this size is the angle :math:`\pi`. The phases of relations start uniform in
            :math:`[-\text{bound}, \text{bound}]`. It should equal the encoder's bound. (default: :obj:`0.1`)
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
        widths("HAKE", hidden_channels=hidden_channels)
        table("HAKE", num_relations=num_relations, hidden_channels=hidden_channels)
        finite("HAKE", bound=bound, modulus_weight=modulus_weight, phase_weight=phase_weight)
        if not bound > 0:
            raise UserError(f"HAKE's bound is what stands for a half turn, so it is above 0, not {bound}.")
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
