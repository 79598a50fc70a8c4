"""Mutated candidates as vectors: coordinates of entities mixed with those of targets, some candidates at a time."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gnnneg.errors import UserError
from gnnneg.records import Mutation

CHUNK = 1 << 22  # numbers of a tensor of made vectors, 16 MiB


def mixed(
    own: Float[Tensor, "b 1 d"], other: Float[Tensor, "c k d"], keep: Float[Tensor, "b l h"] | Bool[Tensor, "b l h"]
) -> Float[Tensor, "b k d"]:
    """The vectors ``other`` with the coordinates outside ``keep`` those of ``own``."""
    if 1 < keep.size(2) < own.size(2):  # one mask for all parts of a coordinate
        keep = keep.repeat(1, 1, own.size(2) // keep.size(2))
    return own + keep * (other - own)


def mixed_scores(
    mutation: Mutation,
    size: int,
    columns: Callable[[slice], Float[Tensor, "c l d"]],
    decode: Callable[[Float[Tensor, "b l d"]], Float[Tensor, "b l"]],
    name: str,
) -> Float[Tensor, "b k"]:
    """The scores of ``size`` mutated candidates, whose vectors are made, and made again for the gradient, in chunks of
    at most :obj:`CHUNK` numbers.

    Args:
        mutation (Mutation): What is exchanged.
        size (int): How many candidates there are.
        columns (Callable): The vectors of some of them.
        decode (Callable): The scores of vectors.
        name (str): Who scores, for the error.

    Raises:
        UserError: If noise is asked for, or no target given, which needs a closed form.
    """
    positive, keep = mutation.positive, mutation.keep
    if mutation.noise is not None or positive is None:
        raise UserError(f"{name} knows no closed form of mutation: give masks that are drawn, and targets.")
    if keep.dim() == 2:
        keep = keep[:, None]
    keep, step = keep.expand(-1, size, -1), max(1, CHUNK // max(1, positive.numel()))

    def part(positive: Tensor, keep: Tensor, some: slice) -> Tensor:
        return decode(mixed(positive[:, None], columns(some), keep[:, some]))

    return torch.cat(
        [
            checkpoint(part, positive, keep, slice(at, at + step), use_reentrant=False, preserve_rng_state=False)
            for at in range(0, size, step)
        ],
        dim=1,
    )
