"""Prediction of the query from its answer."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import finite, not_negative
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Penalty, Scorer
from gnnneg.records import Query


class QueryPrediction(Penalty):
    r"""Reverse cross-entropy over the batch: which of its queries has this answer? With weight 1 and the loss
    :class:`~gnnneg.losses.HaSa` of the same margin it is the HaSa+ of `"HaSa: Hardness and Structure-Aware Contrastive
    Knowledge Graph Embedding" <https://arxiv.org/abs/2305.10563>`_,

    .. math::
        - \lambda \log \frac{e^{s(q_i, t_i) - m}}{e^{s(q_i, t_i) - m} + \sum_{j \in B_i} e^{s(q_j, t_i)}} ,

    where :math:`q_j` is an anchor with its relation, and :math:`B_i` holds the other queries of the batch. Queries that
    :math:`t_i` is known to answer are left out, including copies of :math:`q_i`; the authors' code keeps them. If all
    other queries of a batch are left out, or it has only one query, the penalty is 0 and has no gradient.

    Cost: :math:`b \times b` scores, of the batch's targets as shared candidates.

    Args:
        known (KnownAnswers): Training facts.
        weight (float): :math:`\lambda`. (default: :obj:`1.0`)
        margin (float): :math:`m`. (default: :obj:`0.0`)

    Raises:
        UserError: If a number is out of range.
    """

    def __init__(self, known: KnownAnswers, weight: float = 1.0, margin: float = 0.0):
        super().__init__()
        not_negative("QueryPrediction", weight=weight)
        finite("QueryPrediction", margin=margin)
        self.known, self.weight, self.margin = known, weight, margin

    def forward(self, scorer: Scorer, query: Query, target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        own = torch.eye(len(target), dtype=torch.bool, device=target.device)
        score = scorer(target[None]) - self.margin * own
        score = score.masked_fill(self.known.contains(query, target[None]) & ~own, -torch.inf)
        return self.weight * F.cross_entropy(score.T, torch.arange(len(target), device=target.device), reduction="none")
