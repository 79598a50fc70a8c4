"""Any of PyG's graph networks."""

import inspect

import torch
from torch import nn
from torch_geometric.data import Data

from gnnneg.checks import widths
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding


class GNN(Encoder):
    """A module from PyG, such as :class:`torch_geometric.nn.GCN`, on a graph with node features.

    The features are ``data["entity"].x (n, f)``. :func:`gnnneg.from_hetero` makes them from the features of all types.
    A module that takes ``edge_type``, such as :class:`~torch_geometric.nn.RGCNConv`, gets it. There are
    ``2 * num_relations`` edge types, with inverse relations in the upper half.

    Cost: that of the module on the whole graph.

    Args:
        module (torch.nn.Module): Called with ``x`` and ``edge_index``, and with ``edge_type`` if it takes that.
        hidden_channels (int): Width of the module's output.
    """

    uses_graph = True

    def __init__(self, module: nn.Module, hidden_channels: int):
        super().__init__()
        widths("GNN", hidden_channels=hidden_channels)
        self.module, self.hidden_channels = module, hidden_channels
        depth = getattr(module, "num_layers", None)
        self.num_layers = depth if isinstance(depth, int) else None
        self.typed = "edge_type" in inspect.signature(module.forward).parameters

    def forward(self, graph: Data | None) -> Encoding:
        """Node states.

        Raises:
            UserError: If there is no graph, it has no features, or the module cannot read them or gives no vectors.
        """
        name = type(self.module).__name__
        x = None if graph is None else graph.x
        if graph is None or x is None:
            raise UserError(
                f"GNN ({name}) needs node features, x, and edge_index: set data['entity'].x, one row of numbers for "
                "each entity (or x of each node type before from_hetero), or take an encoder that learns vectors, such "
                "as Lookup, RGCN or CompGCN."
            )
        size = getattr(self.module, "in_channels", None)
        if isinstance(size, int) and size not in (-1, x.size(-1)):
            raise UserError(f"GNN ({name}) has in_channels={size}, but entities have {x.size(-1)} features: set that.")
        more = {"edge_type": graph.edge_type} if self.typed and graph.get("edge_type") is not None else {}
        try:
            states = self.module(x, graph.edge_index, **more)
        except (UserError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            kinds = f" of {int(graph.edge_type.max()) + 1} types" if more and graph.edge_type.numel() else ""
            raise UserError(
                f"GNN: {name} fails on {x.size(-1)} features and {graph.edge_index.size(1):,} edges{kinds} ({reason}): "
                "change its arguments."
            ) from error
        shape = tuple(getattr(states, "shape", ()))
        if shape != (x.size(0), self.hidden_channels):
            gives = f"shape {shape}" if shape else f"a {type(states).__name__}"
            raise UserError(
                f"GNN: {name} gives {gives}, where {x.size(0):,} vectors are asked for of width "
                f"hidden_channels={self.hidden_channels}."
            )
        return Dense(states)
