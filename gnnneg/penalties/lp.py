"""Norms of the vectors in a step's scores."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import not_negative, whole
from gnnneg.interfaces import Penalty, Scorer
from gnnneg.records import Query


class Lp(Penalty):
    r"""The p-th power of the p-norm of every factor of the score,

    .. math::
        \lambda \sum_{f} \sum_l \lvert f_l \rvert^p ,

    over anchor, relation and target. With :math:`p = 3` this is the nuclear 3-norm N3 of `"Canonical Tensor
    Decomposition for Knowledge Base Completion" <https://arxiv.org/abs/1806.07297>`_; complex coordinates count by
    their modulus.

    Args:
        weight (float): :math:`\lambda`.
        p (int): The power. (default: :obj:`3`)
    """

    def __init__(self, weight: float, p: int = 3):
        super().__init__()
        not_negative("Lp", weight=weight)
        whole("Lp", 1, 100, p=p)
        self.weight, self.p = weight, p

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        return self.weight * torch.stack([(factor**self.p).sum(1) for factor in scorer.factors(target)]).sum(0)
