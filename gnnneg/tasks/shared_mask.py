"""EMU for 1-vs-all training."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import fraction, ratio
from gnnneg.data.known import KnownAnswers
from gnnneg.interfaces import Part, Scorer
from gnnneg.kernels.everyone import everyone
from gnnneg.kernels.ragged import entries
from gnnneg.kernels.softmax import softmax_sums
from gnnneg.looked_up import looked_up
from gnnneg.records import Mutation
from gnnneg.tasks.answered import Answered


class SharedMask(Part):
    r"""EMU (:class:`~gnnneg.generators.EMU`) with every entity as a negative: the mutated term of
    :class:`~gnnneg.tasks.KvsAll`. EMU's paper rules this case out.

    For each query one mask of coordinates is drawn, and :math:`\ell` are the scores of the coordinates that stay. The
    loss of an answer :math:`t` of a query with known answers :math:`A` is

    .. math::
        \frac{1}{N'} \Bigl( (1 + \beta N') \log \bigl( e^{\ell_t} + \sum_{j \notin A} e^{\ell_j} \bigr)
            - \ell_t - \beta \sum_{j \notin A} \ell_j \Bigr) , \qquad N' = n - |A| ,

    so no other known answer competes, and none has a label. No matrix of labels is made: the sum over all entities that
    are no answers is computed in the same pass as the log-sum-exp.

    Scores have to be sums over coordinates, because the softmax then sees only those that stay. This holds for every
    decoder except TransE with :math:`p = 2`, TransH, TransD and HAKE. For these, :class:`~gnnneg.tasks.LinkPrediction`
    with :class:`~gnnneg.samplers.All` is exact.

    Args:
        mutation_ratio (float): :math:`\rho`, the fraction taken from the positive.
        soft_label (float): :math:`\beta`. (default: :obj:`0.0`)

    Raises:
        UserError: If a number is no fraction, or the ratio is nearly 0 or 1; when called, if the decoder's scores are
            no sums.
    """

    def __init__(self, mutation_ratio: float, soft_label: float = 0.0):
        super().__init__()
        ratio("SharedMask", mutation_ratio=mutation_ratio)
        fraction("SharedMask", soft_label=soft_label)
        self.mutation_ratio, self.soft_label = mutation_ratio, soft_label

    def forward(
        self,
        scorer: Scorer,
        known: KnownAnswers,
        batch: Answered,
        each: Float[Tensor, "b"],
        rng: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """The term of a batch: ``scorer`` belongs to its queries, and ``each`` is the weight of one answer."""
        device = batch.anchor.device
        index = everyone(known.num_nodes, device)
        width = scorer.embed(index[:, :1]).size(2) // scorer.parts
        keep = (torch.rand(len(each), width, device=device, generator=rng) >= self.mutation_ratio).float()
        begin, end = known.span(batch.query)
        row, place = entries(end - begin)
        place = place + begin[row]
        score, taken = _TakeOut.apply(scorer.mutated(index, Mutation(None, keep)), row, known.answer[place])

        ours = (place >= batch.begin[row]) & (place < batch.end[row])  # the answers that this example is about
        row, hit = row[ours], taken[ours].float()
        rest, total = softmax_sums(score, torch.ones(1, 1, device=device))
        negatives = (known.num_nodes - (end - begin)).clamp(min=1).float()
        beta = self.soft_label
        cost = (1 + beta * negatives)[row] * torch.logaddexp(hit, looked_up(rest, row)) - hit
        cost = cost - beta * looked_up(total, row)
        return (each / negatives)[row] @ cost


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
