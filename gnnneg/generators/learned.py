"""Embedding mutation that learns where to mutate."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import ratio, table, widths
from gnnneg.errors import UserError
from gnnneg.generators.mutation import Matching, Term, masked
from gnnneg.interfaces import Drawn, SoftLabel
from gnnneg.looked_up import looked_up
from gnnneg.records import Made

ROUNDS = 40  # of bisection: the shift lies within 1e-9 of where it should be


class LearnedEMU(Matching):
    r"""Mutation with a probability for each coordinate of each relation, trained to make the loss *larger*.

    Coordinate :math:`l` comes from the positive with probability

    .. math::
        p_{rl} = \epsilon + (1 - 2 \epsilon) \, \sigma(a_{rl} + c_r) , \qquad \tfrac{1}{d} \sum_l p_{rl} = \rho ,

    where :math:`c_r` is chosen so that the mean is the budget :math:`\rho`. The floor :math:`\epsilon` keeps all
    probabilities away from 0 and 1, so no coordinate is always copied or never copied. Scores have the mean and the
    variance of masks drawn for each negative (:class:`MatchedEMU`). Both are smooth in :math:`p`, so there is a
    gradient and no discrete draw. The backward pass reverses the sign of this gradient, so the task's one optimiser
    trains both.

    Cost: that of :class:`MatchedEMU`.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        mutation_ratio (float): :math:`\rho`, the budget.
        floor (float): :math:`\epsilon`. (default: :obj:`0.05`)
        soft_label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If the budget does not lie between the floor and 1 minus the floor; when called, if the model has no
            closed form, as for :class:`MatchedEMU`.
    """

    renamed: ClassVar = {"share": "mutation_ratio", "label": "soft_label"}
    gone = {"rate": "leave it out, since Adagrad and Adam take steps of one size whatever a gradient is multiplied by"}

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        mutation_ratio: float,
        floor: float = 0.05,
        soft_label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        mean: bool = True,
    ):
        super().__init__()
        ratio("LearnedEMU", mutation_ratio=mutation_ratio)
        if not 0 <= floor < mutation_ratio < 1 - floor:
            raise UserError(
                f"LearnedEMU(mutation_ratio={mutation_ratio}, floor={floor}): give a ratio between floor and 1 - floor."
            )
        widths("LearnedEMU", hidden_channels=hidden_channels)
        table("LearnedEMU", num_relations=num_relations, hidden_channels=hidden_channels)
        self.mutation_ratio, self.floor = mutation_ratio, floor
        self.logit = Parameter(torch.empty(2 * num_relations, hidden_channels))
        self.term = Term("LearnedEMU", soft_label, scale, mean)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts from one probability for all coordinates."""
        torch.nn.init.zeros_(self.logit)

    def forward(self, drawn: Drawn) -> Made:
        positive, relation = drawn.positive, drawn.query.rel_type
        width = positive.size(1) // drawn.scorer.parts
        if width > self.logit.size(1):
            raise UserError(f"LearnedEMU has {self.logit.size(1)} hidden_channels, the model's vectors {width}.")
        row = torch.arange(len(relation), device=positive.device)
        if len(self.logit) < len(relation):  # each once, asked for or not: to find out would be to wait for a device
            relation, row = torch.arange(len(self.logit), device=positive.device), relation
        probability = self.probability(turn_round(looked_up(self.logit, relation)[:, :width]))
        return self.matched(drawn, positive, 1 - looked_up(probability, row))

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        width = drawn.positive.size(1) // drawn.scorer.parts
        return masked(drawn, self.probability(self.logit[drawn.query.rel_type, :width])[:, None])

    def probability(self, logit: Float[Tensor, "r h"]) -> Float[Tensor, "r h"]:
        """The probabilities. Their mean in each row is the budget, and the gradient includes the shift :math:`c_r`."""
        budget = (self.mutation_ratio - self.floor) / (1 - 2 * self.floor)
        with torch.no_grad():
            centre = torch.logit(torch.full((), budget, dtype=logit.dtype, device=logit.device))
            low, high = centre - logit.amax(1, keepdim=True), centre - logit.amin(1, keepdim=True)
            for _ in range(ROUNDS):
                middle = (low + high) / 2
                above = (logit + middle).sigmoid().mean(1, keepdim=True) > budget
                low, high = torch.where(above, low, middle), torch.where(above, middle, high)
            shift = (low + high) / 2
            chance = (logit + shift).sigmoid()
            slope = (chance * (1 - chance)).mean(1, keepdim=True).clamp(min=1e-12)
        # one step of Newton's method moves the shift by nothing and gives it the gradient of an implicit function
        shift = shift - ((logit + shift).sigmoid().mean(1, keepdim=True) - budget) / slope
        return self.floor + (1 - 2 * self.floor) * (logit + shift).sigmoid()


class _TurnRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return value.view_as(value)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return -grad


def turn_round(value: Float[Tensor, "r h"]) -> Float[Tensor, "r h"]:
    """The value itself with the gradient's sign reversed: descent on the loss is ascent for this value."""
    return _TurnRound.apply(value)
