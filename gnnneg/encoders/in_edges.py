"""A graph's edges by target, and a few of them drawn for each node."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gnnneg.kernels.ragged import offsets, rows

TRIES = 3  # before all edges of a node are looked at


@dataclass(frozen=True)
class InEdges:
    """The edges of a graph by target.

    Args:
        source (torch.Tensor): The source of each edge of the graph, ``(e,)``.
        order (torch.Tensor): The edges sorted by target, as positions in the graph, ``(e,)``.
        offset (torch.Tensor): The position of each target's first edge, and the end of the last one's, ``(n + 1,)``.
    """

    source: Int[Tensor, "e"]
    order: Int[Tensor, "e"]
    offset: Int[Tensor, "m"]

    @staticmethod
    def of(edge_index: Int[Tensor, "2 e"], num_nodes: int) -> "InEdges":
        """Sorts the edges of a graph."""
        count = torch.bincount(edge_index[1], minlength=num_nodes)
        return InEdges(edge_index[0].clone(), edge_index[1].argsort(stable=True), offsets(count))

    def drawn(self, node: Int[Tensor, "u"], size: int, kept: Bool[Tensor, "e"] | None = None) -> Int[Tensor, "k"]:
        """Random edges into some nodes: ``size`` different ones for each node, all equally likely, or all its edges if
        it has fewer.

        Cost: it does not depend on the number of edges of the graph. As long as most edges are kept, it does not depend
        on the degrees either: for a node with many edges, positions are drawn until enough of them are good.

        Args:
            node (torch.Tensor): Different nodes.
            size (int): Edges for each node; -1 is all.
            kept (torch.Tensor, optional): A mask of the graph's edges that are there. (default: :obj:`None`, all)
        """
        if size < 0:
            return self._all(node, kept)[0]
        degree = self.offset[node + 1] - self.offset[node]
        many = degree > 4 * size
        found, left = [self._few(node[~many], size, kept)], node[many]
        for _ in range(TRIES):
            begin, end = self.offset[left, None], self.offset[left + 1, None]
            # in double precision, so that no place is rounded up to the end
            random = torch.rand(len(left), 2 * size, dtype=torch.double, device=node.device)
            place, column = (begin + (random * (end - begin)).long()).sort(dim=1, stable=True)
            edge, again = self.order[place], torch.zeros_like(place, dtype=torch.bool)
            again[:, 1:] = place[:, 1:] == place[:, :-1]
            good = ~again if kept is None else ~again & kept[edge]
            # back in the order in which they were drawn, of which the first are taken
            good, edge = good.scatter(1, column, good), edge.scatter(1, column, edge)
            enough = good.sum(1) >= size
            found.append(edge[enough][(good & (good.cumsum(1) <= size))[enough]])
            left = left[~enough]
        found.append(self._few(left, size, kept))  # most of their edges are hidden
        return torch.cat(found)

    def _all(self, node: Int[Tensor, "u"], kept: Bool[Tensor, "e"] | None) -> tuple[Tensor, Tensor]:
        """All edges of each node, and the node of each edge, in the order of nodes."""
        begin, degree = self.offset[node], self.offset[node + 1] - self.offset[node]
        row, shift = rows(degree), begin - (degree.cumsum(0) - degree)
        edge = self.order[shift[row] + torch.arange(len(row), device=node.device)]
        return (edge, row) if kept is None else (edge[kept[edge]], row[kept[edge]])

    def _few(self, node: Int[Tensor, "u"], size: int, kept: Bool[Tensor, "e"] | None) -> Int[Tensor, "k"]:
        """The same as :meth:`drawn`, by shuffling all edges of each node."""
        edge, row = self._all(node, kept)
        order = torch.rand(len(edge), device=edge.device).argsort()
        order = order[row[order].argsort(stable=True)]  # shuffled within the nodes; rows are as they were
        before = offsets(torch.bincount(row, minlength=len(node)))[row]
        return edge[order[torch.arange(len(row), device=row.device) - before < size]]
