"""Denied statements as negatives of stated ones."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import draws, fraction, not_negative
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator
from gnnneg.records import Made, Query


class DeniedStatements(Generator):
    r"""Whole denied statements as negatives, with other anchors too. So denied statements that share no query with a
    stated one are used as well.

    For each query :math:`(a, r)` with its target, ``num_negatives`` denied statements :math:`(a', r, t')` of the same
    relation are drawn, evenly and with replacement, and scored with their own anchor. The loss compares their scores
    with the target's. Under :class:`~gnnneg.losses.MarginRanking` this is *relation-grouped pairing*. Under
    :class:`~gnnneg.losses.BCE` they are labelled examples, because BCE compares no pairs. For denied answers of the
    same query use the sampler :class:`~gnnneg.samplers.Denied`.

    Cost: the scores of ``num_negatives`` more queries for each query, from the same encoding.

    Args:
        denied (KnownAnswers): Denied training statements; their confidence is their weight.
        num_negatives (int): Denied statements per query. (default: :obj:`1`)
        grouped (bool): Whether only those of the query's relation are drawn; a query whose relation has none gets none.
            Otherwise they are drawn from all, for the same side (head or tail). (default: :obj:`True`)
        soft_label (float): Their soft label. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)

    Raises:
        UserError: If there are no denied training statements, or a number is out of range; when called, if the model
            cannot score other queries.
    """

    renamed: ClassVar = {"label": "soft_label"}
    asks_denied = True
    draws_entities = True

    def __init__(
        self,
        denied: KnownAnswers,
        num_negatives: int = 1,
        grouped: bool = True,
        soft_label: float = 0.0,
        scale: float = 1.0,
    ):
        super().__init__()
        if not len(denied):
            raise UserError("DeniedStatements needs denied training statements, and the data set has none.")
        draws("DeniedStatements", num_negatives=num_negatives)
        fraction("DeniedStatements", soft_label=soft_label)
        not_negative("DeniedStatements", scale=scale)
        self.denied, self.num_negatives, self.grouped = denied, num_negatives, grouped
        self.soft_label, self.scale = soft_label, scale

    def forward(self, drawn: Drawn) -> Made:
        position, weight = self._positions(drawn.query, drawn.rng)
        other, answer = self.denied.at(position.flatten())
        score = drawn.scorer.asking(other)(answer[:, None]).view(position.shape)
        return Made(score, weight, self.soft_label, self.scale)

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        """The vectors of the denied targets; their scores belong to other anchors."""
        return drawn.scorer.embed(self.denied.answer[self._positions(drawn.query, drawn.rng)[0]])

    def _positions(self, query: Query, rng: torch.Generator | None) -> tuple[Int[Tensor, "b m"], Tensor]:
        """Positions of denied statements, and their weights."""
        if self.grouped:
            begin, end = self.denied.span_of(query.rel_type)
        else:  # the upper half of the relations asks for heads
            begin = (query.rel_type >= self.denied.num_relations) * len(self.denied)
            end = begin + len(self.denied)
        length = (end - begin)[:, None]
        shape = len(begin), self.num_negatives
        chance = torch.rand(shape, generator=rng, device=begin.device, dtype=torch.double)
        position = torch.where(length > 0, begin[:, None] + (chance * length).long(), 0)
        sure = 1.0 if self.denied.confidence is None else self.denied.confidence[position]
        return position, ((length > 0) * sure).expand(shape)
