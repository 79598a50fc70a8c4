"""All entities in order, known by a mark: on a device, a look at their numbers would mean waiting for it."""

import torch
from jaxtyping import Int
from torch import Tensor


def everyone(size: int, device: torch.device | str | None = None) -> Int[Tensor, "1 n"]:
    """All entities in order, ``(1, n)``, which :func:`is_everyone` knows again. Not to be written to."""
    index = torch.arange(size, device=device)[None]
    index.everyone = True  # type: ignore[attr-defined]
    return index


def is_everyone(index: Int[Tensor, "*s"], size: int) -> bool:
    """Whether :func:`everyone` made this very tensor, of that size; a copy or a part of it is like any other."""
    return getattr(index, "everyone", False) and index.numel() == size
