"""What all mutations say of their loss term, and the checks they share."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gnnneg.checks import not_negative
from gnnneg.errors import UserError
from gnnneg.interfaces import Scorer, SoftLabel
from gnnneg.records import Made, Negatives, Query


class Term(nn.Module):
    r"""How mutated negatives count: their soft label, and the weight of their term.

    The number of negatives is the sum of their weights, and at least 1. Of :class:`~gnnneg.samplers.Corrected`
    negatives that is about the number of all entities, and the term estimates that of all entities. Where weights sum
    below 1 the positive still counts once, not once for each fraction.

    Args:
        name (str): Who asks, for errors.
        label (float or SoftLabel): Soft label.
        scale (float): Weight of the term.
        mean (bool): Whether the term is divided by its number of negatives.

    Raises:
        UserError: If a label lies outside :math:`[0, 1]` or a scale is negative.
    """

    def __init__(self, name: str, label: float | SoftLabel, scale: float, mean: bool):
        super().__init__()
        if not isinstance(label, SoftLabel) and not 0 <= label <= 1:
            raise UserError(f"{name}(label={label}): a soft label lies between 0, wrong, and 1, as true as the target.")
        if scale < 0:
            raise UserError(f"{name}(scale={scale}): a negative weight would teach the opposite.")
        not_negative(name, scale=scale)
        self.label, self.scale, self.mean = label, scale, mean

    def forward(self, query: Query, negatives: Negatives, score: Float[Tensor, "b m"]) -> Made:
        """The record of a generator whose scores belong to the sampled negatives one by one."""
        weight, scale = negatives.weight, torch.full((1,), self.scale, device=score.device)
        if self.mean:
            count = weight.sum(1) if weight.size(1) > 1 else weight[:, 0] * score.size(1)
            scale = scale / count.clamp(min=1)
        label = self.label(query, negatives.index) if isinstance(self.label, SoftLabel) else self.label
        return Made(score, weight, label, scale)


def exchange(name: str, share: float, width: int) -> int:
    """How many of ``width`` coordinates are exchanged.

    Raises:
        UserError: If it is none or all of them, and the share is not 0 or 1.
    """
    count = round(share * width)
    if 0 < share < 1 and not 0 < count < width:
        least, which = (f"at least {1 / width:g}", "none") if count == 0 else (f"at most {1 - 1 / width:g}", "all")
        raise UserError(
            f"{name}(share={share}) exchanges {which} of {width} coordinates: give {least}, or {count and 1}."
        )
    return count


def positives(scorer: Scorer, target: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    """The targets' vectors."""
    return scorer.embed(target[:, None])[:, 0]


def exchanged(
    scorer: Scorer, target: Int[Tensor, "b"], negatives: Negatives, keep: Float[Tensor, "b k h"] | Bool[Tensor, "b k h"]
) -> Float[Tensor, "b k d"]:
    """The negatives' vectors, with the coordinates outside ``keep`` those of the targets."""
    return between(positives(scorer, target)[:, None], scorer.embed(negatives.index), keep)


def between(
    own: Float[Tensor, "b 1 d"], other: Float[Tensor, "c k d"], keep: Float[Tensor, "b k h"] | Bool[Tensor, "b k h"]
) -> Float[Tensor, "b k d"]:
    """Vectors that are the others' where ``keep`` says so, and else the targets'."""
    if 1 < keep.size(2) < own.size(2):
        keep = keep.repeat(1, 1, own.size(2) // keep.size(2))
    return own + keep * (other - own)
