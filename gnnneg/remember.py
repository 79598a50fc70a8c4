"""What is made of a graph's edges, for as long as they are the same."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

Made = TypeVar("Made")

# for as long as a graph's edge_index lives: a graph that moves has another
_made = WeakTensorKeyDictionary()


def once(edge_index: Tensor, made_of: tuple[Tensor, ...], key: Hashable, make: Callable[[], Made]) -> Made:
    """What ``make`` gives, made anew only for other tensors, or for ones that have changed in place.

    Changes are seen by torch's own count of them, which tensors of inference mode do not have.

    Args:
        edge_index (torch.Tensor): Whose life it shares: what is made must not hold it, nor a view of it.
        made_of (tuple): The other tensors that it is made of.
        key: What it is, and whatever else it depends on.
        make (Callable): Makes it.
    """
    version = [0 if one.is_inference() else one._version for one in (edge_index, *made_of)]
    known = _made.setdefault(edge_index, {})
    if key in known:
        before, then, made = known[key]
        if version == then and all(one is other for one, other in zip(before, made_of)):
            return made
    made = make()
    known[key] = made_of, version, made
    return made
