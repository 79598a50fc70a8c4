"""Draws without replacement by adding noise and sorting, not one by one."""

import torch
from jaxtyping import Float
from torch import Tensor


def perturbed(score: Float[Tensor, "b k"], rng: torch.Generator | None = None) -> Float[Tensor, "b k"]:
    """Scores with Gumbel noise: the largest of a row are a draw without replacement, in proportion to :math:`e^s`.

    Paper: `"Stochastic Beams and Where to Find Them" <https://arxiv.org/abs/1903.06059>`_.
    """
    chance = torch.rand(score.shape, generator=rng, device=score.device)
    return score - (-chance.clamp(min=torch.finfo(chance.dtype).tiny).log()).log()
