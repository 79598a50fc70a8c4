"""Two ways to hold node vectors: a dense gradient for the whole table, or one for the rows touched."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.interfaces import Encoding
from gnnneg.kernels.everyone import span_of
from gnnneg.kernels.rows import cover
from gnnneg.row_gradient import Rows

RARE = 16  # where so few of the rows are looked up, they are not made distinct first


class Dense(Encoding):
    """A table whose gradient is as large as itself; any graph encoder's output."""

    def __init__(self, table: Float[Tensor, "n d"]):
        self.table = table

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        size, span = self.table.size(0), span_of(index)
        if span is not None and span[1] <= size:  # rows as they are: no copy, and no scattering of a gradient
            table = self.table if span == (0, size) else self.table[slice(*span)]
            return table.view(*index.shape, table.size(1))
        return F.embedding(index, self.table)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        return self.table, index


class RowSparse(Encoding):
    """A table whose gradient holds only the rows touched, so that a step costs nothing for the others."""

    def __init__(self, table: Float[Tensor, "n d"]):
        self.table = table
        self._table: Rows | None = None

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        if not self._learns():
            return Dense(self.table)[index]
        if self._is_rare(index):
            return self._looked_up(index)
        table, place = self.rows(index)
        return F.embedding(place, table)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        if not self._learns():
            return self.table, index
        if self._is_rare(index):
            place = torch.arange(index.numel(), device=index.device)
            return self._looked_up(index.reshape(-1)), place.view(index.shape)
        row, place = cover(index, self.table.size(0))
        return self._looked_up(row), place

    def rare(self, index: Int[Tensor, "*s"]) -> Rows | None:
        plain = self.table.device.type == "cpu" and self.table.dtype in (torch.float32, torch.float64)
        if not (plain and self._learns() and self._is_rare(index)) or torch.compiler.is_compiling():
            return None
        return self._shared()

    def _is_rare(self, index: Int[Tensor, "*s"]) -> bool:
        """Whether hardly a row comes twice: the optimiser sums those that do."""
        return index.numel() * RARE <= self.table.size(0)

    def _looked_up(self, row: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        if torch.compiler.is_compiling():  # it can see no gradients that are collected
            return F.embedding(row, self.table, sparse=True)
        return self._shared()[row]

    def _shared(self) -> Rows:
        if self._table is None:
            self._table = Rows(self.table)
        return self._table

    def _learns(self) -> bool:
        """Else there is no gradient whose rows would have to be few, and nothing to copy them for."""
        return torch.is_grad_enabled() and self.table.requires_grad
