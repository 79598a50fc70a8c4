"""The embedding table, the encoder of every embedding model."""

import math

import torch
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.allocation import on_large_pages
from gnnneg.checks import not_negative, table, widths
from gnnneg.encoders.initial import uniform
from gnnneg.encodings import Dense, RowSparse
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.memory import refuse_beyond

FLOAT = 4  # bytes


class Lookup(Encoder):
    r"""One free vector per node, looked up.

    Args:
        num_nodes (int): Number of entities.
        hidden_channels (int): Width of the vectors, in real numbers. ComplEx and RotatE read the first half as real
            and the second as imaginary parts, TransD as vectors and projection vectors, so their rank 100 is 200 here.
        bound (float, optional): Vectors start uniform in :math:`[-\text{bound}, \text{bound}]`; :obj:`None` is
            Glorot's :math:`\sqrt{6 / (n + d)}`, as in PyG. (default: :obj:`None`)
        sparse (bool): Whether gradients hold only the rows of a step. Needs an optimiser that takes sparse gradients
            (:class:`~gnnneg.training.RowAdagrad`, :class:`~gnnneg.training.LazyAdam`, :class:`torch.optim.Adagrad`,
            :class:`torch.optim.SGD`). For millions of nodes it is the only way: a dense gradient takes two more tables
            while it is summed, and a step of Adam takes five. It is faster if a step uses less than about a tenth of
            the rows, and slower if it uses most of them, as 1-vs-all always does. (default: :obj:`False`)

    Raises:
        UserError: If the table would take more memory than is free.
    """

    uses_graph = False

    def __init__(self, num_nodes: int, hidden_channels: int, bound: float | None = None, sparse: bool = False):
        super().__init__()
        widths("Lookup", hidden_channels=hidden_channels)
        table("Lookup", num_nodes=num_nodes, hidden_channels=hidden_channels)
        not_negative("Lookup", bound=bound)
        refuse_beyond(
            FLOAT * num_nodes * hidden_channels,
            f"Lookup: a table of {num_nodes:,} entities' {hidden_channels:,} numbers",
            "lower hidden_channels, or train in several processes with ShardedLookup",
            torch.get_default_device(),
        )
        self.hidden_channels = hidden_channels
        self.bound = math.sqrt(6 / (num_nodes + hidden_channels)) if bound is None else bound
        self.sparse = sparse
        self.weight = Parameter(on_large_pages(torch.empty(num_nodes, hidden_channels)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new vectors."""
        uniform(self.weight, self.bound, self.weight.size(0))

    def forward(self, graph: Data | None) -> Encoding:
        return RowSparse(self.weight) if self.sparse else Dense(self.weight)
