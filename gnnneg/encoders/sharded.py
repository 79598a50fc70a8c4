"""The embedding table over several processes."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.allocation import on_large_pages
from gnnneg.checks import not_negative, table, widths
from gnnneg.distributed import block, fetched, leaves_empty, size
from gnnneg.encoders.at_once import AtOnce
from gnnneg.encoders.initial import uniform
from gnnneg.encodings import RowSparse
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.kernels.everyone import is_everyone, span_of
from gnnneg.memory import refuse_beyond

FLOAT = 4  # bytes


class RowSharded(AtOnce):
    """A table of which each of several processes holds a block of rows. Requested rows are sent, and their gradients
    are sent back.

    Args:
        own (torch.Tensor): This process's rows.
        num_rows (int): Rows of the whole table.
    """

    def __init__(self, own: Float[Tensor, "o d"], num_rows: int):
        super().__init__(num_rows)
        self.own = own

    def ahead(self, *index: Int[Tensor, "..."]) -> None:
        self._refuse(*index)
        super().ahead(*index)

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        start, stop = block(self.num_rows)
        span = span_of(index)
        if span is not None and start <= span[0] and span[1] <= stop and not torch.is_grad_enabled():
            return self.own[span[0] - start : span[1] - start].view(*index.shape, self.own.size(1))
        self._refuse(index)
        return super().__getitem__(index)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        self._refuse(index)
        return super().rows(index)

    def fetch(
        self, row: Int[Tensor, "u"], learned: Bool[Tensor, "u"] | None = None
    ) -> tuple[Float[Tensor, "u d"], Float[Tensor, "l d"]]:
        return fetched(self.own, row, self.num_rows, learned)

    def _refuse(self, *index: Int[Tensor, "..."]) -> None:
        if any(is_everyone(one, self.num_rows) for one in index):
            raise UserError(
                f"All {self.num_rows:,} entities' vectors are asked for at once (All, KvsAll, a sampler that compares "
                "with all), but each process holds a part of them: draw negatives (Uniform, Popular, InBatch)."
            )


class ShardedLookup(Encoder):
    r"""One free vector per node, as :class:`Lookup`, with the rows of the table divided among all processes.

    Each process holds ``num_nodes / world`` rows and the optimiser's state for these alone. A step sends the rows that
    it uses, and their gradients back. Gradients are row-sparse, so the optimiser has to support them
    (:class:`~gnnneg.training.LazyAdam`, :class:`~gnnneg.training.RowAdagrad`). In one process it is
    ``Lookup(sparse=True)``, with the same initial vectors.

    Cost: with ``u`` distinct rows a step and process, about :math:`2 u d` numbers each way.

    Args:
        num_nodes (int): Number of entities.
        hidden_channels (int): Width of the vectors, in real numbers.
        bound (float, optional): Vectors start uniform in :math:`[-\text{bound}, \text{bound}]`; :obj:`None` is
            Glorot's :math:`\sqrt{6 / (n + d)}`. (default: :obj:`None`)

    Raises:
        UserError: If a process would have no row, or this process's rows would take more memory than is free.
    """

    uses_graph = False

    def __init__(self, num_nodes: int, hidden_channels: int, bound: float | None = None):
        super().__init__()
        widths("ShardedLookup", hidden_channels=hidden_channels)
        table("ShardedLookup", num_nodes=num_nodes, hidden_channels=hidden_channels)
        not_negative("ShardedLookup", bound=bound)
        if leaves_empty(num_nodes, size()):
            raise UserError(
                f"ShardedLookup: {size()} processes for {num_nodes} entities leave some without a row: start fewer."
            )
        self.num_nodes, self.hidden_channels = num_nodes, hidden_channels
        self.bound = math.sqrt(6 / (num_nodes + hidden_channels)) if bound is None else bound
        start, stop = block(num_nodes)
        refuse_beyond(
            FLOAT * (stop - start) * hidden_channels,
            f"ShardedLookup: a table of {stop - start:,} of {num_nodes:,} entities' {hidden_channels:,} numbers",
            "lower hidden_channels, or start more processes",
            torch.get_default_device(),
        )
        self.weight = Parameter(on_large_pages(torch.empty(stop - start, hidden_channels)))
        self.weight.num_rows = num_nodes  # type: ignore[attr-defined]  # by which distributed.parted knows it
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new vectors, which are those of one process."""
        uniform(self.weight, self.bound, self.num_nodes, block(self.num_nodes)[0])

    def forward(self, graph: Data | None) -> Encoding:
        return RowSharded(self.weight, self.num_nodes) if size() > 1 else RowSparse(self.weight)
