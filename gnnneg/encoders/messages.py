"""How messages run over a relational graph, sorted once and then remembered for as long as the graph lives."""

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

    Edges lie by target (``message``, ``offset``), and once more by message (``target``, ``carried``) for gradients.

    Args:
        source (torch.Tensor): Who sends each message, ``(q,)``; those of one type beside each other.
        edge_type (torch.Tensor): The type of each message, ``(q,)``.
        begin (list[int]): Where in ``source`` each type begins, and where the last one ends.
        message (torch.Tensor): The message that each edge carries, edges sorted by target, ``(e,)``.
        offset (torch.Tensor): Where each target's edges begin, and where the last one's end, ``(n + 1,)``.
        kind (torch.Tensor): Numbers the pairs of target and type, of each edge, ``(e,)``.
        order (torch.Tensor): Which edge of the graph each of these is, ``(e,)``.
        target (torch.Tensor): Where each edge leads, edges sorted by message, ``(e,)``.
        carried (torch.Tensor): Where each message's edges begin, and where the last one's end, ``(q + 1,)``.
        place (torch.Tensor): Which of the edges by target each edge by message is, ``(e,)``.
        parts (int): How many sums each node has, next to each other, each over an equal range of the edge types; a
            target is then the number of a sum. (default: :obj:`1`)
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
        """One over the number of a target's edges, all or those of one type; 0 for edges that are not ``kept``.

        Args:
            per_relation (bool): Whether edges of different types are counted apart.
            kept (torch.Tensor, optional): Which of the graph's edges are there. (default: :obj:`None`, all)
        """
        there = self._there(kept)
        among = self.kind if per_relation else self._sum()
        count = torch.bincount(among, there).to(there.dtype)
        return there / count.clamp(min=1)[among]

    def symmetric(self, kept: Bool[Tensor, "e"] | None = None) -> Float[Tensor, "e"]:
        """One over the root of the number of edges in a sum times the number of those of its part that leave the
        source; 0 for edges that are not ``kept``.

        Args:
            kept (torch.Tensor, optional): Which of the graph's edges are there. (default: :obj:`None`, all)
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
        """Which sum each edge by target is part of."""
        return rows(self.offset.diff())

    def summed(self, made: Float[Tensor, "q d"], weight: Float[Tensor, "e"]) -> Float[Tensor, "s d"]:
        """What arrives at each node (``parts`` rows each), of messages ``made``, each edge times its ``weight``."""
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
    """What a layer has to see of a neighbourhood: each layer gives states that are right for one hop less, so that only
    edges into these matter.

    Args:
        graph (MessageGraph): Its first nodes are those whose states are wanted.
        size (list[int]): Its ``num_sampled_nodes``.
        depth (int): How many layers came before.
    """
    hops = max(1, len(size) - 1 - depth)
    ends = [graph.edge_index, *([] if graph.denied_edge_index is None else [graph.denied_edge_index])]
    return replace(graph.subgraph(*(index[1] < sum(size[:hops]) for index in ends)), num_nodes=sum(size[: hops + 1]))


def messages(
    graph: MessageGraph, num_types: int, signed: bool = False, parts: int = 1
) -> tuple[Messages, Bool[Tensor, "e"] | None]:
    """How messages run over a graph, and which of its edges are there.

    Sorting is done once for a graph, and not again for one that :func:`~gnnneg.tasks.hide` has taken edges out of.

    Args:
        graph (MessageGraph): The graph, or what is left of one.
        num_types (int): Number of edge types.
        signed (bool): Whether messages pass over denied statements too, with edge types of their own from
            ``num_types`` on. (default: :obj:`False`)
        parts (int): See :class:`Messages`. (default: :obj:`1`)

    Raises:
        UserError: If edges have no types or ones beyond ``num_types``, or denied statements are asked for and missing.
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
