"""Embedding mutation at its hardest."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gnnneg.checks import refuse_share
from gnnneg.generators.term import Term, exchange, exchanged, positives
from gnnneg.interfaces import CHUNK, Generator, Scorer, SoftLabel
from gnnneg.records import Made, Mutation, Negatives, Query


class HardestEMU(Generator):
    r"""Each negative takes those :math:`\rho d` coordinates of the positive that gain it the most score.

    The coordinates with the largest positive parts :math:`c_{jl}` of the margin (:class:`MatchedEMU`) are exchanged;
    the score of what comes out is exact. No random mutation of that share is harder, and the more is taken from the
    positive the less is such a negative wrong, so that by default the share is its label too. Under a projection
    (TransH, TransD) an exchanged coordinate moves all others a little; it is chosen as if it did not, so that another
    mutation may be harder, but scores are exact there too.

    Cost: vectors are made, as for ``EMU(groups=None)``, and their coordinates partly sorted.

    Args:
        share (float): :math:`\rho`.
        label (float or SoftLabel, optional): :math:`\beta`; :obj:`None` is the share. (default: :obj:`None`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If share or label is no fraction, or scale negative; when called, if scores are not made of
            coordinates (NBFNet), or the share of them is none or all.
    """

    def __init__(self, share: float, label: float | SoftLabel | None = None, scale: float = 1.0, mean: bool = True):
        super().__init__()
        refuse_share("HardestEMU", share)
        self.share = share
        self.term = Term("HardestEMU", share if label is None else label, scale, mean)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        keep = self._masks(scorer, target, negatives)
        return self.term(query, negatives, scorer.mutated(negatives.index, Mutation(positives(scorer, target), keep)))

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        return exchanged(scorer, target, negatives, self._masks(scorer, target, negatives))

    def _masks(self, scorer: Scorer, target: Int[Tensor, "b"], negatives: Negatives) -> Bool[Tensor, "b k h"]:
        # of the very vectors that are changed then, and not of some that are made without gradients
        positive, columns = positives(scorer, target)[:, None], scorer.columns(negatives.index)
        size, step = negatives.index.size(1), max(1, CHUNK // max(1, positive.numel()))
        with torch.no_grad():
            own, parts = scorer.terms(positive), [slice(at, at + step) for at in range(0, size, step)]
            return torch.cat([self._keep(own - scorer.terms(columns(part))) for part in parts], 1)

    def _keep(self, margin: Float[Tensor, "b k h"]) -> Tensor:
        count = exchange("HardestEMU", self.share, margin.size(2))
        if not count:
            return torch.ones_like(margin, dtype=torch.bool)
        value, place = margin.topk(count, dim=2)
        return torch.ones_like(margin, dtype=torch.bool).scatter_(2, place, value <= 0)
