"""ComplEx."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative, table, widths
from gnnneg.decoders.complex_numbers import conjugate, even, modulus, times
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Inner
from gnnneg.interfaces import Decoder


class ComplEx(Decoder):
    r"""The ComplEx decoder from `"Complex Embeddings for Simple Link Prediction"
    <https://arxiv.org/abs/1606.06357>`_,

    .. math::
        s(h, r, t) = \mathrm{Re} \sum_l h_l \, r_l \, \overline{t_l} ,

    which is the real inner product of :math:`h \circ r` with :math:`t`; a tied inverse relation is the conjugate.

    Cost: :math:`b d` for the query vectors, then one inner product a candidate.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Real width of the node vectors, twice the complex rank.
        bound (float): Relations start uniform in :math:`[-\text{bound}, \text{bound}]`, around zero. Relations near 1
            are near the identity, and then the anchor outranks the answer for long. (default: :obj:`0.1`)
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
    """

    def __init__(self, num_relations: int, hidden_channels: int, bound: float = 0.1, reciprocal: bool = False):
        super().__init__()
        widths("ComplEx", hidden_channels=hidden_channels)
        table("ComplEx", num_relations=num_relations, hidden_channels=hidden_channels)
        not_negative("ComplEx", bound=bound)
        self.num_relations, self.bound = num_relations, bound
        self.similarity = Inner()
        self.relation = Relations(num_relations, 2 * even(hidden_channels), reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new relation vectors."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)

    def _relation(self, rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        vector, inverse = self.relation(rel_type)
        real, imaginary = vector.chunk(2, dim=1)
        return torch.cat([real, torch.where(inverse, -imaginary, imaginary)], dim=1)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        return times(anchor, self._relation(rel_type))

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return modulus(anchor), modulus(self.relation(rel_type)[0]), modulus(candidate)

    def images(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        relation = self._relation(rel_type)
        return times(anchor, relation), times(candidate, conjugate(relation))

    def aligned(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b d"]:
        size = modulus(self.relation(rel_type)[0]).square() + modulus(anchor).square()
        return candidate * size.repeat(1, 2)

    def pairing(
        self, anchor: Float[Tensor, "b d"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "r c"]]:
        # Re(a r conj(c)) is the real inner product of r and conj(a) c
        every = torch.arange(2 * self.num_relations, device=anchor.device)
        return times(conjugate(anchor), candidate), self._relation(every)
