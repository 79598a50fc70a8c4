"""How much each statement of a batch counts in the loss."""

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg import distributed
from gnnneg.checks import whole
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Weighing
from gnnneg.records import Triplets, asked


class Confidence(Weighing):
    r"""Weights each statement by its confidence: :math:`c_i / b` in a batch of :math:`b`.

    The weights are not normalised over the batch, so a batch of doubtful statements changes a model less than one of
    certain statements.

    Args:
        known (KnownAnswers): Training facts, with the confidence of the data (``confidence`` of the stated edges);
            statements without one have weight 1.
    """

    def __init__(self, known: KnownAnswers):
        super().__init__()
        self.known = known

    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        return self.known.sure(*asked(triplets, self.known.num_relations)) / len(triplets.rel_type)


class Subsampling(Weighing):
    r"""The weights of `RotatE <https://arxiv.org/abs/1902.10197>`_'s code, after word2vec's subsampling,

    .. math::
        w(h, r, t) \propto \left( c(h, r) + c(t, r^{-1}) \right)^{-1/2} ,

    where :math:`c` counts the training statements that answer a query, plus ``smoothing`` (their counts start at 4 for
    the first). Weights are normalised over the batch, also over that of several processes. If it has fewer statements
    than there are processes, those without one count its first statement again.

    Args:
        known (KnownAnswers): Training facts.
        smoothing (int): Added to each count. (default: :obj:`3`)
    """

    def __init__(self, known: KnownAnswers, smoothing: int = 3):
        super().__init__()
        whole("Subsampling", 0, smoothing=smoothing)
        self.known, self.smoothing = known, smoothing

    def forward(self, triplets: Triplets) -> Float[Tensor, "b"]:
        """One weight per triplet, summing to 1. Those of several processes sum to 1 if each is weighed by its share."""
        both = (asked(triplets, self.known.num_relations, head)[0] for head in (False, True))
        tails, heads = (self.known.count(query) + self.smoothing for query in both)
        weight = (tails + heads).float().rsqrt()
        total = weight.sum()
        if distributed.size() > 1:
            every = distributed.summed(torch.stack([total, total.new_full((), len(weight))]))
            total = every[0] * len(weight) / every[1]  # the trainer weighs the loss of each process by its share
        return weight / total
