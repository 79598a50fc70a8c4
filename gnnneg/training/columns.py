"""The examples of an epoch, in the smallest integer type that holds them."""

import torch
from jaxtyping import Int
from torch import Tensor

MOST = torch.iinfo(torch.int32).max


class Columns:
    """Tensors of one length whose rows are examples.

    Numbers of entities and relations are kept in 32 bits if they fit, which halves their memory. A batch has the
    original types.

    Args:
        examples (tuple[torch.Tensor]): A tuple, or a named one.
        device (torch.device): The device that keeps them.

    Raises:
        ValueError: If their lengths differ.
    """

    def __init__(self, examples: tuple[Tensor, ...], device: torch.device):
        self._make = getattr(examples, "_make", tuple)
        self._dtypes = [column.dtype for column in examples]
        if len({len(column) for column in examples}) > 1:
            raise ValueError("examples() must give tensors of one length.")
        self._kept = [_halved(column.to(device)) for column in examples]

    def __len__(self) -> int:
        return len(self._kept[0])

    def __getitem__(self, row: Int[Tensor, "b"]) -> tuple[Tensor, ...]:
        """Some rows, in the original form and types. Cost: these rows."""
        row = row.long()
        batch: tuple[Tensor, ...] = self._make(kept[row].to(dtype) for kept, dtype in zip(self._kept, self._dtypes))
        return batch


def smallest(count: int) -> torch.dtype:
    """The smallest integer type for numbers below ``count``."""
    return torch.int32 if count <= MOST else torch.long


def _halved(column: Tensor) -> Tensor:
    if column.dtype != torch.long or not column.numel():
        return column
    low, high = torch.aminmax(column)
    return column.int() if int(low) >= -MOST and int(high) <= MOST else column
