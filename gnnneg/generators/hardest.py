"""The hardest embedding mutation."""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gnnneg.checks import ratio
from gnnneg.generators.mutation import Term, exchange, exchanged, terms
from gnnneg.interfaces import Drawn, Generator, SoftLabel
from gnnneg.mixed import CHUNK
from gnnneg.records import Made, Mutation


class HardestEMU(Generator):
    r"""Each negative gets those :math:`\rho d` coordinates of the positive that raise its score most.

    The coordinates with the largest positive parts :math:`c_{jl}` of the margin (:class:`MatchedEMU`) are exchanged,
    and the score of the result is exact. No random mutation of that ratio is harder. The more coordinates come from the
    positive, the less wrong is the negative, so by default the ratio is its soft label too. With a projection (TransH,
    TransD) an exchanged coordinate changes all others a little. The choice ignores this, so another mutation may be
    harder, but scores are exact there too.

    Cost: vectors are made, as for ``EMU(groups=None)``, and their coordinates are partly sorted.

    Args:
        mutation_ratio (float): :math:`\rho`.
        soft_label (float or SoftLabel, optional): :math:`\beta`; :obj:`None` is :math:`\rho`. (default: :obj:`None`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If ratio or label is no fraction, or scale is negative; when called, if scores are no sums over
            coordinates (NBFNet), or the ratio gives none or all of the coordinates.
    """

    renamed: ClassVar = {"share": "mutation_ratio", "label": "soft_label"}

    def __init__(
        self, mutation_ratio: float, soft_label: float | SoftLabel | None = None, scale: float = 1.0, mean: bool = True
    ):
        super().__init__()
        ratio("HardestEMU", mutation_ratio=mutation_ratio)
        self.mutation_ratio = mutation_ratio
        self.term = Term("HardestEMU", mutation_ratio if soft_label is None else soft_label, scale, mean)

    def forward(self, drawn: Drawn) -> Made:
        keep = self._masks(drawn)
        return self.term(drawn, drawn.scorer.mutated(drawn.negatives.index, Mutation(drawn.positive, keep)))

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        return exchanged(drawn, self._masks(drawn))

    def _masks(self, drawn: Drawn) -> Bool[Tensor, "b k h"]:
        # of the very vectors that are changed then, and not of some that are made without gradients
        scorer, index = drawn.scorer, drawn.negatives.index
        positive, columns = drawn.positive[:, None], scorer.columns(index)
        size, step = index.size(1), max(1, CHUNK // max(1, positive.numel()))
        with torch.no_grad():
            own, parts = terms(scorer, positive), [slice(at, at + step) for at in range(0, size, step)]
            return torch.cat([self._keep(own - terms(scorer, columns(part))) for part in parts], 1)

    def _keep(self, margin: Float[Tensor, "b k h"]) -> Tensor:
        count = exchange("HardestEMU", self.mutation_ratio, margin.size(2))
        if not count:
            return torch.ones_like(margin, dtype=torch.bool)
        value, place = margin.topk(count, dim=2)
        return torch.ones_like(margin, dtype=torch.bool).scatter_(2, place, value <= 0)
