"""Neural Bellman-Ford networks: a graph network whose states depend on the query."""

from collections.abc import Callable
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.data import Data

from gnnneg.checks import DEEPEST, table, whole, widths
from gnnneg.errors import UserError
from gnnneg.interfaces import Encoding, Model, Scorer
from gnnneg.kernels.everyone import is_everyone
from gnnneg.kernels.ragged import rows
from gnnneg.kernels.relational import Edges, sort_edges
from gnnneg.looked_up import looked_up
from gnnneg.models.aggregation import PNA, Aggregation, Arriving, Message, Product, Rotation
from gnnneg.models.paths import heaviest
from gnnneg.records import Path, Query
from gnnneg.remember import once
from gnnneg.subgraph import MessageGraph


class Visible(Encoding):
    """A graph as an encoding: its nodes have no vectors of their own.

    Args:
        edges (Edges): Its edges, sorted.
        weight (torch.Tensor): The weight of each, ``(e,)`` or ``(layers, e)``; 0 means that it is absent.
        num_nodes (int): Its size.
    """

    def __init__(self, edges: Edges, weight: Float[Tensor, "*l e"], num_nodes: int):
        self.edges, self.weight, self.num_nodes = edges, weight, num_nodes

    def __getitem__(self, index: Int[Tensor, "*s"]) -> Float[Tensor, "*s d"]:
        raise UserError("NBFNet's nodes have states only once a question is asked: look at its scorer's embed().")

    def rows(self, index: Int[Tensor, "*s"]) -> tuple[Float[Tensor, "u d"], Int[Tensor, "*s"]]:
        return self[index], index


class BellmanFordLayer(nn.Module):
    """One step of all paths: messages and their aggregation, together with the boundary.

    Args:
        hidden_channels (int): Width of the states.
        num_types (int): Number of edge types, inverses included.
        message (Message): How an edge changes a state.
        aggregation (Aggregation): Combines the arriving messages.
        dependent (bool): Whether a relation's vector is computed from the query's.
        layer_norm (bool): Whether states are normalised.
    """

    def __init__(
        self,
        hidden_channels: int,
        num_types: int,
        message: Message,
        aggregation: Aggregation,
        dependent: bool,
        layer_norm: bool,
    ):
        super().__init__()
        self.num_types, self.message, self.aggregation = num_types, message, aggregation
        self.relation = (
            nn.Linear(hidden_channels, num_types * hidden_channels)
            if dependent
            else nn.Embedding(num_types, hidden_channels)
        )
        told = 1 + aggregation.features * aggregation.scales
        self.update = nn.Linear(told * hidden_channels, hidden_channels)
        self.norm = nn.LayerNorm(hidden_channels) if layer_norm else nn.Identity()

    def relations(self, query: Float[Tensor, "b d"]) -> Float[Tensor, "t b d"]:
        """The relations' vectors for each query."""
        if isinstance(self.relation, nn.Linear):
            return self.relation(query).view(len(query), self.num_types, -1).transpose(0, 1)
        return self.relation.weight[:, None].expand(-1, len(query), -1)

    def forward(
        self,
        states: Float[Tensor, "n b d"],
        boundary: Float[Tensor, "n b d"],
        query: Float[Tensor, "b d"],
        edges: Edges,
        weight: Float[Tensor, "e"],
        degree: Float[Tensor, "n"],
    ) -> Float[Tensor, "n b d"]:
        """The next states, before any shortcut."""
        arriving = Arriving(self.message, states, self.relations(query), edges, weight, boundary, degree)
        features = self.aggregation(arriving)
        width, told = states.size(2), features.size(2)
        out = F.linear(states, self.update.weight[:, :width], self.update.bias)
        # the features once, under all matrices: scaled and beside each other they would be three times as many
        stacked = self.update.weight[:, width:].unflatten(1, (-1, told)).transpose(0, 1).flatten(0, 1)
        parts = F.linear(features, stacked).split(width, dim=2)
        for scale, part in zip(self.aggregation.scaled(degree), parts):
            out = torch.addcmul(out, part, scale[:, None, None])
        return self.norm(out).relu()


