"""Frequent queries count less."""

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import whole
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Weighing
from gnnneg.records import Triplets, asked


class Subsampling(Weighing):
    r"""The weights of `RotatE <https://arxiv.org/abs/1902.10197>`_'s code, after word2vec's subsampling,

    .. math::
        w(h, r, t) \propto \left( c(h, r) + c(t, r^{-1}) \right)^{-1/2} ,

    where :math:`c` counts the training statements that answer a query, plus ``smoothing`` (their counts start at 4 for
    the first). Weights are normalised over the batch.

    Args:
        known (KnownAnswers): Training facts.
        smoothing (int): Added to each count. (default: :obj:`3`)
    """

    def __init__(self, known: KnownAnswers, smoothing: int = 3):
        super().__init__()
        whole("Subsampling", 0, smoothing=smoothing)
        self.known, self.smoothing = known, smoothing

    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        """One weight per triplet, summing to 1."""
        count = torch.stack(
            [self.known.count(asked(triplets, self.known.num_relations, head)[0]) for head in (False, True)]
        )
        weight = (count + self.smoothing).sum(0).float().rsqrt()
        return weight / weight.sum()
