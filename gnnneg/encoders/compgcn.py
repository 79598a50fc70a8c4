"""Graph convolutions that compose nodes with relations."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.data import Data

from gnnneg.checks import DEEPEST, fraction, table, whole, widths
from gnnneg.encoders.batch_norm import PartNorm, Statistics
from gnnneg.encoders.composition import Composition, Correlation
from gnnneg.encoders.messages import Messages, messages, shrunk
from gnnneg.encodings import Dense
from gnnneg.interfaces import Encoder, Encoding
from gnnneg.subgraph import MessageGraph


class CompGCNLayer(nn.Module):
    r"""The convolution from `"Composition-based Multi-Relational Graph Convolutional Networks"
    <https://arxiv.org/abs/1911.03082>`_: along edges, against them, and from a node to itself, each a third,

    .. math::
        \mathbf{x}'_i = \tanh \frac{1}{3} \Big( \sum_{\lambda \in \{\text{in}, \text{out}\}} \mathbf{W}_\lambda^{\top}
        \sum_{(j, r) \in \mathcal{N}_\lambda(i)} \frac{\phi(\mathbf{x}_j, \mathbf{z}_r)}{\sqrt{c_{i, \lambda} \,
        c'_{j, \lambda}}} + \mathbf{W}_{\text{self}}^{\top} \phi(\mathbf{x}_i, \mathbf{z}_{\text{self}}) \Big) , \qquad
        \mathbf{z}'_r = \mathbf{W}_{\text{rel}}^{\top} \mathbf{z}_r ,

    where :math:`c` edges of the direction lead to a node and :math:`c'` lead from it. So weights are those of
    :math:`\mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}'^{-1/2}`. The released code uses :math:`c` in place of :math:`c'`.
    There, messages of a node are lost if no edge of the direction leads to it. As in that code, there is a batch
    normalisation before the :math:`\tanh`.

    A composition is computed once for each source and edge type. Matrices are applied after the sums.

    Args:
        in_channels (int): Width of the input.
        out_channels (int): Width of the output.
        composition (Composition): :math:`\phi`.
        dropout (float): Share of the coordinates of arriving messages dropped in training. (default: :obj:`0.0`)
    """

    relation: Parameter | None

    def __init__(self, in_channels: int, out_channels: int, composition: Composition, dropout: float = 0.0):
        super().__init__()
        widths("CompGCNLayer", in_channels=in_channels, out_channels=out_channels)
        fraction("CompGCNLayer", dropout=dropout)
        self.composition, self.dropout = composition, dropout
        self.weight = Parameter(torch.empty(2, in_channels, out_channels))  # in, out
        self.root = Parameter(torch.empty(in_channels, out_channels))
        self.loop = Parameter(torch.empty(1, in_channels))
        self.relation = Parameter(torch.empty(in_channels, out_channels))
        self.bias = Parameter(torch.empty(out_channels))
        self.norm = PartNorm(out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights, as the released code does."""
        for weight in (*self.weight, self.root, self.loop, self.relation):
            if weight is not None:
                nn.init.xavier_normal_(weight)
        nn.init.zeros_(self.bias)
        self.norm.reset_parameters()

    def forward(
        self,
        x: Float[Tensor, "n i"],
        relation: Float[Tensor, "t i"],
        sent: Messages,
        weight: Float[Tensor, "e"],
        part: tuple[int | None, Statistics | None] | tuple[()] = (),
    ) -> tuple[Float[Tensor, "n o"], Float[Tensor, "t _"]]:
        """Node states and relation states.

        Args:
            x (torch.Tensor): Node states, ``(n, in_channels)``.
            relation (torch.Tensor): The state of each edge type, ``(t, in_channels)``.
            sent (Messages): The edges, arranged in two parts.
            weight (torch.Tensor): The weight of each edge, from :meth:`Messages.symmetric`.
            part (tuple): Further arguments of :class:`~gnnneg.encoders.batch_norm.PartNorm`, for a part of the graph.
                (default: :obj:`()`)
        """
        made = self.composition(F.embedding(sent.source, x), F.embedding(sent.edge_type, relation))
        heard = sent.summed(made, weight).view(len(x), 2, -1).transpose(0, 1) @ self.weight
        heard = F.dropout(heard, self.dropout, self.training).sum(0)
        own = self.composition(x, self.loop.expand_as(x)) @ self.root
        state = self.norm((heard + own) / 3 + self.bias, *part).tanh()
        return state, relation if self.relation is None else relation @ self.relation


class CompGCN(Encoder):
    r"""The encoder of `"Composition-based Multi-Relational Graph Convolutional Networks"
    <https://arxiv.org/abs/1911.03082>`_: layers of :class:`CompGCNLayer` over vectors of nodes and of relations.

    As in the paper, a decoder reads the last layer's relation states in place of its own vectors. There are states of
    relations and of their inverses, so the decoder needs ``reciprocal: true``.

    Args:
        num_nodes (int): Number of entities.
        num_relations (int): Number of relations, inverses not counted; each has vectors of its own both ways.
        hidden_channels (int): Width of the node vectors, in real numbers.
        num_layers (int): Number of layers. (default: :obj:`1`, as in the paper's best)
        composition (Composition, optional): Of nodes with relations: :class:`Subtraction`, :class:`Multiplication` or
            :class:`Correlation`. (default: :obj:`None`, :class:`Correlation`, the paper's best)
        dropout (float): See :class:`CompGCNLayer`. (default: :obj:`0.1`)
        in_channels (int, optional): Width of the vectors that the first layer reads. (default: :obj:`None`,
            ``hidden_channels``)
        relation_states (bool): Whether decoders read the relation states. Otherwise a decoder has its own vectors, of
            any form. (default: :obj:`True`)

    Raises:
        UserError: If there are no layers.
    """

    uses_graph = True

    def __init__(
        self,
        num_nodes: int,
        num_relations: int,
        hidden_channels: int,
        num_layers: int = 1,
        composition: Composition | None = None,
        dropout: float = 0.1,
        in_channels: int | None = None,
        relation_states: bool = True,
    ):
        super().__init__()
        whole("CompGCN", 1, DEEPEST, num_layers=num_layers)
        self.num_layers = num_layers
        widths("CompGCN", hidden_channels=hidden_channels, in_channels=in_channels)
        fraction("CompGCN", dropout=dropout)
        table("CompGCN", num_nodes=num_nodes, in_channels=in_channels or hidden_channels)
        table("CompGCN", num_relations=num_relations, in_channels=in_channels or hidden_channels)
        self.num_nodes, self.num_relations, self.hidden_channels = num_nodes, num_relations, hidden_channels
        composition = Correlation() if composition is None else composition
        first = hidden_channels if in_channels is None else in_channels
        self.weight = Parameter(torch.empty(num_nodes, first))
        self.relation = Parameter(torch.empty(2 * num_relations, first))
        self.layers = nn.ModuleList(
            CompGCNLayer(channels, wanted, composition, dropout)
            for channels, wanted in pairwise([first, *[hidden_channels] * num_layers])
        )
        self.tells = relation_states
        if not relation_states:
            self.layers[-1].relation = None  # type: ignore[assignment]  # nobody reads the last ones
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.xavier_normal_(self.weight)
        nn.init.xavier_normal_(self.relation)
        for layer in self.layers:
            layer.reset_parameters()  # type: ignore[operator]

    def forward(self, graph: Data | None) -> Encoding:
        """Node states. For a part of the graph they are those of its own nodes, ``graph.n_id`` among all.

        Raises:
            UserError: If there is no graph, or it is of another size.
        """
        seen = MessageGraph.of(graph, "CompGCN", self.num_nodes)
        sent, weight = self._heard(seen)
        x: Tensor = self.weight if seen.n_id is None else F.embedding(seen.n_id, self.weight)
        relation: Tensor = self.relation
        size = seen.num_sampled_nodes
        with torch.autocast(weight.device.type, enabled=False):  # sums over many neighbours
            for depth, layer in enumerate(self.layers):
                if size is None:
                    x, relation = layer(x, relation, sent, weight)
                    continue
                if depth:
                    part = shrunk(seen, size, depth)
                    x, (sent, weight) = x[: part.num_nodes], self._heard(part)
                right = sum(size[: max(1, len(size) - 1 - depth)])  # the last hop has heard nobody
                x, relation = layer(x, relation, sent, weight, (right, seen.statistics))
        return Dense(x)

    def relation_states(self) -> Float[Tensor, "t c"] | None:
        """The last layer's relation states. They depend on no graph."""
        if not self.tells:
            return None
        states: Tensor = self.relation
        for layer in self.layers:
            states = states @ layer.relation  # type: ignore[operator]
        return states

    def _heard(self, graph: MessageGraph) -> tuple[Messages, Tensor]:
        """The edges, and the weight of each."""
        sent, kept = messages(graph, 2 * self.num_relations, parts=2)
        return sent, sent.symmetric(kept)
