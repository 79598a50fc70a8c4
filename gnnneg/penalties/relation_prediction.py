"""The relation asked for beside the entities."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import not_negative
from gnnneg.interfaces import Penalty, Scorer
from gnnneg.records import Query


class RelationPrediction(Penalty):
    r"""The auxiliary objective of `"Relation Prediction as an Auxiliary Training Objective for Improving
    Multi-Relational Graph Representations" <https://arxiv.org/abs/2110.02834>`_: which relation, inverses too, holds
    between the two?

    .. math::
        \lambda \left( \log \sum_{r'} e^{s(a, r', t)} - s(a, r, t) \right)

    Where a tied inverse is the relation itself (:class:`~gnnneg.decoders.DistMult` that is not reciprocal), relations
    alone are told apart: of two that score the same, neither could have more than half of the probability.

    Helps most where relations are many: published .366 to .388 MRR for ComplEx of rank 1,000 on FB15k-237
    (:math:`\lambda = 4`), .487 to .488 on WN18RR (:math:`\lambda = .05`). Cost: :math:`b \times 2 r` scores, one matrix
    product for DistMult and ComplEx; every relation's query vector for the others.

    Args:
        weight (float): :math:`\lambda`.

    Raises:
        UserError: In training, if the model cannot score all relations of a pair.
    """

    def __init__(self, weight: float):
        super().__init__()
        not_negative("RelationPrediction", weight=weight)
        self.weight = weight

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        score = scorer.relations(target)
        return self.weight * F.cross_entropy(score, query.rel_type % score.size(1), reduction="none")
