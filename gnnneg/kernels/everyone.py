"""Marks tensors of consecutive entities, because reading their values on a device would make the host wait."""

import torch
from jaxtyping import Int
from torch import Tensor


def everyone(size: int, device: torch.device | str | None = None) -> Int[Tensor, "1 n"]:
    """All entities in order, ``(1, n)``, recognised by :func:`is_everyone`. Must not be written to."""
    return consecutive(0, size, device)


def consecutive(start: int, stop: int, device: torch.device | str | None = None) -> Int[Tensor, "1 k"]:
    """The entities from ``start`` to ``stop``, ``(1, k)``. :func:`span_of` recognises them, so that table rows need no
    copy.

    Must not be written to.
    """
    index = torch.arange(start, stop, device=device)[None]
    index.span = start, stop  # type: ignore[attr-defined]
    return index


def span_of(index: Int[Tensor, "*s"]) -> tuple[int, int] | None:
    """The first entity and one past the last, if :func:`consecutive` created this very tensor.

    Copies and parts of it are not recognised.
    """
    span: tuple[int, int] | None = getattr(index, "span", None)
    return span if span is not None and span[1] - span[0] == index.numel() else None


def is_everyone(index: Int[Tensor, "*s"], size: int) -> bool:
    """Whether this is the tensor of :func:`everyone` with that size."""
    return span_of(index) == (0, size)