class NBFScorer(Scorer):
    """The states of all nodes after one propagation, for each query.

    Args:
        model (NBFNet): The model, for its read-out.
        encoding (Visible): The graph.
        query (Query): The queries.
    """

    has_vectors = False

    def __init__(self, model: "NBFNet", encoding: Visible, query: Query):
        self.model, self.encoding = model, encoding
        self.query, self.vector = query, model.query(query.rel_type)
        self._learns = torch.is_grad_enabled()

    @cached_property
    def states(self) -> Float[Tensor, "n b d"]:
        """Computed at their first use, so a sampler that only draws costs no propagation.

        A sampler that scores candidates does so without gradients, and the loss needs the same states with them.
        """
        with torch.set_grad_enabled(self._learns):
            return self.model.propagate(self.encoding, self.query, self.vector)

    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k d"]:
        """The states of candidates for each query, of shared ones too, ``(b, k, d)``."""
        size = self.states.size(1)
        return looked_up(self.states.flatten(0, 1), index * size + torch.arange(size, device=index.device)[:, None])

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "b l d"]]:
        size = self.states.size(1)
        states, row = self.states.flatten(0, 1), torch.arange(size, device=index.device)[:, None]
        return lambda some: looked_up(states, index[:, some] * size + row)

    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        return self.model.read(candidate, self.vector[:, None])

    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        if index.size(0) == 1 < self.states.size(1):  # all queries' states lie beside each other
            states = self.states if is_everyone(index, len(self.states)) else looked_up(self.states, index[0])
            return self.model.read(states, self.vector[None]).T
        return self.decode(self.embed(index))

    def composed(self) -> Float[Tensor, "b d"]:
        return self.vector  # what is laid at the anchor for this relation

    def asking(self, query: Query) -> Scorer:
        return NBFScorer(self.model, self.encoding, query)

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self.vector.abs(), self.embed(target[:, None])[:, 0].abs()


