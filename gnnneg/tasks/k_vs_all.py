"""K-vs-all: each distinct query once, against every entity, with all its answers at once."""

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import below_one, not_negative, whole
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.former import warn
from gnnneg.interfaces import Encoding, Model, Penalty, Task
from gnnneg.kernels.everyone import everyone
from gnnneg.kernels.softmax import weighted_logsumexp
from gnnneg.memory import refuse_beyond
from gnnneg.records import Query, Triplets
from gnnneg.tasks.answered import Answered, answered
from gnnneg.tasks.shared_mask import SharedMask

BYTES = 4  # of a score; of a softmax there are two at once, it and its gradient, else two of its softplus besides


class KvsAll(Task):
    r"""K-vs-all training of `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_.

    Each distinct query :math:`q` with its known answers :math:`A_q` is one example. The loss is the mean binary
    cross-entropy over all :math:`n` entities,

    .. math::
        \ell_q = \frac{1}{n} \sum_j \mathrm{softplus}(s_j) - y_j s_j , \qquad
        y_j = (1 - \epsilon) [j \in A_q] + \epsilon / n ,

    or (``softmax``) the cross-entropy of the softmax against :math:`y` scaled to sum 1,

    .. math::
        \ell_q = \log \sum_j e^{s_j} - \frac{1 - \epsilon}{|A_q|} \sum_{j \in A_q} s_j - \frac{\epsilon}{n} \sum_j s_j .

    ``weighted`` counts each query :math:`|A_q|` times. With ``softmax`` and no smoothing this is the objective of
    1-vs-all (:class:`~gnnneg.samplers.All` under :class:`~gnnneg.losses.InfoNCE`): summed over an epoch, the two are
    equal term by term. But it needs one row of scores per distinct query instead of one per statement and side: 3.6
    times fewer on FB15k-237. Only the noise differs: a query with many answers takes one large step an epoch instead of
    many small ones. ``answers`` splits such queries again; with ``answers=1`` there is neither a saving nor a
    difference.

    Cost: :math:`b \times n` scores, and one temporary of their size in each of the forward and the backward pass.

    Args:
        model (Model): Scores candidates. It must not read a graph, because the edges would reveal the answers.
        known (KnownAnswers): Training facts.
        smoothing (float): :math:`\epsilon`. (default: :obj:`0.1`)
        softmax (bool): Whether entities compete. (default: :obj:`False`)
        weighted (bool): Whether a query's weight is its number of answers, relative to the mean over all queries.
            Otherwise all count the same. (default: :obj:`False`)
        answers (int, optional): The largest number of answers in one example; further answers of the query go into
            further examples. Only for the weighted softmax, whose answers are independent terms. (default: :obj:`None`,
            all)
        penalty (Penalty, optional): A loss term of each answered query, as the mean over a query's answers.
            (default: :obj:`None`)
        mutation (SharedMask, optional): Adds EMU's term, with every entity as a negative; needs ``softmax``. It costs a
            second matrix of scores. (default: :obj:`None`)
        scale (float): Weight of the plain term (without the penalty) relative to the mutated one; only with
            ``mutation``. (default: :obj:`1.0`)

    Raises:
        UserError: If a number is out of range, or an option is given without another that it needs; when called, if the
            scores and their gradient would take more memory than is free.
    """

    former: ClassVar = ("MutatedKvsAll",)
    saved_twice = ("plain.",)  # by MutatedKvsAll in its checkpoints: the model, which is there without this, too

    def __init__(
        self,
        model: Model,
        known: KnownAnswers,
        smoothing: float = 0.1,
        softmax: bool = False,
        weighted: bool = False,
        answers: int | None = None,
        penalty: Penalty | None = None,
        mutation: SharedMask | None = None,
        scale: float = 1.0,
    ):
        super().__init__()
        below_one("KvsAll", smoothing=smoothing)
        if answers is not None and (answers < 1 or not (softmax and weighted)):
            raise UserError(f"KvsAll(answers={answers}) needs softmax: true, weighted: true and at least 1 answer.")
        if model.uses_graph:
            raise UserError("KvsAll predicts all edges of a query at once and cannot hide them: use LinkPrediction.")
        whole("KvsAll", answers=answers)
        not_negative("KvsAll", scale=scale)
        if mutation is not None and not softmax:
            raise UserError("KvsAll(mutation=...) needs a softmax: set softmax: true.")
        if mutation is None and scale != 1:
            raise UserError(
                f"KvsAll(scale={scale}) weighs the plain term against a mutated one, and there is none: leave it out."
            )
        self.model, self.known, self.penalty = model, known, penalty
        self.smoothing, self.softmax, self.weighted, self.answers = smoothing, softmax, weighted, answers
        self.mutation, self.scale = mutation, scale

    @classmethod
    def reworded(cls, given: dict[str, Any]) -> dict[str, Any]:
        """MutatedKvsAll had the arguments of a KvsAll under ``plain``, and those of its mutation beside it."""
        plain, names = given.get("plain"), {"share": "mutation_ratio", "label": "soft_label"}
        if not isinstance(plain, dict):
            return given
        mutation = {new: given[old] for old, new in names.items() if old in given}
        others = {name: value for name, value in given.items() if name not in {"plain", *names}}
        return {**(plain.get("init_args", {}) if "class_path" in plain else plain), **others, "mutation": mutation}

    def examples(self, triplets: Triplets) -> Answered:
        return answered(triplets, self.known, self.answers)

    def forward(self, batch: Answered, rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        rows, num_nodes = len(batch.anchor), self.known.num_nodes
        refuse_beyond(
            rows * num_nodes * BYTES * (2 if self.softmax else 4),
            f"KvsAll: the scores of {rows:,} queries against all {num_nodes:,} entities, and their gradient,",
            "use LinkPrediction with sampled negatives, such as Uniform(num_negatives=1000, shared=True), or lower "
            "fit.batch_size",
            batch.anchor.device,
        )
        encoding = self.model.encode(None)
        if self.mutation is None:
            loss = self.entropy(batch, encoding)
        else:
            scorer = self.model.scorer(encoding, batch.query)
            loss = self.mutation(scorer, self.known, batch, self._each(batch), rng)
            if self.scale:
                loss = loss + self.scale * self.entropy(batch, encoding)
        return loss if self.penalty is None else loss + self.penalised(batch, encoding, self.penalty)

    def entropy(self, batch: Answered, encoding: Encoding) -> Float[Tensor, ""]:
        """The plain loss of a batch, without mutation and penalty."""
        num_nodes, device = self.known.num_nodes, batch.anchor.device
        scorer = self.model.scorer(encoding, batch.query)
        score = scorer(everyone(num_nodes, device))
        row, answer = self.known.between(batch.begin, batch.end)
        count, weight = batch.length, self.weight(batch)
        hit = (1 - self.smoothing) * self._each(batch)[row] * score[row, answer]
        if self.softmax:
            loss = weight @ weighted_logsumexp(score, torch.ones(1, 1, device=device)).to(weight.dtype) - hit.sum()
        else:
            loss = weight @ F.softplus(score).mean(1).to(weight.dtype) - hit @ (count[row] / num_nodes).to(hit.dtype)
        if self.smoothing:
            scale = 1 if self.softmax else 1 / num_nodes
            loss = loss - self.smoothing * scale * (weight @ score.mean(1).to(weight.dtype))
        return loss

    def penalised(self, batch: Answered, encoding: Encoding, penalty: Penalty) -> Float[Tensor, ""]:
        """The penalty's term: for each query the mean over its answers."""
        row, answer = self.known.between(batch.begin, batch.end)
        each = Query(batch.anchor[row], batch.rel_type[row])
        return self._each(batch)[row] @ penalty(self.model.scorer(encoding, each), each, answer)

    def _each(self, batch: Answered) -> Float[Tensor, "b"]:
        """The weight of one answer of each example."""
        return self.weight(batch) / batch.length.clamp(min=1)

    def weight(self, batch: Answered) -> Float[Tensor, "b"]:
        """The weight of each example in the loss of a batch."""
        count = batch.length
        weight = torch.full(count.shape, 1 / len(count), device=count.device)
        # by the mean over the data, not over the batch: so every statement weighs the same
        return weight * count / self._mean() if self.weighted else weight

    def _mean(self) -> float:
        """How many answers an example has in the mean."""
        length = self.known.offset.diff()
        examples = len(length) if self.answers is None else int(((length + self.answers - 1) // self.answers).sum())
        return len(self.known.answer) / examples

    def trained(self) -> Iterator[Parameter]:
        yield from self.model.parameters()


def MutatedKvsAll(plain: KvsAll, share: float, label: float = 0.0, scale: float = 1.0) -> KvsAll:
    """The name of ``KvsAll(..., mutation=SharedMask(share, label), scale=scale)`` in an earlier version."""
    warn("MutatedKvsAll", "KvsAll(..., mutation=SharedMask(...), scale=...)")
    args, given = plain.made_with
    return KvsAll(*args, **{**given, "mutation": SharedMask(share, label), "scale": scale})
