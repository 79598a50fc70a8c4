"""Embedding mutation that learns where to mutate."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter

from gnnneg.checks import refuse_share, table, widths
from gnnneg.errors import UserError
from gnnneg.generators.matched import seed
from gnnneg.generators.term import Term, exchanged, positives
from gnnneg.interfaces import Generator, Scorer, SoftLabel
from gnnneg.records import Made, Mutation, Negatives, Query

ROUNDS = 40  # of bisection: the shift lies within 1e-9 of where it should be


class LearnedEMU(Generator):
    r"""Mutation with a probability for each coordinate of each relation, trained to make the loss *larger*.

    Coordinate :math:`l` comes from the positive with probability

    .. math::
        p_{rl} = \epsilon + (1 - 2 \epsilon) \, \sigma(a_{rl} + c_r) , \qquad \tfrac{1}{d} \sum_l p_{rl} = \rho ,

    where :math:`c_r` is whatever keeps the budget :math:`\rho` and :math:`\epsilon` keeps each mask undecided, so that
    "copy the positive" and "never touch this coordinate" are both out of reach. Scores have the mean and the variance
    of masks drawn for each negative (:class:`MatchedEMU`), which are smooth in :math:`p`: no discrete draw stands in
    the way of its gradient, which is turned round on the way back, so that the task's one optimiser does both.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the node vectors.
        share (float): :math:`\rho`, the budget.
        floor (float): :math:`\epsilon`. (default: :obj:`0.05`)
        label (float or SoftLabel): :math:`\beta`. (default: :obj:`0.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If the budget does not lie between the floor and 1 minus the floor; when called, if the model has no
            closed form, as for :class:`MatchedEMU`.
    """

    gone = {"rate": "leave it out, since Adagrad and Adam take steps of one size whatever a gradient is multiplied by"}

    noise: int | None = None
    """The last step's seed: who records steps of training for replay sees by it that Python takes part."""

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int,
        share: float,
        floor: float = 0.05,
        label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        mean: bool = True,
    ):
        super().__init__()
        refuse_share("LearnedEMU", share)
        if not 0 <= floor < share < 1 - floor:
            raise UserError(f"LearnedEMU(share={share}, floor={floor}): the share lies between floor and 1 - floor.")
        widths("LearnedEMU", hidden_channels=hidden_channels)
        table("LearnedEMU", num_relations=num_relations, hidden_channels=hidden_channels)
        self.share, self.floor = share, floor
        self.logit = Parameter(torch.empty(2 * num_relations, hidden_channels))
        self.term = Term("LearnedEMU", label, scale, mean)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts from one probability for all coordinates."""
        torch.nn.init.zeros_(self.logit)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        positive = positives(scorer, target)
        width = positive.size(1) // scorer.parts
        if width > self.logit.size(1):
            raise UserError(f"LearnedEMU has {self.logit.size(1)} hidden_channels, the model's vectors {width}.")
        relation, row = query.rel_type, torch.arange(len(query.rel_type), device=positive.device)
        if len(self.logit) < len(relation):  # each once, asked for or not: to find out would be to wait for a device
            relation, row = torch.arange(len(self.logit), device=positive.device), relation
        probability = self.probability(turn_round(self.logit[relation, :width]))
        self.noise = seed(generator, positive.device)
        mutation = Mutation(positive, 1 - probability[row], noise=self.noise)
        return self.term(query, negatives, scorer.mutated(negatives.index, mutation))

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        size = len(target), negatives.index.size(1), positives(scorer, target).size(1) // scorer.parts
        probability = self.probability(self.logit[query.rel_type, : size[2]])
        keep = torch.rand(size, device=target.device, generator=generator) >= probability[:, None]
        return exchanged(scorer, target, negatives, keep)

    def probability(self, logit: Float[Tensor, "r h"]) -> Float[Tensor, "r h"]:
        """The probabilities, whose mean in each row is the budget, with the gradient of the shift that sees to it."""
        budget = (self.share - self.floor) / (1 - 2 * self.floor)
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
    """The value itself, and minus its gradient: whoever descends on the loss makes this one ascend."""
    return _TurnRound.apply(value)