class NBFNet(Model):
    r"""The network of `"Neural Bellman-Ford Networks: A General Graph Neural Network Framework for Link Prediction"
    <https://arxiv.org/abs/2106.06935>`_: it combines all paths from the anchor :math:`u` to a node :math:`v` for a
    query :math:`q`, by the generalised Bellman-Ford iteration

    .. math::
        \mathbf{h}^{(0)}_v = [v = u] \, \mathbf{q} , \qquad
        \mathbf{h}^{(l)}_v = \mathrm{AGG} \big( \{ \mathbf{h}^{(l - 1)}_x \circ \mathbf{w}^{(l)}_r :
        x \xrightarrow{r} v \} \cup \{ \mathbf{h}^{(0)}_v \} \big) ,

    each followed by a linear map of the new and the old state, layer normalisation, ReLU and a shortcut. A network of
    two layers on :math:`\mathbf{h}^{(L)}_v \Vert \mathbf{q}` gives the score.

    It has no vectors of single nodes, so it also works on a graph of other nodes with the same relations. A step
    propagates once for all scores: positives, negatives, all entities. Nodes that no path of :math:`L` edges reaches
    differ only by their neighbourhoods, for every query, and nodes without edges are tied. An anchor that is unseen in
    training, or has no edges, is allowed. The batch's own statements have to be hidden in training (the task does so).

    Cost: :math:`L` times all edges for each query, :math:`b \, |E| \, d`; memory :math:`b \, |V| \, d` for each layer,
    and no tensor of edges.

    Args:
        num_relations (int): Number of relations, inverses not counted.
        hidden_channels (int): Width of the states. (default: :obj:`32`)
        num_layers (int): The longest path. (default: :obj:`6`)
        message (Message): How an edge changes a state. (default: :class:`Product`)
        aggregation (Aggregation): Combines the arriving messages. (default: :class:`PNA`)
        dependent (bool): Whether each layer computes a relation's vector from the query's by a linear map. Otherwise
            each layer has a table of its own. (default: :obj:`True`)
        layer_norm (bool): Whether states are normalised. (default: :obj:`True`)
        shortcut (bool): Whether each layer's input is added to its output. (default: :obj:`True`)
        recompute (bool): Whether layers are computed again in the backward pass. This takes a third more time, and
            :math:`b \, |V| \, d` numbers a layer instead of twelve times as many. (default: :obj:`False`)

    Raises:
        UserError: If there is no layer, or rotations have an odd number of channels.
    """

    uses_graph = True
    has_vectors = False

    def __init__(
        self,
        num_relations: int,
        hidden_channels: int = 32,
        num_layers: int = 6,
        message: Message | None = None,
        aggregation: Aggregation | None = None,
        dependent: bool = True,
        layer_norm: bool = True,
        shortcut: bool = True,
        recompute: bool = False,
    ):
        super().__init__()
        message, aggregation = message or Product(), aggregation or PNA()
        whole("NBFNet", 1, DEEPEST, num_layers=num_layers)
        widths("NBFNet", hidden_channels=hidden_channels)
        table("NBFNet", num_relations=num_relations, hidden_channels=hidden_channels**2)
        if hidden_channels % 2 and isinstance(message, Rotation):
            raise UserError(f"Rotation turns pairs: give an even number of hidden_channels, not {hidden_channels}.")
        self.num_relations, self.hidden_channels = num_relations, hidden_channels
        self.activations = (8 + 4 * aggregation.features) * hidden_channels  # states, what arrives, what is made of it
        self.shortcut, self.recompute = shortcut, recompute
        self.query = nn.Embedding(2 * num_relations, hidden_channels)
        options = message, aggregation, dependent, layer_norm
        self.layers = nn.ModuleList(
            BellmanFordLayer(hidden_channels, 2 * num_relations, *options) for _ in range(num_layers)
        )
        self.hidden = nn.Linear(2 * hidden_channels, 2 * hidden_channels)
        self.score = nn.Linear(2 * hidden_channels, 1)

    def encode(self, graph: Data | None) -> Visible:
        """Sorts the edges, once for a graph and for what :func:`~gnnneg.tasks.hide` leaves of it.

        Raises:
            UserError: If there is no graph, or it has other edge types.
        """
        seen = MessageGraph.of(graph, "NBFNet")
        whole, num_types = seen.origin, 2 * self.num_relations

        def by_target() -> Edges:
            whole.check(num_types)
            return sort_edges(*whole.edges(), whole.num_nodes)

        edges = once(whole, ("sorted", num_types), by_target)
        there = torch.ones_like(edges.order) if seen.kept is None else seen.kept[edges.order]
        return Visible(edges, there.float(), seen.num_nodes)

    def scorer(self, encoding: Encoding, query: Query) -> Scorer:
        if not isinstance(encoding, Visible):
            raise TypeError("NBFNet asks the graphs that it has encoded itself.")
        return NBFScorer(self, encoding, query)

    def propagate(self, encoding: Visible, query: Query, vector: Float[Tensor, "b d"]) -> Float[Tensor, "n b d"]:
        """The states of all nodes for each query."""
        edges, row = encoding.edges, torch.arange(len(vector), device=vector.device)
        boundary = vector.new_zeros(encoding.num_nodes, *vector.shape).index_put((query.anchor, row), vector)
        weights = encoding.weight.to(vector.dtype).expand(len(self.layers), -1)
        degree = 1 + _degree(edges, weights[0])
        states = boundary
        for layer, weight in zip(self.layers, weights):
            given = states, boundary, vector, edges, weight, degree
            out = checkpoint(layer, *given, use_reentrant=False) if self.recompute else layer(*given)
            states = out + states if self.shortcut else out
        return states

    def read(self, states: Float[Tensor, "*s d"], vector: Float[Tensor, "*t d"]) -> Float[Tensor, "*u"]:
        """The scores of nodes in these states for queries ``vector``, which broadcast."""
        one, other = self.hidden.weight.split(self.hidden_channels, dim=1)
        hidden = F.linear(states, one) + F.linear(vector, other, self.hidden.bias)
        return self.score(hidden.relu()).squeeze(-1)

    @torch.enable_grad()
    def paths(self, graph: Data, query: Query, target: Int[Tensor, "1"], count: int) -> list[Path]:
        r"""As in the paper, the weight of an edge as the :math:`l`-th step is the derivative of the score by its weight
        in layer :math:`l`: the first-order estimate of the loss of score without it.
        """
        seen = self.encode(graph)
        weight = seen.weight.expand(len(self.layers), -1).clone().requires_grad_()
        scorer = NBFScorer(self, Visible(seen.edges, weight, seen.num_nodes), query)
        (pull,) = torch.autograd.grad(scorer(target[:, None]).sum(), weight)
        edges = seen.edges.source.long().cpu(), seen.edges.edge_type.long().cpu(), rows(seen.edges.offset.diff().cpu())
        return heaviest(*edges, pull.cpu(), seen.num_nodes, int(query.anchor), int(target), count)


def _degree(edges: Edges, weight: Float[Tensor, "e"]) -> Float[Tensor, "n"]:
    """How many edges lead to each node."""
    there = F.pad((weight != 0).cumsum(0), (1, 0))
    return (there[edges.offset[1:]] - there[edges.offset[:-1]]).to(weight.dtype)
