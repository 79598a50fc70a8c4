"""K-vs-all: each distinct query once, against every entity, with all its answers at once."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Model, Penalty, Task
from gnnneg.records import Query, Triplets, asked


class KvsAll(Task):
    r"""K-vs-all training of `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_.

    Each distinct query is one example. With :math:`y_j = 1` for its known answers, smoothed to
    :math:`(1 - \epsilon) y_j + \epsilon / n`, the loss is the mean binary cross-entropy over all :math:`n` entities, or
    (``softmax``) the cross-entropy of the softmax against :math:`y` scaled to sum 1. Cost: :math:`b \times n`.

    Args:
        model (Model): Scores candidates; it must not read a graph, whose edges would give the answers away.
        known (KnownAnswers): Training facts.
        smoothing (float): :math:`\epsilon`. (default: :obj:`0.1`)
        softmax (bool): Whether entities compete. (default: :obj:`False`)
        penalty (Penalty, optional): A norm penalty on the vectors that took part, one answer of each query standing
            for all. (default: :obj:`None`)
    """

    def __init__(
        self,
        model: Model,
        known: KnownAnswers,
        smoothing: float = 0.1,
        softmax: bool = False,
        penalty: Penalty | None = None,
    ):
        super().__init__()
        if model.uses_graph:
            raise ValueError("KvsAll asks for every edge of a query at once and cannot hide them: use LinkPrediction.")
        self.model, self.known, self.smoothing, self.softmax, self.penalty = model, known, smoothing, softmax, penalty

    def examples(self, triplets: Triplets) -> Query:
        both = [asked(triplets, self.known.num_relations, head)[0] for head in (False, True)]
        pairs = torch.cat([torch.stack(list(query)) for query in both], dim=1)
        return Query(*torch.unique(pairs, dim=1))

    def forward(self, batch: Query, generator: torch.Generator | None = None) -> Float[Tensor, ""]:
        num_nodes = self.known.num_nodes
        scorer = self.model.scorer(self.model.encode(None), batch)
        score = scorer(torch.arange(num_nodes, device=batch.anchor.device)[None])
        row, answer = self.known.answers(batch)
        truth = torch.zeros_like(score).index_put_((row, answer), torch.ones((), dtype=score.dtype, device=row.device))
        if self.softmax:
            truth = truth / truth.sum(1, keepdim=True).clamp(min=1)
        truth = (1 - self.smoothing) * truth + self.smoothing / num_nodes
        if self.softmax:
            loss = F.cross_entropy(score, truth, reduction="none")
        else:
            loss = F.binary_cross_entropy_with_logits(score, truth, reduction="none").mean(1)
        if self.penalty is not None:
            begin, end = self.known.span(batch)
            pick = torch.rand(len(begin), generator=generator, device=begin.device) * (end - begin)
            loss = loss + self.penalty(scorer.factors(self.known.answer[begin + pick.long()]))
        return loss.mean()

    def trained(self) -> Iterator[Parameter]:
        yield from self.model.parameters()
