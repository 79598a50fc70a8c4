"""Prediction of the relation in addition to the entities."""

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.candidates import Private
from gnnneg.checks import not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Penalty, Scorer
from gnnneg.records import Query


@runtime_checkable
class Paired(Protocol):
    """A decoder whose scores are inner products of pair vectors with relation vectors, which is cheaper."""

    def pairing(
        self, anchor: Float[Tensor, "b d"], candidate: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b c"], Float[Tensor, "r c"]]:
        """The vectors of pairs and of all relations, with inverses unless an inverse equals its relation."""


def relations(decoder: Decoder, anchor: Float[Tensor, "b d"], candidate: Float[Tensor, "b d"]) -> Float[Tensor, "b r"]:
    """The scores of all relations, with inverses, between each anchor and its candidate: ``(b, 2r)``, but ``(b, r)`` if
    an inverse equals its relation and cannot be told apart from it.
    """
    if isinstance(decoder, Paired):
        pair, relation = decoder.pairing(anchor, candidate)
        return pair @ relation.T
    size = 2 * decoder.num_relations
    every = torch.arange(size, device=anchor.device).repeat(len(anchor))
    vector = decoder(anchor.repeat_interleave(size, 0), every)
    score = decoder.similarity(vector, Private(candidate.repeat_interleave(size, 0)[:, None]))
    return score.view(-1, size)


class RelationPrediction(Penalty):
    r"""The auxiliary objective of `"Relation Prediction as an Auxiliary Training Objective for Improving
    Multi-Relational Graph Representations" <https://arxiv.org/abs/2110.02834>`_: which relation or inverse relation
    holds between the two?

    .. math::
        \lambda \left( \log \sum_{r'} e^{s(a, r', t)} - s(a, r, t) \right)

    If a tied inverse equals its relation (:class:`~gnnneg.decoders.DistMult` that is not reciprocal), inverses are left
    out: of two with the same score, neither could have more than half of the probability.

    It helps most with many relations: published .366 to .388 MRR for ComplEx of rank 1,000 on FB15k-237 (:math:`\lambda
    = 4`), .487 to .488 on WN18RR (:math:`\lambda = .05`). Cost: :math:`b \times 2 r` scores, one matrix product for
    DistMult and ComplEx; every relation's query vector for the others.

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
        score, *others = scorer.by_decoder(
            lambda decoder, encoding: relations(decoder, encoding[query.anchor], encoding[target]), "RelationPrediction"
        )
        if others:
            raise UserError("RelationPrediction asks one decoder, and a difference has two: leave it out.")
        return self.weight * F.cross_entropy(score, query.rel_type % score.size(1), reduction="none")
