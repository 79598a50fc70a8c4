"""The split of edges that a graph gives by masks, or by the numbers of the edges of each part."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.edges import EdgeType, length
from gnnneg.errors import UserError

MASKS = {
    **{"train_mask": 0, "training_mask": 0, "val_mask": 1, "valid_mask": 1, "validation_mask": 1, "dev_mask": 1},
    **{"test_mask": 2, "testing_mask": 2},
}
OF_EDGES = ("edge_idx", "edge_indices", "edge_ids")  # which nodes do not have
NUMBERS = {
    f"{key.removesuffix('_mask')}_{word}": place
    for key, place in MASKS.items()
    for word in ("idx", "index", "indices", *OF_EDGES)
}


def read_split(edge_type: EdgeType, store: BaseStorage) -> None:
    """Converts edge masks, or the numbers of edges, to ``split``, unless there is one.

    Numbers count only if they put each edge into one split; see :func:`numbered`. They may give the split that has no
    mask.

    Raises:
        UserError: If the masks leave an edge out, or have it twice.
    """
    if "split" in store:
        return
    count = store.edge_index.size(1)
    there = {key: torch.as_tensor(store[key]).bool().cpu() for key in MASKS if length(store.get(key)) == count}
    if not there:
        found = numbered(store, count, f"edges {edge_type}")
        if found is not None:
            store.split, keys = found
            for key in keys:
                del store[key]
        return
    if _wrong(there):
        there |= _without_mask(store, count, {MASKS[key] for key in there})
    if wrong := _wrong(there):
        raise UserError(
            f"{wrong:,} edges {edge_type} are in none or several of {', '.join(there)}: put each into one, or give "
            "'split' (0, 1 or 2 for each edge)."
        )
    places = MASKS | NUMBERS
    member = torch.stack([*there.values()])
    store.split = torch.tensor([places[key] for key in there])[member.long().argmax(0)]
    for key in there:
        del store[key]


def numbered(
    store: Mapping[str, Any], count: int, what: str, num_nodes: int = 0
) -> tuple[Int[Tensor, "e"], list[str]] | None:
    """The split that the numbers of edges give, and the keys that hold them, such as ``train_idx`` and ``test_idx``.

    None if they are no such numbers: there are none for train, or for train alone, or they do not hold each of ``0,
    ..., count - 1`` once. A warning is given if they can hardly be anything else.

    Args:
        store (Mapping): The attributes of edges, or of a graph.
        count (int): How many edges there are.
        what (str): What they are called in the warning.
        num_nodes (int): How many nodes the numbers could mean instead. (default: :obj:`0`)
    """
    found = {key: number for key in NUMBERS if (number := _numbers(store.get(key))) is not None}
    if not {0} < {NUMBERS[key] for key in found}:
        return None
    every = torch.cat([*found.values()])
    if not every.is_floating_point() and torch.equal(every.sort().values, torch.arange(count)):
        split = torch.empty(count, dtype=torch.long)
        for key, number in found.items():
            split[number] = NUMBERS[key]
        return split, [*found]
    may_be_nodes = not only_of_edges(found) and (not every.numel() or float(every.max()) < num_nodes)
    if not may_be_nodes and any(len(number) != count for number in found.values()):
        warnings.warn(
            f"{' and '.join(found)} do not number each of the {count:,} {what} once, so they are not read as a split: "
            "correct them, or give 'split' (0, 1 or 2 for each edge).",
            stacklevel=2,
        )
    return None


def only_of_edges(keys: Iterable[str]) -> bool:
    """Whether the names say that numbers are those of edges."""
    return all(key.endswith(OF_EDGES) for key in keys)


def _numbers(value: Any) -> Tensor | None:
    """A list of numbers as a tensor; None for anything else, such as texts or masks."""
    if value is None or isinstance(value, str):
        return None
    try:
        number = torch.as_tensor(value).cpu()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None
    plain = number.dim() == 1 and number.layout == torch.strided
    if not plain or number.dtype == torch.bool or number.is_complex():
        return None
    return number if number.is_floating_point() else number.long()


def _without_mask(store: BaseStorage, count: int, masked: set[int]) -> dict[str, Tensor]:
    """The edges of the splits that have numbers of edges and no mask, as masks."""
    found = {key: _numbers(store.get(key)) for key, place in NUMBERS.items() if place not in masked}
    return {
        key: torch.zeros(count, dtype=torch.bool).index_fill_(0, number, True)
        for key, number in found.items()
        if number is not None and not number.is_floating_point() and bool(((number >= 0) & (number < count)).all())
    }


def _wrong(there: Mapping[str, Tensor]) -> int:
    """How many edges are in no split, or in several."""
    return int((torch.stack([*there.values()]).sum(0) != 1).sum())
