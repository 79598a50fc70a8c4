"""Common parts of all mutations: the weight of their term, vectors with exchanged coordinates, and noise in their
place.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gnnneg.chance import seed
from gnnneg.checks import fraction, not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Drawn, Generator, Scorer, SoftLabel
from gnnneg.mixed import mixed
from gnnneg.records import Made, Mutation


class Term(nn.Module):
    r"""The soft label of mutated negatives, and the weight of their term.

    The number of negatives is the sum of their weights, and at least 1. For :class:`~gnnneg.samplers.Corrected`
    negatives that is about the number of all entities, and the term is an estimate of that over all entities. If the
    weights sum to less than 1, the positive still counts exactly once.

    Args:
        name (str): The generator, for errors.
        soft_label (float or SoftLabel): Soft label.
        scale (float): Weight of the term.
        mean (bool): Whether the term is divided by its number of negatives.

    Raises:
        UserError: If a label is outside :math:`[0, 1]` or a scale is negative.
    """

    def __init__(self, name: str, soft_label: float | SoftLabel, scale: float, mean: bool):
        super().__init__()
        if not isinstance(soft_label, SoftLabel):
            fraction(name, soft_label=soft_label)
        not_negative(name, scale=scale)
        self.soft_label, self.scale, self.mean = soft_label, scale, mean

    def forward(self, drawn: Drawn, score: Float[Tensor, "b m"]) -> Made:
        """The record of a generator whose scores belong to the sampled negatives one by one."""
        weight, scale = drawn.negatives.weight, torch.full((1,), self.scale, device=score.device)
        if self.mean:
            count = weight.sum(1) if weight.size(1) > 1 else weight[:, 0] * score.size(1)
            scale = scale / count.clamp(min=1)
        label = self.soft_label
        label = label(drawn.query, drawn.negatives.index) if isinstance(label, SoftLabel) else label
        return Made(score, weight, label, scale)


class Matching(Generator):
    """Mutation by noise. Scores have the mean and the variance that drawn masks would give them."""

    term: Term
    noise: int | None = None
    """The last step's seed. It tells the recorder of CUDA graphs that Python takes part in the step."""

    def matched(
        self, drawn: Drawn, positive: Float[Tensor, "b d"], keep: Float[Tensor, "b h"], pace: float | None = None
    ) -> Made:
        """Scores of negatives whose coordinates stay with probability ``keep``, or as :class:`Mutation` says."""
        self.noise = seed(drawn.rng, positive.device)
        mutation = Mutation(positive, keep, noise=self.noise, pace=pace)
        return self.term(drawn, drawn.scorer.mutated(drawn.negatives.index, mutation))


def exchange(name: str, mutation_ratio: float, width: int) -> int:
    """How many of ``width`` coordinates are exchanged.

    Raises:
        UserError: If it is none or all of them although the ratio is not 0 or 1.
    """
    count = round(mutation_ratio * width)
    if 0 < mutation_ratio < 1 and not 0 < count < width:
        least, which = (f"at least {1 / width:g}", "none") if count == 0 else (f"at most {1 - 1 / width:g}", "all")
        raise UserError(
            f"{name}(mutation_ratio={mutation_ratio}) exchanges {which} of {width} coordinates: give {least}, or "
            f"{count and 1}."
        )
    return count


def masked(drawn: Drawn, chance: float | Float[Tensor, "b _ _"]) -> Float[Tensor, "b k d"]:
    """The negatives' vectors; each coordinate is replaced by the target's with its own probability."""
    size = len(drawn.target), drawn.negatives.index.size(1), drawn.positive.size(1) // drawn.scorer.parts
    return exchanged(drawn, torch.rand(size, device=drawn.target.device, generator=drawn.rng) >= chance)


def exchanged(drawn: Drawn, keep: Float[Tensor, "b k h"] | Bool[Tensor, "b k h"]) -> Float[Tensor, "b k d"]:
    """The negatives' vectors, with the coordinates outside ``keep`` replaced by the targets'."""
    return mixed(drawn.positive[:, None], drawn.scorer.embed(drawn.negatives.index), keep)


def terms(scorer: Scorer, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
    """The contribution of each coordinate to the scores of candidate vectors.

    Raises:
        UserError: If scores are no sums over coordinates.
    """
    found = scorer.terms(candidate)
    if found is None:
        raise UserError(
            f"{type(scorer).__name__} has scores that are no sums over coordinates: use EMU with drawn masks."
        )
    return found
