"""Mixtures of positives and negatives."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gnnneg.checks import positive
from gnnneg.generators.mutation import Term, exchanged
from gnnneg.interfaces import Drawn, Generator
from gnnneg.records import Made, Mutation


class Mixup(Generator):
    r"""Mixtures of the positive and each negative, from `"mixup: Beyond Empirical Risk Minimization"
    <https://arxiv.org/abs/1710.09412>`_, the other way to make hard negatives in EMU's released code,

    .. math::
        \hat{\mathbf{z}}_j = (1 - \lambda_j) \mathbf{z}^+ + \lambda_j \mathbf{z}_j , \qquad
        \lambda_j \sim \mathrm{Beta}(a, b) , \qquad \beta_j = 1 - \lambda_j ,

    where the soft label :math:`\beta_j` is the positive's share of the mixture.

    Cost: vectors are made, ``(b, k, d)`` numbers in chunks, twice.

    Args:
        a (float): First parameter of the Beta distribution. (default: :obj:`2.0`)
        b (float): Second parameter. (default: :obj:`1.0`)
        scale (float): Weight of the term. (default: :obj:`1.0`)
        mean (bool): Whether the term is divided by its number of negatives. (default: :obj:`True`)

    Raises:
        UserError: If a parameter is not above 0, or scale is negative.
    """

    def __init__(self, a: float = 2.0, b: float = 1.0, scale: float = 1.0, mean: bool = True):
        super().__init__()
        positive("Mixup", a=a, b=b)
        self.a, self.b = a, b
        self.term = Term("Mixup", 0.0, scale, mean)

    def forward(self, drawn: Drawn) -> Made:
        keep = self._shares(drawn)
        mutation = Mutation(drawn.positive, keep[:, :, None])
        made = self.term(drawn, drawn.scorer.mutated(drawn.negatives.index, mutation))
        return replace(made, label=1 - keep)

    def vectors(self, drawn: Drawn) -> Float[Tensor, "b m d"]:
        return exchanged(drawn, self._shares(drawn)[:, :, None])

    def _shares(self, drawn: Drawn) -> Float[Tensor, "b k"]:
        """The negative's share of each mixture, a Beta variate, computed as a ratio of Gamma variates."""
        like = torch.ones(len(drawn.target), drawn.negatives.index.size(1), device=drawn.target.device)
        # as torch.distributions draws, which takes no generator
        one, other = (torch._standard_gamma(like * value, generator=drawn.rng) for value in (self.a, self.b))
        return one / (one + other).clamp(min=torch.finfo(one.dtype).tiny)
