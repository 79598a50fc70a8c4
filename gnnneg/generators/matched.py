"""Embedding mutation without masks."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import ratio
from gnnneg.generators.mutation import Matching, Term, masked
from gnnneg.interfaces import Drawn, SoftLabel
from gnnneg.records import Made


class MatchedEMU(Matching):
    r"""Gaussian noise on each negative's margin, with the mean and the variance of :class:`EMU` with a mask for each
    negative.

    For scores that are sums over coordinates, whose margins :math:`\Delta_j = s_0 - s_j` have the parts
    :math:`c_{jl}`,

    .. math::
        \hat\Delta_j = (1 - \rho) \Delta_j + \sqrt{\rho (1 - \rho) v_j} \, \xi_j , \qquad
        v_j = \sum_l c_{jl}^2 , \qquad \xi_j \sim \mathcal{N}(0, 1) .

    No mask is drawn and no vector is made. :math:`v_j` expands into products of the size of a plain pass, two more for
    inner products. If the score has a square root (TransE and TransH with :math:`p = 2`, HAKE's moduli), the sum under
    the root is matched.

    Cost: two more matrix products than a plain step.

    Args:
        mutation_ratio (float): :math:`\rho`, the fraction taken from the positive.
        soft_label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If ratio or label is no fraction, or scale is negative; when called, if the model has no closed form
            (NBFNet, TransD, TransH with :math:`p = 1`).
    """

    renamed: ClassVar = {"share": "mutation_ratio", "label": "soft_label"}

    def __init__(
        self, mutation_ratio: float, soft_label: float | SoftLabel = 0.0, scale: float = 1.0, mean: bool = True
    ):
        super().__init__()
        ratio("MatchedEMU", mutation_ratio=mutation_ratio)
        self.mutation_ratio = mutation_ratio
        self.term = Term("MatchedEMU", soft_label, scale, mean)

    def forward(self, drawn: Drawn) -> Made:
        positive = drawn.positive
        return self.matched(drawn, positive, positive.new_full((len(positive), 1), 1 - self.mutation_ratio))

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        return masked(drawn, self.mutation_ratio)
