"""Two ways to hold node vectors: a dense gradient for the whole table, or one for the rows touched."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from gnnneg.interfaces import Encoding
from gnnneg.kernels.rows import compact


class Dense(Encoding):
    """A table whose gradient is as large as itself; any graph encoder's output."""

    def __init__(self, table: Float[Tensor, "n d"]):
        self.table = table

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        if self._is_everyone(index):  # the table as it is: no copy, and no scattering of its gradient
            return self.table.view(*index.shape, self.table.size(1))
        return F.embedding(index, self.table)

    def _is_everyone(self, index: Int[Tensor, "*s"]) -> bool:
        """Whether all rows are asked for in order, as in 1-vs-all; on a device, looking would mean waiting for it."""
        size = self.table.size(0)
        return (
            index.numel() == size
            and index.device.type == "cpu"
            and torch.equal(index.flatten(), torch.arange(size, dtype=index.dtype))
        )

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        return self.table, index


class RowSparse(Encoding):
    """A table whose gradient holds only the rows touched, so that a step costs nothing for the others."""

    def __init__(self, table: Float[Tensor, "n d"]):
        self.table = table

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        table, place = self.rows(index)
        return F.embedding(place, table)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        row, place = compact(index, self.table.size(0))
        return F.embedding(row, self.table, sparse=True), place
