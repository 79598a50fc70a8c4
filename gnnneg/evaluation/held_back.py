"""Labelled pairs that settings are chosen on, apart from those that figures are made on."""

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from gnnneg.errors import UserError, echo
from gnnneg.kernels.unique import numbered_rows

LAST_SEED = (1 << 32) - 1
SEED = 42


def held_back(
    pairs: Int[Tensor, "2 m"], label: Shaped[Tensor, "m"], share: float, seed: int = SEED
) -> Bool[Tensor, "m"]:
    """Which pairs are held back for choosing settings: a share of each label, drawn from a seed of its own.

    Two rows of the same two entities, in either order, are one pair: both are held back, or neither is. Otherwise a
    setting would be chosen by a pair that its figure is made on. The draw depends on the pairs and not on the order of
    their rows.

    Pairs are stratified by the labels that their rows have: of those with the same labels, the share is held back, up
    to one pair.

    Args:
        pairs (torch.Tensor): The two entities of each pair.
        label (torch.Tensor): 1 where they belong together, else 0.
        share (float): From 0 to below 1; 0 holds nothing back.
        seed (int): Seed of the draw. It is not the seed of a run: all runs hold back the same pairs.
            (default: :obj:`42`, as of the folds)

    Raises:
        UserError: If the share or the seed is out of range, or labels are not 0 and 1.
    """
    refuse_share(share, seed)
    positive = truth(label)
    if share == 0:
        return torch.zeros_like(positive)
    one, other = pairs.cpu().sort(0).values
    _, pair = numbered_rows(one, other)
    size = int(pair.max()) + 1 if pair.numel() else 0
    count = torch.stack([pair[side].bincount(minlength=size) for side in (~positive, positive)])
    _, kind = numbered_rows(*count)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    order = order[kind[order].argsort(stable=True)]
    until = (share * torch.arange(size + 1).double()).round()  # so many of the first: no kind is rounded by itself
    held = torch.zeros(size, dtype=torch.bool)
    held[order] = until.diff() > 0
    return held[pair]


def refuse_share(share: float, seed: int) -> None:
    """Refuses a share or a seed that is out of range.

    Raises:
        UserError: If the share is not from 0 to below 1, or the seed not from 0 to 2**32 - 1.
    """
    if not 0 <= share < 1:
        raise UserError(f"evaluation.pairs_held_back is {echo(share)}: give a share from 0 to below 1.")
    if not 0 <= seed <= LAST_SEED:
        raise UserError(f"evaluation.pairs_seed is {echo(seed)}: give a whole number from 0 to {LAST_SEED}.")


def truth(label: Shaped[Tensor, "m"]) -> Bool[Tensor, "m"]:
    """Labels of pairs as truth values.

    Raises:
        UserError: If one is neither 0 nor 1.
    """
    if not bool(((label == 0) | (label == 1)).all()):
        other = label[(label != 0) & (label != 1)][0].item()
        raise UserError(f"A pair is labelled {other}: pairs are labelled 1 or 0, those that are neither left out.")
    return label.bool().cpu()
