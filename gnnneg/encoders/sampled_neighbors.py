"""Node vectors made when they are asked for, of a sampled neighbourhood and no more."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from gnnneg.encoders.in_edges import InEdges
from gnnneg.encoders.remember import once
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.kernels.rows import compact

DENIED = "denied_edge_index", "denied_edge_type"


class SampledNeighbors(Encoder):
    """Shows an encoder, while training, only the sampled neighbourhoods of the nodes that a step asks about, as in
    `"Inductive Representation Learning on Large Graphs" <https://arxiv.org/abs/1706.02216>`_; when it is judged, all
    of the graph.

    The nodes of a neighbourhood know theirs by ``n_id``, as in batches of PyG's ``NeighborLoader``. With all
    neighbours of as many hops as the encoder has layers, vectors and gradients are those of the whole graph (CompGCN's
    are not: it also counts the edges that leave a node, and normalises over the nodes that it sees).

    A step's messages do not depend on the size of the graph; only hiding the batch's statements, and the dense
    gradient of the encoder's own table, still do. Each question a step asks (for anchors, targets, negatives) draws
    neighbourhoods of its own: shared negatives are few nodes to ask for.

    Args:
        encoder (Encoder): Passes messages.
        num_neighbors (list[int]): How many edges into each node asked for, then into each of these edges' sources, and
            so on, one number for each layer of the encoder; -1 is all.

    Raises:
        UserError: If the encoder passes no messages, or a number is neither positive nor -1.
    """

    uses_graph = True

    def __init__(self, encoder: Encoder, num_neighbors: Sequence[int]):
        super().__init__()
        if not encoder.uses_graph:
            raise UserError(f"{type(encoder).__name__} passes no messages: leave SampledNeighbors out.")
        if not num_neighbors or any(size < 1 and size != -1 for size in num_neighbors):
            raise UserError(f"num_neighbors are positive numbers, or -1 for all, one a layer: not {num_neighbors}.")
        self.encoder, self.num_neighbors = encoder, list(num_neighbors)
        self.hidden_channels = encoder.hidden_channels
        self.signed = bool(getattr(encoder, "signed", False))

    def forward(self, graph: Data | None) -> Encoding:
        if graph is None or not self.training:
            return self.encoder(graph)
        return Neighborhoods(self.encoder, graph, self.num_neighbors, self.signed)


class Neighborhoods(Encoding):
    """Vectors from neighbourhoods, which are drawn for each question.

    Args:
        encoder (Encoder): Passes messages.
        graph (torch_geometric.data.Data): All of it, or without hidden edges.
        num_neighbors (list[int]): See :class:`SampledNeighbors`.
        signed (bool): Whether denied edges are edges, too.
    """

    def __init__(self, encoder: Encoder, graph: Data, num_neighbors: list[int], signed: bool):
        self.encoder, self.num_neighbors, self.signed = encoder, num_neighbors, signed
        self.whole, self.kept = graph.get("whole", graph), graph.get("kept")
        if signed and self.kept is not None:
            self.kept = torch.cat([self.kept, graph.denied_kept])

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        table, place = self.rows(index)
        return F.embedding(place, table)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        node, place = compact(index, self.whole.num_nodes)
        part = self.around(node)
        return self.encoder(part)[torch.searchsorted(part.n_id, node)], place

    def around(self, node: Int[Tensor, "u"]) -> Data:
        """The graph of a neighbourhood drawn around some nodes, its own nodes being ``n_id`` of all."""
        whole, edges = self.whole, self._edges()
        reached, last, found = node, node, []
        for size in self.num_neighbors:
            found.append(edges.drawn(last, size, self.kept))
            more = torch.cat([reached, edges.edge_index[0, found[-1]]]).unique()
            last = more[~torch.isin(more, reached, assume_unique=True)]
            reached = more
        edge = torch.cat(found)
        stated = edge[edge < whole.num_edges]
        part = {"num_nodes": len(reached), "n_id": reached}
        part["edge_index"] = torch.searchsorted(reached, whole.edge_index[:, stated])
        if self.signed:
            denied = edge[edge >= whole.num_edges] - whole.num_edges
            part[DENIED[0]] = torch.searchsorted(reached, whole[DENIED[0]][:, denied])
            part[DENIED[1]] = whole[DENIED[1]][denied]
        for name, value in whole.to_dict().items():
            if name in part or name in DENIED:
                continue
            of = stated if whole.is_edge_attr(name) else reached if whole.is_node_attr(name) else None
            part[name] = value[of] if isinstance(value, Tensor) and of is not None else value
        return Data(**part)

    def _edges(self) -> InEdges:
        whole = self.whole
        if not self.signed:
            return once(whole.edge_index, (), "in", lambda: InEdges.of(whole.edge_index, whole.num_nodes))
        both = whole.edge_index, whole[DENIED[0]]
        return once(both[0], both[1:], "in, signed", lambda: InEdges.of(torch.cat(both, dim=1), whole.num_nodes))
