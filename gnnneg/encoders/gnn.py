"""Any of PyG's graph networks."""

from torch import nn
from torch_geometric.data import Data

from gnnneg.checks import widths
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding


class GNN(Encoder):
    """A module from PyG, such as :class:`torch_geometric.nn.GCN`, on a graph with node features.

    Args:
        module (torch.nn.Module): Called with ``x`` and ``edge_index``.
        hidden_channels (int): Width of what it gives.
    """

    uses_graph = True

    def __init__(self, module: nn.Module, hidden_channels: int):
        super().__init__()
        widths("GNN", hidden_channels=hidden_channels)
        self.module, self.hidden_channels = module, hidden_channels

    def forward(self, graph: Data | None) -> Encoding:
        """Node states.

        Raises:
            UserError: If there is no graph, or it has no features.
        """
        if graph is None or graph.x is None:
            raise UserError("A graph network needs a graph with node features, x, and edge_index.")
        return Dense(self.module(graph.x, graph.edge_index))
