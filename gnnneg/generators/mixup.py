"""Mixtures of positives and negatives."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.checks import positive
from gnnneg.errors import UserError
from gnnneg.generators.term import Term, exchanged, positives
from gnnneg.interfaces import Generator, Scorer
from gnnneg.records import Made, Mutation, Negatives, Query


class Mixup(Generator):
    r"""Mixtures of the positive and each negative, from `"mixup: Beyond Empirical Risk Minimization"
    <https://arxiv.org/abs/1710.09412>`_, the released EMU code's other way to make hard negatives,

    .. math::
        \hat{\mathbf{z}}_j = (1 - \lambda_j) \mathbf{z}^+ + \lambda_j \mathbf{z}_j , \qquad
        \lambda_j \sim \mathrm{Beta}(a, b) , \qquad \beta_j = 1 - \lambda_j ,

    where the soft label :math:`\beta_j` is what a mixture has from the positive.

    Cost: vectors are made, ``(b, k, d)`` numbers in chunks, twice.

    Args:
        a (float): First parameter of the Beta distribution. (default: :obj:`2.0`)
        b (float): Second parameter. (default: :obj:`1.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If a parameter is not above 0, or scale negative.
    """

    def __init__(self, a: float = 2.0, b: float = 1.0, scale: float = 1.0, mean: bool = True):
        super().__init__()
        if min(a, b) <= 0:
            raise UserError(f"Mixup(a={a}, b={b}): both parameters of a Beta distribution are above 0.")
        positive("Mixup", a=a, b=b)
        self.a, self.b = a, b
        self.term = Term("Mixup", 0.0, scale, mean)

    def forward(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Made:
        keep = self._shares(target, negatives, generator)
        score = scorer.mutated(negatives.index, Mutation(positives(scorer, target), keep[:, :, None]))
        made = self.term(query, negatives, score)
        return Made(made.score, made.weight, 1 - keep, made.scale)

    def vectors(
        self,
        scorer: Scorer,
        query: Query,
        target: Int[Tensor, "b"],
        negatives: Negatives,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b m d"]:
        return exchanged(scorer, target, negatives, self._shares(target, negatives, generator)[:, :, None])

    def _shares(
        self, target: Int[Tensor, "b"], negatives: Negatives, generator: torch.Generator | None
    ) -> Float[Tensor, "b k"]:
        """What each mixture has from the negative."""
        like = torch.ones(len(target), negatives.index.size(1), device=target.device)
        one, other = (_gamma(like * value, generator) for value in (self.a, self.b))
        return one / (one + other).clamp(min=torch.finfo(one.dtype).tiny)


def _gamma(shape: Tensor, generator: torch.Generator | None) -> Tensor:
    """Gamma variates, whose ratios are Beta variates; the draw that torch.distributions makes, from a generator."""
    return torch._standard_gamma(shape, generator=generator)
