"""Two models, one of stated and one of denied statements, trained together."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import not_negative
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.models import Difference, KGEModel
from gnnneg.records import Triplets
from gnnneg.tasks.link_prediction import LinkPrediction

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # of the evidence against, that validation chooses from


class Dual(Task):
    r"""Dual training of `"Improving Knowledge Graph Embeddings through Contrastive Learning with Negative Statements"
    <https://arxiv.org/abs/2510.11868>`_: one model learns the stated graph, another the denied one, and each chooses
    the other's negatives.

    A step takes a batch of stated statements and the same fraction of the denied ones, drawn evenly with replacement.
    The critic of each side's sampler is the *other* side's model, in evaluation mode and without gradients. This is the
    paper's method:

    ::

        sampler: Curriculum(
            samplers=[Filtered(Uniform(1)), Hardest(Filtered(Uniform(100, shared=True)), 1)],   # then the opponent's
            starts=[0, 35_000],                                                                 # choice among 100
        )

    A pool of shared candidates makes it linear in the batch; the paper's code scores every entity of the batch against
    every query. It is also without that code's faults: exactly one side of a positive is replaced, and never by a known
    answer. ``Hardest(..., likeliest=False)`` takes the candidates that the opponent scores lowest, as the paper's code
    does.

    Candidates are filtered by each side's known answers. The negative side's parts are *mirrored*: for them the denied
    answers are the known ones. The resulting model is the :class:`~gnnneg.models.Difference` of the two.

    Cost: both sides' steps, and two scorings of the pools. A critic that passes messages encodes its whole graph once a
    step, without gradients, because evaluation mode samples no edges.

    Args:
        positive (LinkPrediction): Learns the stated statements.
        negative (LinkPrediction): Learns the denied statements as if they were stated.
        denied (KnownAnswers): Denied training statements.
        weight (float, optional): :math:`\lambda` of the difference; :obj:`None` starts with 0, and after training it is
            chosen on validation. (default: :obj:`None`)
        shared (bool): Whether both sides use one table of entities, the positive side's. Each keeps its own relations.
            (default: :obj:`False`)
        opponent (bool): Whether each side's critic is the other side's model. Otherwise it is its own, for comparison.
            Samplers without a critic (Uniform, Popular) draw the same in both cases. (default: :obj:`True`)

    Raises:
        UserError: If there are no denied statements, or tables cannot be shared.
    """

    mirrored = ("negative",)
    model: Difference

    def __init__(
        self,
        positive: LinkPrediction,
        negative: LinkPrediction,
        denied: KnownAnswers,
        weight: float | None = None,
        shared: bool = False,
        opponent: bool = True,
    ):
        super().__init__()
        if not len(denied):
            raise UserError("Dual training needs denied training statements, and the data set has none.")
        not_negative("Dual", weight=weight)
        if shared:
            _share(positive, negative)
        self.positive, self.negative, self.denied = positive, negative, denied
        self.weight, self.opponent, self.total = weight, opponent, 0
        self.model = Difference(positive.model, negative.model, weight or 0.0, negative.graph)

    def examples(self, triplets: Triplets) -> Triplets:
        self.total = len(triplets.rel_type)
        return triplets

    def forward(self, batch: Triplets, rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        size = len(batch.rel_type)
        against = self.drawn(max(1, round(size * len(self.denied) / max(self.total, size))), rng)
        critics = (self.negative.judge, self.positive.judge) if self.opponent else (None, None)
        return self.positive(batch, rng, critics[0]) + self.negative(against, rng, critics[1])

    def drawn(self, size: int, rng: torch.Generator | None) -> Triplets:
        """Denied statements, evenly and with replacement."""
        device = self.denied.answer.device
        query, target = self.denied.at(torch.randint(len(self.denied), (size,), generator=rng, device=device))
        return Triplets(query.anchor, query.rel_type, target)

    def trained(self) -> Iterator[Parameter]:
        yield from dict.fromkeys([*self.positive.trained(), *self.negative.trained()])

    def tune(self, evaluate: Callable[[], float]) -> bool:
        if self.weight is not None:
            return False
        scores = {}
        for weight in WEIGHTS:
            self.model.weight.fill_(weight)
            scores[weight] = evaluate()
        self.model.weight.fill_(max(scores, key=scores.__getitem__))
        return True


def _share(positive: LinkPrediction, negative: LinkPrediction) -> None:
    one, other = positive.model, negative.model
    if not isinstance(one, KGEModel) or not isinstance(other, KGEModel):
        raise UserError("Dual(shared=True) shares the encoder of two KGEModels: use them, or leave it out.")
    if one.encoder.hidden_channels != other.encoder.hidden_channels:
        raise UserError(
            f"Dual(shared=True): the sides are {one.encoder.hidden_channels} and {other.encoder.hidden_channels} wide, "
            "but one table has one width."
        )
    with torch.no_grad():
        states = one.encoder.relation_states(), other.encoder.relation_states()
    if any(state is not None for state in states):
        raise UserError(
            "Dual(shared=True): this encoder holds the relations too, so both sides would be one and the same model: "
            "give the encoder relation_states: false, or leave shared out."
        )
    other.encoder = one.encoder
