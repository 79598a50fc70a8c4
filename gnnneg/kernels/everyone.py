"""Entities in order, known by a mark: on a device, a look at their numbers would mean waiting for it."""

import torch
from jaxtyping import Int
from torch import Tensor


def everyone(size: int, device: torch.device | str | None = None) -> Int[Tensor, "1 n"]:
    """All entities in order, ``(1, n)``, which :func:`is_everyone` knows again. Not to be written to."""
    return consecutive(0, size, device)


def consecutive(start: int, stop: int, device: torch.device | str | None = None) -> Int[Tensor, "1 k"]:
    """The entities from ``start`` to ``stop``, ``(1, k)``: a table's rows without a copy, by :func:`span_of`.

    Not to be written to.
    """
    index = torch.arange(start, stop, device=device)[None]
    index.span = start, stop  # type: ignore[attr-defined]
    return index


def span_of(index: Int[Tensor, "*s"]) -> tuple[int, int] | None:
    """The first entity and one past the last, if :func:`consecutive` made this very tensor.

    A copy or a part of it is like any other.
    """
    span: tuple[int, int] | None = getattr(index, "span", None)
    return span if span is not None and span[1] - span[0] == index.numel() else None


def is_everyone(index: Int[Tensor, "*s"], size: int) -> bool:
    """Whether it is :func:`everyone`, of that size."""
    return span_of(index) == (0, size)
