"""The embedding table over several processes."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.allocation import on_large_pages
from gnnneg.checks import not_negative, table, widths
from gnnneg.distributed import block, fetched, size
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.kernels.everyone import is_everyone, span_of
from gnnneg.kernels.rows import compact, cover
from gnnneg.memory import refuse_beyond

FLOAT = 4  # bytes
ROWS = 1 << 16  # drawn at once


class RowSharded(Encoding):
    """A table of which each process holds a block of rows. Requested rows are sent, and their gradients are sent back.

    Args:
        own (torch.Tensor): This process's rows.
        num_rows (int): Rows of the whole table.
    """

    def __init__(self, own: Float[Tensor, "o d"], num_rows: int):
        self.own, self.num_rows = own, num_rows

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        start, stop = block(self.num_rows)
        span = span_of(index)
        if span is not None and start <= span[0] and span[1] <= stop and not torch.is_grad_enabled():
            return self.own[span[0] - start : span[1] - start].view(*index.shape, self.own.size(1))
        rows, place = self.rows(index)
        return F.embedding(place, rows)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        if is_everyone(index, self.num_rows) and size() > 1:
            raise UserError(
                f"All {self.num_rows:,} entities' vectors are asked for at once (All, KvsAll, a sampler that compares "
                "with all), but each process holds a part of them: draw negatives (Uniform, Popular, InBatch)."
            )
        row, place = cover(index, self.num_rows) if size() == 1 else compact(index, self.num_rows)
        return fetched(self.own, row, self.num_rows), place


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
        UserError: If there are more processes than rows, or this process's rows would take more memory than is free.
    """

    uses_graph = False

    def __init__(self, num_nodes: int, hidden_channels: int, bound: float | None = None):
        super().__init__()
        widths("ShardedLookup", hidden_channels=hidden_channels)
        table("ShardedLookup", num_nodes=num_nodes, hidden_channels=hidden_channels)
        not_negative("ShardedLookup", bound=bound)
        if size() > num_nodes:
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

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws new vectors. Every process draws all and keeps its own, so the vectors equal those of one process."""
        start, stop = block(self.num_nodes)
        for begin in range(0, self.num_nodes, ROWS):
            end = min(begin + ROWS, self.num_nodes)
            drawn = torch.empty(end - begin, self.hidden_channels).uniform_(-self.bound, self.bound)
            first, last = max(begin, start), min(end, stop)
            if first < last:
                self.weight[first - start : last - start] = drawn[first - begin : last - begin]

    def forward(self, graph: Data | None) -> Encoding:
        return RowSharded(self.weight, self.num_nodes)
