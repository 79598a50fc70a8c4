"""EMU for 1-vs-all training."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import not_negative, refuse_share
from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.kernels.everyone import everyone
from gnnneg.kernels.softmax import softmax_sums
from gnnneg.records import Mutation, Query, Triplets
from gnnneg.tasks.k_vs_all import Answered, KvsAll


class MutatedKvsAll(Task):
    r"""EMU (:class:`~gnnneg.generators.EMU`) with every entity as a negative, which its paper rules out.

    For each query one mask of coordinates is drawn. With the scores :math:`\ell` of what stays, an answer :math:`t` of
    a query that has the known answers :math:`A` costs

    .. math::
        \frac{1}{N'} \Bigl( (1 + \beta N') \log \bigl( e^{\ell_t} + \sum_{j \notin A} e^{\ell_j} \bigr)
            - \ell_t - \beta \sum_{j \notin A} \ell_j \Bigr) , \qquad N' = n - |A| ,

    so no other known answer competes, and none has a label. :math:`\alpha` times the plain loss is added, and its
    penalty whole, whatever :math:`\alpha` is. No label is ever written down: the sum over all that is no answer is
    taken in the pass that takes the log-sum-exp.

    Scores have to be sums over coordinates, of which a softmax sees only those that stay: every decoder but TransE with
    :math:`p = 2`, TransH, TransD and HAKE, for which :class:`~gnnneg.tasks.LinkPrediction` with
    :class:`~gnnneg.samplers.All` is exact.

    Cost: a second matrix of scores, :math:`b \times n`.

    Args:
        plain (KvsAll): The plain loss, its model and its examples; weighted softmax.
        share (float): :math:`\rho`, the fraction taken from the positive.
        label (float): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): :math:`\alpha`, the weight of the plain loss without its penalty. (default: :obj:`1.0`)

    Raises:
        UserError: If share or label is no fraction, the share nearly none or all, or the plain loss no softmax; when
            called, if the decoder's scores are no sums.
    """

    def __init__(self, plain: KvsAll, share: float, label: float = 0.0, scale: float = 1.0):
        super().__init__()
        if not (0 <= share <= 1 and 0 <= label <= 1):
            raise UserError(f"MutatedKvsAll(share={share}, label={label}): both lie between 0 and 1.")
        refuse_share("MutatedKvsAll", share)
        not_negative("MutatedKvsAll", scale=scale)
        if not plain.softmax:
            raise UserError("MutatedKvsAll mutates what a softmax tells apart: set softmax: true in plain.")
        self.plain, self.model = plain, plain.model
        self.share, self.label, self.scale = share, label, scale

    def examples(self, triplets: Triplets) -> Answered:
        return self.plain.examples(triplets)

    def forward(self, batch: Answered, generator: torch.Generator | None = None) -> Float[Tensor, ""]:
        known, device, query = self.plain.known, batch.anchor.device, Query(batch.anchor, batch.rel_type)
        index = everyone(known.num_nodes, device)
        encoding = self.model.encode(None)
        scorer = self.model.scorer(encoding, query)
        width = scorer.embed(index[:, :1]).size(2) // scorer.parts
        keep = (torch.rand(len(batch.anchor), width, device=device, generator=generator) >= self.share).float()
        row, answer = known.answers(query)
        score, taken = _TakeOut.apply(scorer.mutated(index, Mutation(None, keep)), row, answer)

        begin, _ = known.span(query)  # of a query's answers those that this example is about
        place = torch.arange(len(row), device=device) - torch.searchsorted(row, row) + begin[row]
        ours = (place >= batch.begin[row]) & (place < batch.end[row])
        row, hit = row[ours], taken[ours].float()
        rest, total = softmax_sums(score, torch.ones(1, 1, device=device))
        negatives = (known.num_nodes - known.count(query)).clamp(min=1).float()
        share = self.plain.weight(batch) / (batch.end - batch.begin).clamp(min=1) / negatives
        each = (1 + self.label * negatives)[row] * torch.logaddexp(hit, rest[row]) - hit - self.label * total[row]
        loss = share[row] @ each
        if self.scale:
            loss = loss + self.scale * self.plain.entropy(batch, encoding)
        return loss if self.plain.penalty is None else loss + self.plain.penalised(batch, encoding, self.plain.penalty)

    def trained(self) -> Iterator[Parameter]:
        yield from self.plain.trained()


class _TakeOut(torch.autograd.Function):
    """Some scores, and the matrix without them: their places hold minus infinity, which no gradient leaves."""

    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, score: Float[Tensor, "b n"], row: Int[Tensor, "m"], column: Int[Tensor, "m"]
    ) -> tuple[Tensor, Tensor]:
        taken = score[row, column]
        score[row, column] = -torch.inf
        ctx.mark_dirty(score)
        ctx.save_for_backward(row, column)
        return score, taken

    @staticmethod
    def backward(ctx, grad: Tensor, taken: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        return grad.index_put(ctx.saved_tensors, taken), None, None
