"""A graph model without anything of its own for an entity, small enough to be worked out by hand."""

import torch
from torch import Tensor
from torch.nn import Parameter

from gnnneg.interfaces import Encoding, Model, Scorer
from gnnneg.records import Query


class Whole(Encoding):
    """The graph itself: what a node is depends on who asks."""

    def __init__(self, graph):
        self.graph = graph

    def __getitem__(self, index):
        raise NotImplementedError

    def rows(self, index):
        raise NotImplementedError


class StateScorer(Scorer):
    """A column of numbers for each query, ``(b, n)``."""

    def __init__(self, state: Tensor):
        self.state = state

    def embed(self, index: Tensor) -> Tensor:
        return self(index)[..., None]

    def decode(self, candidate: Tensor) -> Tensor:
        return candidate[..., 0].expand(len(self.state), -1)

    def __call__(self, index: Tensor) -> Tensor:
        return self.state.gather(1, index.expand(len(self.state), -1))

    def factors(self, target: Tensor) -> tuple[Tensor, ...]:
        return ()


class Paths(Model):
    """Counts paths of one and of two edges from the anchor; the asked relation says what each met one counts."""

    uses_graph = True

    def __init__(self, num_relations: int, start: float = 1.0):
        super().__init__()
        self.num_relations = num_relations
        self.weight = Parameter(torch.full((3, 2 * num_relations, 2 * num_relations), start))

    def encode(self, graph):
        assert graph is not None
        return Whole(graph)

    def scorer(self, encoding, query: Query) -> StateScorer:
        graph = encoding.graph
        (source, target), kind = graph.edge_index, graph.edge_type

        def passed(state: Tensor, weight: Tensor) -> Tensor:
            sent = state[:, source] * weight[query.rel_type][:, kind]
            return torch.zeros_like(state).index_add(1, target, sent)

        start = torch.nn.functional.one_hot(query.anchor, graph.num_nodes).float()
        one, first, second = self.weight
        return StateScorer(passed(start, one) + passed(passed(start, first), second))

    def forward(self, graph, head_index, rel_type, tail_index):
        return self.scorer(self.encode(graph), Query(head_index, rel_type))(tail_index[:, None])[:, 0]
