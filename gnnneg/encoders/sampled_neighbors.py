"""Node vectors from sampled neighbourhoods, made when they are needed."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch_geometric.data import Data

from gnnneg.checks import draws
from gnnneg.encoders.batch_norm import PartNorm, Statistics
from gnnneg.encoders.in_edges import InEdges
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.kernels.rows import compact
from gnnneg.looking import judging
from gnnneg.remember import once
from gnnneg.subgraph import MessageGraph


class SampledNeighbors(Encoder):
    """Gives an encoder only the sampled neighbourhoods of a training step's nodes, and in evaluation the whole graph.

    The method is that of `"Inductive Representation Learning on Large Graphs" <https://arxiv.org/abs/1706.02216>`_. The
    nodes of a neighbourhood are ``n_id`` among all, as in batches of PyG's ``NeighborLoader``. With all neighbours, and
    as many hops as layers, vectors and gradients equal those of the whole graph. CompGCN is the exception. It also
    counts the edges that leave a node. And it normalises over the nodes that it sees, by the mean and variance of a
    step's first nodes (in link prediction, anchors and targets).

    The messages of a step do not depend on the size of the graph. Hiding the batch's statements does, and so does the
    dense gradient of the encoder's own table. A step draws one neighbourhood for each set of nodes, and uses it again
    for the same nodes. If heads and tails are predicted, anchors and targets are one set.

    Cost: that of the encoder on the neighbourhoods.

    Args:
        encoder (Encoder): Passes messages.
        num_neighbors (list[int]): Edges into each node of the step, then into each of their sources, and so on. There
            is one number for each layer of the encoder; -1 is all.

    Raises:
        UserError: If the encoder passes no messages, a number is neither positive nor -1, there are not as many numbers
            as layers, or a network of the encoder has batch normalisation.
    """

    uses_graph = True

    def __init__(self, encoder: Encoder, num_neighbors: Sequence[int]):
        super().__init__()
        if not encoder.uses_graph:
            raise UserError(f"{type(encoder).__name__} passes no messages: leave SampledNeighbors out.")
        if not num_neighbors or any(size < 1 and size != -1 for size in num_neighbors):
            raise UserError(f"num_neighbors are positive numbers, or -1 for all, one a layer: not {num_neighbors}.")
        draws("SampledNeighbors", **{f"num_neighbors[{i}]": size for i, size in enumerate(num_neighbors) if size != -1})
        if encoder.num_layers not in (None, len(num_neighbors)):
            raise UserError(
                f"{type(encoder).__name__} has num_layers={encoder.num_layers}: give as many num_neighbors, "
                f"one a layer, not {len(num_neighbors)}."
            )
        if any(isinstance(part, _BatchNorm) and not isinstance(part, PartNorm) for part in encoder.modules()):
            raise UserError(
                f"SampledNeighbors: {type(encoder).__name__} has batch normalisation, which would normalise anchors, "
                "targets and negatives each by themselves and so give answers away: use layer normalisation."
            )
        self.encoder, self.num_neighbors, self.num_layers = encoder, list(num_neighbors), encoder.num_layers
        self.hidden_channels = encoder.hidden_channels
        self.reads_denied = encoder.reads_denied

    def relation_states(self) -> Float[Tensor, "t c"] | None:
        """The encoder's."""
        return self.encoder.relation_states()

    def forward(self, graph: Data | None) -> Encoding:
        if graph is None or not self.training:
            return self.encoder(graph)
        return Neighborhoods(self.encoder, graph, self.num_neighbors, self.reads_denied)


class Neighborhoods(Encoding):
    """Vectors from neighbourhoods that are drawn for each set of nodes.

    Args:
        encoder (Encoder): Passes messages.
        graph (torch_geometric.data.Data): The graph, perhaps without hidden edges.
        num_neighbors (list[int]): See :class:`SampledNeighbors`.
        signed (bool): Whether denied edges are included.
    """

    def __init__(self, encoder: Encoder, graph: Data, num_neighbors: list[int], signed: bool):
        self.encoder, self.num_neighbors, self.signed = encoder, num_neighbors, signed
        seen = MessageGraph.of(graph, "SampledNeighbors")
        self.data, self.graph, self.kept = graph if seen.whole is None else seen.whole, seen.origin, seen.left(signed)
        self.statistics: Statistics = {}  # of batch normalisation, for all that is asked for
        # the nodes asked for and their vectors: without gradients the last, with gradients, which hold them, all
        self._asked: dict[bool, list[tuple[Tensor, Tensor]]] = {False: [], True: []}

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        table, place = self.rows(index)
        return F.embedding(place, table)

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        node, place = compact(index, self.graph.num_nodes)
        learning = torch.is_grad_enabled()
        for nodes, vector in self._asked[learning]:
            if len(node) <= len(nodes):
                where = torch.searchsorted(nodes, node).clamp(max=len(nodes) - 1)
                if torch.equal(nodes[where], node):  # the same, or some of them
                    return vector, where[place]
        # without gradients it is only looked at: nothing is dropped, and no statistics move
        with nullcontext() if learning else judging(self.encoder):
            vector = self.encoder(self.around(node))[torch.arange(len(node), device=node.device)]
        kept = self._asked[True] if learning else []
        self._asked[learning] = [*kept, (node, vector)]
        return vector, place

    def around(self, node: Int[Tensor, "u"]) -> Data:
        """A random neighbourhood of some nodes. Its nodes are ``n_id`` among all: first the given ones, then
        ``num_sampled_nodes`` more for each hop.
        """
        edges, stated = self._edges(), self.graph.edge_index.size(1)
        hops, reached, found = [node], node, []
        for size in self.num_neighbors:
            found.append(edges.drawn(hops[-1], size, self.kept))
            more = torch.cat([reached, edges.source[found[-1]]]).unique()
            hops.append(more[~torch.isin(more, reached, assume_unique=True)])
            reached = more
        number, edge = torch.cat(hops), torch.cat(found)
        ordered, place = number.sort()

        def numbered(edge_index: Tensor) -> Tensor:
            return place[torch.searchsorted(ordered, edge_index)]

        some = edge[edge < stated]
        part = self.graph.subgraph(some, edge[edge >= stated] - stated if self.signed else None)
        part = replace(
            part,
            edge_index=numbered(part.edge_index),
            denied_edge_index=None if part.denied_edge_index is None else numbered(part.denied_edge_index),
            num_nodes=len(number),
            n_id=number,
            num_sampled_nodes=[len(hop) for hop in hops],
            statistics=self.statistics,
        )
        return part.data(self.data, some, number)

    def _edges(self) -> InEdges:
        """The edges by target; denied ones follow the others, if they are read."""
        graph = self.graph

        def make() -> InEdges:
            index = [graph.edge_index, *([graph.edges(denied=True)[0]] if self.signed else [])]
            return InEdges.of(torch.cat(index, dim=1), graph.num_nodes)

        return once(graph, ("by target", self.signed), make)
