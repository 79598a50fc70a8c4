"""RotatE."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.checks import positive, table, widths
from gnnneg.decoders.complex_numbers import even, modulus, times
from gnnneg.decoders.relations import Relations
from gnnneg.decoders.similarity import Distance, Modulus, refuse_order
from gnnneg.errors import UserError, echo
from gnnneg.interfaces import Decoder

FINEST = 1e-6  # of bounds: beyond, single precision has no angles


class RotatE(Decoder):
    r"""The RotatE decoder from `"RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space"
    <https://arxiv.org/abs/1902.10197>`_: a relation turns each complex coordinate by an angle,

    .. math::
        s(h, r, t) = - \sum_l \left| h_l \, e^{i \theta_{r,l}} - t_l \right| ,

    so a tied inverse relation is :math:`-\theta`. The paper's :math:`\gamma` belongs to the loss here.

    PyKEEN and PyG do not sum the moduli. They take one norm of all of them, :math:`\sqrt{\sum_l | \cdot |^2}`.
    :obj:`p=2` gives their scores from the same vectors. Its rankings differ from those of the paper's sum. With it,
    real and imaginary part are two coordinates for a mutation (:class:`~gnnneg.generators.EMU`).

    The paper's code stores numbers :math:`\phi` that start in :math:`[-B, B]`. The angle is
    :math:`\theta = \pi \phi / B` with :math:`B = (\gamma + 2) / d` for :math:`d` complex coordinates. Scores are the
    same. But with an optimiser such as Adam, whose steps have one size, relations then turn :math:`\pi / B` times as
    fast. :obj:`bound` is :math:`B`: with it, the code's relation table can be used as it is.

    Cost: :math:`b d` for the query vectors, then one distance a candidate.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Real width of the node vectors, twice the complex rank.
        reciprocal (bool): Whether inverse relations have their own parameters. (default: :obj:`False`)
        p (int): Order of the norm of the moduli, 1 or 2. (default: :obj:`1`, the paper's sum)
        bound (float, optional): :math:`B`; :obj:`None` is :math:`\pi`, and the parameters are the angles.
            (default: :obj:`None`)

    Raises:
        UserError: If the order is neither 1 nor 2, the width odd, or the bound out of range.
    """

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        reciprocal: bool = False,
        p: int = 1,
        bound: float | None = None,
    ):
        super().__init__()
        widths("RotatE", hidden_channels=hidden_channels)
        table("RotatE", num_relations=num_relations, hidden_channels=hidden_channels)
        positive("RotatE", bound=bound)
        if bound is not None and not FINEST <= bound <= 1 / FINEST:
            raise UserError(f"RotatE(bound={echo(bound)}): give a number from {FINEST:g} to {1 / FINEST:,.0f}.")
        refuse_order(p)
        self.num_relations = num_relations
        self.bound = math.pi if bound is None else bound
        self.similarity = Modulus() if p == 1 else Distance(2)
        self.relation = Relations(num_relations, even(hidden_channels), reciprocal)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new angles, uniform on the circle."""
        nn.init.uniform_(self.relation.weight, -self.bound, self.bound)

    def forward(self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"]) -> Float[Tensor, "b q"]:
        row, inverse = self.relation(rel_type)
        angle = row * (math.pi / self.bound)
        angle = torch.where(inverse, -angle, angle)
        return times(anchor, torch.cat([angle.cos(), angle.sin()], dim=1))

    def factors(
        self, anchor: Float[Tensor, "b d"], rel_type: Int[Tensor, "b"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b _"], ...]:
        return modulus(anchor), modulus(candidate)  # a rotation has modulus 1, whatever the angle
