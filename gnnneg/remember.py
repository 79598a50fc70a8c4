"""What is made of a graph's edges, for as long as they are the same."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from torch.utils.weak import WeakTensorKeyDictionary

from gnnneg.subgraph import MessageGraph

Made = TypeVar("Made")

# for as long as a graph's edge_index lives: a graph that moves has another
_made = WeakTensorKeyDictionary()


def once(graph: MessageGraph, key: Hashable, make: Callable[[], Made]) -> Made:
    """What ``make`` gives, made anew only for other tensors, or for ones that have changed in place.

    Changes are seen by torch's own count of them, which tensors of inference mode do not have.

    Args:
        graph (MessageGraph): Whose edges it is made of. It lives as long as ``edge_index``, which it must not hold, nor
            a view of it.
        key: What it is, and whatever else it depends on.
        make (Callable): Makes it.
    """
    edges = graph.edge_index, graph.edge_type, graph.denied_edge_index, graph.denied_edge_type
    version = [0 if one is None or one.is_inference() else one._version for one in edges]
    made_of, version = edges[1:], [*version, graph.num_nodes]
    known = _made.setdefault(graph.edge_index, {})
    if key in known:
        before, then, made = known[key]
        if version == then and all(one is other for one, other in zip(before, made_of)):
            return made
    made = make()
    known[key] = made_of, version, made
    return made
