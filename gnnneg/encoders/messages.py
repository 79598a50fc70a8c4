"""The messages of a relational graph. Its edges are sorted once, and remembered as long as the graph lives."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gnnneg.kernels.aggregate import gather_sum
from gnnneg.kernels.ragged import offsets, rows
from gnnneg.remember import once
from gnnneg.subgraph import MessageGraph


@dataclass(frozen=True)
class Messages:
    """The distinct messages of a graph, one for each source and edge type, and the edges that carry them.

    Edges are sorted by target (``message``, ``offset``), and for gradients once more by message (``target``,
    ``carried``).

    Args:
        source (torch.Tensor): The source of each message, ``(q,)``. Messages of one type are next to each other.
        edge_type (torch.Tensor): The type of each message, ``(q,)``.
        begin (list[int]): The position in ``source`` at which each type begins, and the end of the last one.
        message (torch.Tensor): The message of each edge, edges sorted by target, ``(e,)``.
        offset (torch.Tensor): The position of each target's first edge, and the end of the last one's, ``(n + 1,)``.
        kind (torch.Tensor): The number of each edge's pair of target and type, ``(e,)``.
        order (torch.Tensor): The edges sorted by target, as positions in the graph, ``(e,)``.
        target (torch.Tensor): The target of each edge, edges sorted by message, ``(e,)``.
        carried (torch.Tensor): The position of each message's first edge, and the end of the last one's, ``(q + 1,)``.
        place (torch.Tensor): For each edge by message, its position among the edges by target, ``(e,)``.
        parts (int): Number of sums of each node, next to each other. Each is over an equal range of the edge types, and
            targets are numbers of sums. (default: :obj:`1`)
    """

    source: Int[Tensor, "q"]
    edge_type: Int[Tensor, "q"]
    begin: list[int]
    message: Int[Tensor, "e"]
    offset: Int[Tensor, "m"]
    kind: Int[Tensor, "e"]
    order: Int[Tensor, "e"]
    target: Int[Tensor, "e"]
    carried: Int[Tensor, "c"]
    place: Int[Tensor, "e"]
    parts: int = 1

    def weights(self, per_relation: bool, kept: Bool[Tensor, "e"] | None = None) -> Float[Tensor, "e"]:
        """One over the number of a target's edges, of all or of those of one type. Edges that are not ``kept`` have 0.

        Args:
            per_relation (bool): Whether edges of different types are counted separately.
            kept (torch.Tensor, optional): A mask of the graph's edges that are there. (default: :obj:`None`, all)
        """
        there = self._there(kept)
        among = self.kind if per_relation else self._sum()
        count = torch.bincount(among, there).to(there.dtype)
        return there / count.clamp(min=1)[among]

    def symmetric(self, kept: Bool[Tensor, "e"] | None = None) -> Float[Tensor, "e"]:
        r""":math:`1 / \sqrt{c \, c'}` for :math:`c` edges in the sum and :math:`c'` edges of the same part that leave
        the source. Edges that are not ``kept`` have 0.

        Args:
            kept (torch.Tensor, optional): A mask of the graph's edges that are there. (default: :obj:`None`, all)
        """
        there = self._there(kept)
        types = (len(self.begin) - 1) // self.parts
        weight = there
        for among in (self._sum(), (self.source * self.parts + self.edge_type // types)[self.message]):
            count = torch.bincount(among, there).to(there.dtype)
            weight = weight * count.clamp(min=1).rsqrt()[among]
        return weight

    def _there(self, kept: Bool[Tensor, "e"] | None) -> Float[Tensor, "e"]:
        """1 for each edge by target, 0 for those that are not ``kept``."""
        return torch.ones(len(self.message), device=self.message.device) if kept is None else kept[self.order].float()

    def _sum(self) -> Int[Tensor, "e"]:
        """The sum of each edge by target."""
        return rows(self.offset.diff())

    def summed(self, made: Float[Tensor, "q d"], weight: Float[Tensor, "e"]) -> Float[Tensor, "s d"]:
        """The sum of the messages ``made`` at each node, ``parts`` rows each, with a ``weight`` for each edge."""
        return gather_sum(made, weight, self.message, self.offset, self.target, self.carried, self.place)


def arrange(
    edge_index: Int[Tensor, "2 e"], edge_type: Int[Tensor, "e"], num_nodes: int, num_types: int, parts: int = 1
) -> Messages:
    """Sorts the edges of a graph with ``num_types`` edge types both ways; see :class:`Messages` for ``parts``."""
    source, target = edge_index
    into = target * parts + edge_type // (num_types // parts)
    by_message = (edge_type * num_nodes + source).argsort(stable=True)
    by_target = (target * num_types + edge_type).argsort(stable=True)

    key, number, length = torch.unique_consecutive(
        (edge_type * num_nodes + source)[by_message], return_inverse=True, return_counts=True
    )
    kinds = torch.bincount(key // num_nodes, minlength=num_types).cumsum(0)
    message = torch.empty_like(number)
    message[by_message] = number
    place = torch.empty_like(number)
    place[by_target] = torch.arange(len(number), device=number.device)
    _, kind = torch.unique_consecutive((target * num_types + edge_type)[by_target], return_inverse=True)
    return Messages(
        source=key % num_nodes,
        edge_type=key // num_nodes,
        begin=[0, *kinds.tolist()],
        message=message[by_target],
        offset=offsets(torch.bincount(into, minlength=num_nodes * parts)),
        kind=kind,
        order=by_target,
        target=into[by_message],
        carried=offsets(length),
        place=place[by_message],
        parts=parts,
    )


def shrunk(graph: MessageGraph, size: list[int], depth: int) -> MessageGraph:
    """The part of a neighbourhood that a layer needs. The states of each layer are right for one hop less, so only
    edges into these nodes matter.

    Args:
        graph (MessageGraph): The neighbourhood of its first nodes.
        size (list[int]): Its ``num_sampled_nodes``.
        depth (int): Number of layers before.
    """
    hops = max(1, len(size) - 1 - depth)
    ends = [graph.edge_index, *([] if graph.denied_edge_index is None else [graph.denied_edge_index])]
    return replace(graph.subgraph(*(index[1] < sum(size[:hops]) for index in ends)), num_nodes=sum(size[: hops + 1]))


def messages(
    graph: MessageGraph, num_types: int, signed: bool = False, parts: int = 1
) -> tuple[Messages, Bool[Tensor, "e"] | None]:
    """The messages of a graph, and a mask of the edges that are there.

    A graph is sorted once. It is not sorted again after :func:`~gnnneg.tasks.hide` has removed edges.

    Args:
        graph (MessageGraph): The graph, perhaps without hidden edges.
        num_types (int): Number of edge types.
        signed (bool): Whether messages pass over denied statements too, with edge types of their own from
            ``num_types`` on. (default: :obj:`False`)
        parts (int): See :class:`Messages`. (default: :obj:`1`)

    Raises:
        UserError: If edges have no types, or types beyond ``num_types``; if ``signed`` and there are no denied
            statements.
    """
    whole = graph.origin

    def arranged() -> Messages:
        whole.check(num_types)
        (edge_index, edge_type), all_types = whole.edges(), num_types * (1 + signed)
        if signed:
            index, kind = whole.edges(denied=True)
            edge_index, edge_type = torch.cat([edge_index, index], 1), torch.cat([edge_type, kind + num_types])
        return arrange(edge_index, edge_type, whole.num_nodes, all_types, parts)

    return once(whole, ("messages", num_types, signed, parts), arranged), graph.left(signed)
