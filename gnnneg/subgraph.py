"""What messages pass over: a graph, what hiding has left of it, or a sampled neighbourhood."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.errors import UserError

Some = Bool[Tensor, "_"] | Int[Tensor, "_"]
"""Which edges: a mask, or their numbers."""


@dataclass(frozen=True)
class MessageGraph:
    """What messages pass over, and where it is from, by PyG's names.

    An encoder is handed a ``Data``: :meth:`of` reads it, and :meth:`data` makes it.

    Args:
        edge_index (torch.Tensor): The edges, ``(2, e)``.
        num_nodes (int): Number of nodes.
        edge_type (torch.Tensor, optional): The type of each edge, ``(e,)``. (default: :obj:`None`)
        denied_edge_index, denied_edge_type (torch.Tensor, optional): Denied edges, which signed encoders read, with
            types, ``(2, f)`` and ``(f,)``. (default: :obj:`None`)
        whole (torch_geometric.data.Data, optional): The graph that :func:`~gnnneg.tasks.hide` took edges out of: what
            is made of its edges serves for those that are left. (default: :obj:`None`, none are hidden)
        kept, denied_kept (torch.Tensor, optional): Which of the whole graph's edges, and of its denied ones, are left.
            (default: :obj:`None`)
        n_id (torch.Tensor, optional): Which of all nodes the nodes of a part are, as in batches of PyG's
            ``NeighborLoader``. (default: :obj:`None`, it has all of them)
        num_sampled_nodes (list[int], optional): Of a neighbourhood, how many nodes each hop adds, beginning with those
            asked for, which come first. (default: :obj:`None`)
        statistics (dict, optional): What the neighbourhoods of a step share, for
            :class:`~gnnneg.encoders.batch_norm.PartNorm`. (default: :obj:`None`)
    """

    edge_index: Int[Tensor, "2 e"]
    num_nodes: int
    edge_type: Int[Tensor, "e"] | None = None
    denied_edge_index: Int[Tensor, "2 f"] | None = None
    denied_edge_type: Int[Tensor, "f"] | None = None
    whole: Data | None = None
    kept: Bool[Tensor, "w"] | None = None
    denied_kept: Bool[Tensor, "v"] | None = None
    n_id: Int[Tensor, "n"] | None = None
    num_sampled_nodes: list[int] | None = None
    statistics: dict[nn.Module, tuple[Tensor, Tensor]] | None = None

    @staticmethod
    def of(graph: Data | None, whose: str, num_nodes: int | None = None) -> "MessageGraph":
        """Reads a graph.

        Args:
            graph (torch_geometric.data.Data, optional): The graph.
            whose (str): Who asks for it.
            num_nodes (int, optional): How many nodes it must have if it is no part. (default: :obj:`None`, any)

        Raises:
            UserError: If there is none, or it has no edges or another number of nodes.
        """
        if graph is None or graph.edge_index is None:
            raise UserError(f"{whose} needs a graph with edge_index and edge_type, as message_graph makes it.")
        held: dict[str, Any] = {**graph.to_dict(), "num_nodes": graph.num_nodes}
        if num_nodes is not None and "n_id" not in held and graph.num_nodes != num_nodes:
            raise UserError(f"{whose} was made for {num_nodes:,} nodes, but the graph has {graph.num_nodes:,}.")
        return MessageGraph(**{name: held[name] for name in NAMES if name in held})

    @property
    def origin(self) -> "MessageGraph":
        """The whole graph; itself if nothing is hidden."""
        return self if self.whole is None else MessageGraph.of(self.whole, "hide")

    def edges(self, denied: bool = False) -> tuple[Int[Tensor, "2 _"], Int[Tensor, "_"]]:
        """The edges, or the denied ones, and their types.

        Raises:
            UserError: If they or their types are missing.
        """
        index, kind = (self.denied_edge_index, self.denied_edge_type) if denied else (self.edge_index, self.edge_type)
        if index is None or kind is None:
            names = "denied_edge_index and denied_edge_type" if denied else "edge_index and edge_type"
            raise UserError(f"{'A signed' if denied else 'The'} encoder needs {names}, as in message_graph.")
        return index, kind

    def check(self, num_types: int) -> None:
        """Raises:
        UserError: If an edge has a type that none of ``num_types`` is.
        """
        for kind in (self.edge_type, self.denied_edge_type):
            highest = -1 if kind is None or not kind.numel() else int(kind.max())
            if highest >= num_types:
                raise UserError(f"The graph has edge type {highest}, but num_relations allows only {num_types}.")

    def left(self, signed: bool) -> Bool[Tensor, "_"] | None:
        """Which of the whole graph's edges are left, denied ones behind the others if ``signed``; None if all."""
        if signed and self.kept is not None and self.denied_kept is not None:
            return torch.cat([self.kept, self.denied_kept])
        return self.kept

    def subgraph(self, edge: Some, denied: Some | None = None) -> "MessageGraph":
        """The same nodes with some of the edges; without denied ones if none are named."""
        some = MessageGraph(
            edge_index=self.edge_index[:, edge],
            num_nodes=self.num_nodes,
            edge_type=None if self.edge_type is None else self.edge_type[edge],
            n_id=self.n_id,
            num_sampled_nodes=self.num_sampled_nodes,
            statistics=self.statistics,
        )
        if denied is None:
            return some
        index, kind = self.edges(denied=True)
        return replace(some, denied_edge_index=index[:, denied], denied_edge_type=kind[denied])

    def data(self, graph: Data, edge: Some, node: Int[Tensor, "n"] | None = None) -> Data:
        """As an encoder is handed it, with all else that a graph holds of these edges and nodes.

        Args:
            graph (torch_geometric.data.Data): Of which it is a part.
            edge (torch.Tensor): Which of its edges these are.
            node (torch.Tensor, optional): Which of its nodes these are. (default: :obj:`None`, all)
        """
        held = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        for name, value in graph.to_dict().items():
            if name in NAMES:
                continue
            part = edge if graph.is_edge_attr(name) else node if node is not None and graph.is_node_attr(name) else None
            if part is not None and isinstance(value, Tensor):
                value = value[..., part] if graph.__cat_dim__(name, value) == -1 else value[part]
            held[name] = value
        return Data(**held)


NAMES = tuple(field.name for field in fields(MessageGraph))
