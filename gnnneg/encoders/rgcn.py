"""Relational graph convolutions."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, zeros

from gnnneg.checks import DEEPEST, fraction, table, whole, widths
from gnnneg.encoders.messages import Messages, messages, shrunk
from gnnneg.encodings import Dense
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.kernels.aggregate import transform
from gnnneg.subgraph import MessageGraph


class RGCNLayer(MessagePassing):
    r"""The relational graph convolution from `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_,

    .. math::
        \mathbf{x}'_i = \mathbf{W}_0^{\top} \mathbf{x}_i + \sum_r \sum_{j \in \mathcal{N}_r(i)} \frac{1}{c_{i, r}}
        \mathbf{W}_r^{\top} \mathbf{x}_j + \mathbf{b} .

    Parameters have the names and shapes of :class:`torch_geometric.nn.RGCNConv`. Each class reads the other's state,
    and this one can replace the other in any PyG model. Memory holds one message for each source and edge type, never
    one for each edge. (The exception is PyG's explanation of a model, which masks single edges.)

    Args:
        in_channels (int): Width of the input; for one-hot input, which is left out, the number of nodes.
        out_channels (int): Width of the output.
        num_types (int): Number of edge types.
        num_bases (int, optional): Number of bases in :math:`\mathbf{W}_r = \sum_b a_{rb} \mathbf{V}_b`.
            (default: :obj:`None`)
        num_blocks (int, optional): Number of blocks on the diagonal of :math:`\mathbf{W}_r`. (default: :obj:`None`)
        tied_root (bool): Whether :math:`\mathbf{W}_0` is a sum of the bases too, as in the released code. In the paper
            and in PyG it is a separate matrix. (default: :obj:`False`)

    Raises:
        UserError: If there are both bases and blocks, blocks do not divide the widths, or :math:`\mathbf{W}_0` is tied
            and there are no bases.
    """

    comp: Parameter | None
    root: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_types: int,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        tied_root: bool = False,
    ):
        super().__init__(aggr="sum", node_dim=0)
        whole("RGCNLayer", in_channels=in_channels, num_types=num_types, num_bases=num_bases, num_blocks=num_blocks)
        widths("RGCNLayer", out_channels=out_channels)
        if num_bases is not None and num_blocks is not None:
            raise UserError("R-GCN takes num_bases or num_blocks, not both: leave one out.")
        if tied_root and num_bases is None:
            raise UserError("tied_root makes the self-loop's matrix of the bases: give num_bases.")
        if num_blocks is not None and (in_channels % num_blocks or out_channels % num_blocks):
            raise UserError(f"num_blocks={num_blocks} must divide the widths {in_channels} and {out_channels}.")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.num_types, self.num_blocks = num_types, num_blocks
        if num_blocks is not None:
            shape: tuple[int, ...] = num_types, num_blocks, in_channels // num_blocks, out_channels // num_blocks
        else:
            shape = num_types if num_bases is None else num_bases, in_channels, out_channels
        self.weight = Parameter(torch.empty(shape))
        comp = (
            None if num_bases is None else Parameter(torch.empty(num_types + tied_root, num_bases))
        )  # the root is last
        self.register_parameter("comp", comp)
        self.register_parameter("root", None if tied_root else Parameter(torch.empty(in_channels, out_channels)))
        self.bias = Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights, as PyG does."""
        glorot(self.weight)
        glorot(self.comp)
        glorot(self.root)
        zeros(self.bias)

    def forward(
        self,
        x: Float[Tensor, "n i"] | Int[Tensor, "n"] | None,
        edge_index: Int[Tensor, "2 e"],
        edge_type: Int[Tensor, "e"],
    ) -> Float[Tensor, "n o"]:
        """Node states. The weight of an edge is one over the number of the target's edges of its type.

        Edges are sorted once, and remembered as long as ``edge_index`` lives.

        Args:
            x (torch.Tensor, optional): ``(n, in_channels)``, or row numbers ``(n,)`` of the unit matrix; :obj:`None` is
                the unit matrix.
            edge_index (torch.Tensor): ``(2, e)``.
            edge_type (torch.Tensor): ``(e,)``.
        """
        graph = MessageGraph(edge_index, self.in_channels if x is None else len(x), edge_type)
        sent, _ = messages(graph, self.num_types)
        return self.along(x, sent, sent.weights(per_relation=True), edge_index[1])

    def along(
        self,
        x: Float[Tensor, "n i"] | Int[Tensor, "n"] | None,
        sent: Messages,
        weight: Float[Tensor, "e"],
        target: Int[Tensor, "e"] | None = None,
    ) -> Float[Tensor, "n o"]:
        """Node states, for edges that are already sorted.

        Args:
            x (torch.Tensor, optional): As in :meth:`forward`.
            sent (Messages): The edges.
            weight (torch.Tensor): The weight of each edge, from :meth:`Messages.weights`.
            target (torch.Tensor, optional): The targets of the graph's edges in its own order. Explanations need them.
                (default: :obj:`None`)
        """
        matrix: Tensor = self.weight
        if self.comp is not None:
            matrix = (self.comp @ matrix.flatten(1)).view(-1, *matrix.shape[1:])
        if self.root is None:
            matrix, root = matrix[:-1], matrix[-1]
        else:
            root = self.root
        if x is not None and x.is_floating_point():
            made = transform(x, matrix if self.num_blocks is not None else matrix[:, None], sent.source, sent.begin)
        elif self.num_blocks is None:  # a message is a row of its type's matrix
            row = sent.source if x is None else x[sent.source]
            made = F.embedding(sent.edge_type * matrix.size(1) + row, matrix.flatten(0, 1))
            root = root if x is None else F.embedding(x, root)
        else:
            raise UserError("One-hot input has no blocks: use num_bases, or leave num_blocks out.")
        heard = sent.summed(made, weight) if not self.explain else self._explained(made, sent, weight, target)
        if x is not None and x.is_floating_point():
            return torch.addmm(heard + self.bias, x, root)
        return heard + root + self.bias

    def _explained(self, made: Tensor, sent: Messages, weight: Tensor, target: Tensor | None) -> Tensor:
        """The sum at each node, made from one message for each edge in the graph's order, for PyG's explanations."""
        if target is None:
            raise UserError("Only a layer that is called with edge_index and edge_type can be explained.")
        message, own = torch.empty_like(sent.message), torch.empty_like(weight)
        message[sent.order], own[sent.order] = sent.message, weight
        size = len(sent.source), len(sent.offset) - 1
        # propagate_type: (x: PairOptTensor, weight: Tensor)
        return self.propagate(torch.stack([message, target]), x=(made, None), weight=own, size=size)

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """A message times the weight of its edge."""
        return weight[:, None] * x_j


class RGCN(Encoder):
    r"""The encoder of `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_: layers of :class:`RGCNLayer`, with ReLU between them.

    The defaults are the paper's for link prediction. For node classification, the paper has one-hot input and
    normalises by relation.

    Args:
        num_nodes (int): Number of entities.
        num_relations (int): Number of relations, inverses not counted; each has weights of its own both ways.
        hidden_channels (int): Width of the node vectors, in real numbers.
        num_layers (int): Number of layers. (default: :obj:`2`)
        num_bases (int, optional): See :class:`RGCNLayer`. (default: :obj:`None`)
        num_blocks (int, optional): See :class:`RGCNLayer`. (default: :obj:`None`)
        dropout (float): Share of each node's coordinates dropped between layers while training. (default: :obj:`0.0`)
        edge_dropout (float): Share of the edges dropped while training, self-loops aside. (default: :obj:`0.0`)
        per_relation (bool): Whether the weight of a message is one over the number of the target's edges of its type,
            and not of all its edges. (default: :obj:`False`)
        one_hot (bool): Whether nodes have no vectors. The first layer then has a row for each node and type (or base),
            and needs memory for a row of each node and type while it runs. (default: :obj:`False`)
        signed (bool): Whether messages also pass over denied training statements, with separate weights. No other
            encoder reads these. (default: :obj:`False`)
        tied_root (bool): See :class:`RGCNLayer`. (default: :obj:`False`)
        out_channels (int, optional): Width of the last layer's output. (default: :obj:`None`, ``hidden_channels``)

    Raises:
        UserError: See :class:`RGCNLayer`; also for blocks with one-hot input.
    """

    uses_graph = True
    weight: Parameter | None

    def __init__(
        self,
        num_nodes: int,
        num_relations: int,
        hidden_channels: int,
        num_layers: int = 2,
        num_bases: int | None = None,
        num_blocks: int | None = None,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        per_relation: bool = False,
        one_hot: bool = False,
        signed: bool = False,
        tied_root: bool = False,
        out_channels: int | None = None,
    ):
        super().__init__()
        if one_hot and num_blocks is not None:
            raise UserError("One-hot input has no blocks: use num_bases, or leave num_blocks out.")
        whole("RGCN", 1, DEEPEST, num_layers=num_layers)
        widths("RGCN", hidden_channels=hidden_channels, out_channels=out_channels, num_bases=num_bases)
        widths("RGCN", num_blocks=num_blocks)
        fraction("RGCN", dropout=dropout, edge_dropout=edge_dropout)
        table("RGCN", num_nodes=num_nodes, hidden_channels=hidden_channels)
        table("RGCN", num_relations=num_relations, hidden_channels=hidden_channels**2)
        self.num_nodes, self.num_relations = num_nodes, num_relations
        self.hidden_channels = hidden_channels if out_channels is None else out_channels
        self.dropout, self.edge_dropout, self.num_layers = dropout, edge_dropout, num_layers
        self.per_relation, self.reads_denied = per_relation, signed
        first = num_nodes if one_hot else hidden_channels
        width = [first, *[hidden_channels] * (num_layers - 1), self.hidden_channels]
        num_types = 2 * num_relations * (1 + signed)
        self.layers = nn.ModuleList(
            RGCNLayer(channels, wanted, num_types, num_bases, num_blocks, tied_root)
            for channels, wanted in pairwise(width)
        )
        self.register_parameter("weight", None if one_hot else Parameter(torch.empty(num_nodes, hidden_channels)))
        glorot(self.weight)

    def reset_parameters(self) -> None:
        """Draws new weights."""
        glorot(self.weight)
        for layer in self.layers:
            layer.reset_parameters()  # type: ignore[operator]

    def forward(self, graph: Data | None) -> Encoding:
        """Node states. For a part of the graph they are those of its own nodes, ``graph.n_id`` among all, as in a batch
        of PyG's ``NeighborLoader``. There only the states of the first nodes, the seeds, are right.

        Raises:
            UserError: If there is no graph, it is of another size, or it lacks the denied statements of ``signed``.
        """
        seen = MessageGraph.of(graph, "R-GCN", self.num_nodes)
        sent, weight = self._heard(seen)
        x: Tensor | None = self.weight
        if seen.n_id is not None:
            x = seen.n_id if x is None else F.embedding(seen.n_id, x)
        with torch.autocast(weight.device.type, enabled=False):  # sums over many neighbours
            for depth, layer in enumerate(self.layers):
                if depth:
                    assert x is not None
                    x = F.dropout(x.relu(), self.dropout, self.training)
                    if seen.num_sampled_nodes is not None:
                        part = shrunk(seen, seen.num_sampled_nodes, depth)
                        x, (sent, weight) = x[: part.num_nodes], self._heard(part)
                x = layer.along(x, sent, weight)  # type: ignore[operator]
        assert x is not None  # there is at least one layer
        return Dense(x)

    def _heard(self, graph: MessageGraph) -> tuple[Messages, Tensor]:
        """The edges, and the weight of each."""
        sent, kept = messages(graph, 2 * self.num_relations, self.reads_denied)
        if self.training and self.edge_dropout:
            stays = torch.rand(len(sent.order), device=sent.order.device) >= self.edge_dropout
            kept = stays if kept is None else kept & stays
        return sent, sent.weights(self.per_relation, kept)
