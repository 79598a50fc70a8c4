"""Joins the attributes of many node and edge types: names, features, confidences, and all others.

An attribute that models or readers of results use becomes complete: types without it get a neutral value. Other
attributes are joined if that changes no value, and are kept by type otherwise. Nothing is dropped.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError, echo

Stores = Mapping[Any, BaseStorage]
Places = Sequence[Int[Tensor, "_"]]
CALLED = ("labels", "synonyms", "definitions")


def listed(value: Any) -> list[Any] | None:
    """Converts a list, tuple, array, series or tensor to a list; None for anything else."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Tensor | np.ndarray) or hasattr(value, "tolist"):
        found = value.tolist()
        return found if isinstance(found, list) else None
    return None


def names(stores: Stores, size: Sequence[int], order: Places) -> list[str]:
    """The names of all entities. Nodes of a type without names are called ``type_0``, ``type_1`` and so on.

    Raises:
        UserError: If a type does not have one name for each node, an entry is not a name, or two entities have the same
            name.
    """
    result = [""] * sum(size)
    for (node_type, store), count, where in zip(stores.items(), size, order):
        mine = _names(node_type, store, count)
        for place, name in zip(where.tolist(), mine):
            result[place] = name
    twice = [name for name, many in Counter(result).items() if many > 1]
    if twice:
        raise UserError(
            f"Two entities are called {echo(twice[0])}: names must be unique across node types, so put the type's name "
            "in front."
        )
    return result


def _names(node_type: str, store: BaseStorage, count: int) -> list[str]:
    if "names" not in store or store["names"] is None:
        return [f"{node_type}_{i}" for i in range(count)]
    given = listed(store["names"])
    if given is None:
        raise UserError(f"names of {node_type} should be a list of strings, not a {type(store['names']).__name__}.")
    if len(given) != count:
        raise UserError(f"{len(given)} names are given for {count} nodes of type {node_type}: give one for each.")
    for place, name in enumerate(given):
        if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
            raise UserError(f"names of {node_type} holds {echo(name)} at place {place}: give a string.")
    return [str(name) for name in given]


def called(stores: Stores, size: Sequence[int], order: Places) -> dict[str, list[Any]]:
    """``labels``, ``synonyms`` and ``definitions`` of all entities; empty for types that have none.

    Raises:
        UserError: If a type does not have one entry for each node, or an entry is not a text or a list of texts.
    """
    found: dict[str, list[Any]] = {}
    for key in CALLED:
        if not any(store.get(key) is not None for store in stores.values()):
            continue
        found[key] = [None] * sum(size)
        for (node_type, store), count, where in zip(stores.items(), size, order):
            given = listed(store[key]) if store.get(key) is not None else [None] * count
            if given is None or len(given) != count:
                number = "no list" if given is None else f"{len(given)}"
                raise UserError(f"{key} of {node_type}: {number} for {count} nodes: give one for each.")
            for place, one in zip(where.tolist(), given):
                found[key][place] = _called(key, node_type, one)
    return found


def _called(key: str, node_type: str, given: Any) -> Any:
    if key != "synonyms":
        if given is not None and not isinstance(given, str):
            raise UserError(f"{key} of {node_type} holds {echo(given)}: give texts, or None.")
        return given or ""
    several = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    if not all(isinstance(one, str) for one in several) or isinstance(given, str):
        raise UserError(f"synonyms of {node_type} holds {echo(given)}: give a list of texts for each node.")
    return several


def features(
    stores: Stores, size: Sequence[int], order: Places
) -> tuple[Float[Tensor, "n f"] | Tensor | None, dict[str, list[Any]] | None]:
    """The features ``x`` of all entities, and the columns of each type if types have their own.

    If every type has features of the same width, all types share the columns. Otherwise each type has its own columns,
    which are zero for all other types. A type without features has one column of ones. The first layer of a network
    then has separate weights for each type, like one linear layer for each type.

    Raises:
        UserError: If features are not numbers, or do not have one row for each node.
    """
    found = {t: _features(t, store, count) for (t, store), count in zip(stores.items(), size)}
    given = [x for x in found.values() if x is not None]
    if not given:
        return None, None
    dtype = _common([x.dtype for x in given])
    if len(given) == len(found) and len({x.shape[1:] for x in given}) == 1:
        x = torch.empty(sum(size), *given[0].shape[1:], dtype=dtype)
        for whole, where in zip(given, order):
            x[where] = whole.to(dtype)
        return x, None
    flat = {t: None if x is None else x[:, None] if x.dim() == 1 else x for t, x in found.items()}
    for t, mine in flat.items():
        if mine is not None and mine.dim() != 2:
            raise UserError(
                f"x of {t} has shape {tuple(mine.shape)}, and others have another: give each node one row of numbers."
            )
    width = [1 if mine is None else mine.size(1) for mine in flat.values()]
    x, begin = torch.zeros(sum(size), sum(width), dtype=dtype), 0
    columns: dict[str, list[Any]] = {}
    for (t, mine), original, where, wide in zip(flat.items(), found.values(), order, width):
        x[where, begin : begin + wide] = torch.ones(1, dtype=dtype) if mine is None else mine.to(dtype)
        if mine is not None and original is not None:
            columns[t] = [begin, begin + wide, str(mine.dtype).removeprefix("torch."), original.dim()]
        begin += wide
    return x, columns


def _features(node_type: str, store: BaseStorage, count: int) -> Tensor | None:
    x = store.get("x")
    if x is None:
        return None
    if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
        x = torch.from_numpy(x)
    if hasattr(x, "to_dense") and (not isinstance(x, Tensor) or x.layout != torch.strided):
        x = x.to_dense()
    if not isinstance(x, Tensor) or x.is_complex():
        raise UserError(f"x of {node_type} is a {type(x).__name__}: give a tensor of numbers, a row for each node.")
    if not x.dim() or x.size(0) != count:
        raise UserError(
            f"x of {node_type} has {len(x) if x.dim() else 'no'} rows for {count} nodes: give one for each."
        )
    if not bool(x.isfinite().all()):
        raise UserError(f"x of {node_type} holds {x[~x.isfinite()][0].item()}: give finite numbers.")
    return x.detach().cpu()


def own_features(x: Tensor, columns: Sequence[Any]) -> Tensor:
    """Recovers a type's own features from the rows of its nodes."""
    begin, end, dtype, dim = columns
    mine = x[:, begin:end].to(getattr(torch, dtype))
    return mine[:, 0] if dim == 1 else mine


def _common(dtypes: Sequence[torch.dtype]) -> torch.dtype:
    """A dtype that represents all numbers of these dtypes exactly."""
    dtype = functools.reduce(torch.promote_types, dtypes)
    wide = {torch.int32, torch.int64} & set(dtypes)
    return torch.float64 if dtype.is_floating_point and wide else dtype


def sure(stores: Stores, size: Sequence[int]) -> list[Float[Tensor, "_"]] | None:
    """The ``confidence`` of the edges of every type, 1 for a type without it. None if no type has it.

    Raises:
        UserError: If a value is not from 0 to 1, or there is not one for each edge.
    """
    if not any("confidence" in store for store in stores.values()):
        return None
    result = []
    for (edge_type, store), count in zip(stores.items(), size):
        if "confidence" not in store:
            result.append(torch.ones(count))
            continue
        try:
            given = torch.as_tensor(store["confidence"], dtype=torch.double).detach().cpu()
        except (TypeError, ValueError, RuntimeError):
            raise UserError(f"confidence of {edge_type} should be a tensor of numbers, one for each edge.") from None
        if given.shape not in ((count,), (count, 1)):
            raise UserError(
                f"confidence of {edge_type} has shape {tuple(given.shape)}, but there are {count} edges: give one each."
            )
        given = given.reshape(-1)
        bad = ~((given >= 0) & (given <= 1))
        if bool(bad.any()):
            raise UserError(
                f"confidence of {edge_type} holds {given[bad][0].item():g}: give numbers from 0 to 1, such as "
                "weights divided by the largest."
            )
        result.append(given.float())
    return result


def sources(stores: Stores, size: Sequence[int], told: Sequence[str] | None) -> tuple[list[Tensor], list[str]] | None:
    """The ``source`` of the edges of every type as indices into a list of names, -1 for none. None if no type has it.

    Args:
        stores (Mapping): The edge stores.
        size (list[int]): How many edges each has.
        told (list[str], optional): ``source_names`` of the graph, if sources are already indices.

    Raises:
        UserError: If there is not one source for each edge, or indices have no names.
    """
    if not any("source" in store for store in stores.values()):
        return None
    named: dict[str, int] = {str(name): i for i, name in enumerate(told or ())}
    result = []
    for (edge_type, store), count in zip(stores.items(), size):
        given = listed(store["source"]) if "source" in store else [None] * count
        if given is None or len(given) != count:
            raise UserError(f"source of {edge_type} should have one entry for each of {count} edges.")
        number = []
        for one in given:
            if isinstance(one, int) and told is not None and -1 <= one < len(told):
                number.append(one)
            elif one is None or one == "":
                number.append(-1)
            elif isinstance(one, str):
                number.append(named.setdefault(one, len(named)))
            else:
                raise UserError(f"source of {edge_type} holds {echo(one)}: give names of sources, such as 'PMID:1'.")
        result.append(torch.tensor(number, dtype=torch.long))
    return result, list(named)


def joined(stores: Stores, size: Sequence[int], order: Places, own: set[str]) -> tuple[dict[str, Any], dict[Any, dict]]:
    """All other attributes: joined values for those that every store has in the same shape, and the rest by store.

    Numbers of two dtypes are joined in a dtype that represents both exactly. Attributes in ``own`` are skipped.
    """
    mine = {name: {k: v for k, v in store.items() if k not in own} for name, store in stores.items()}
    rest: dict[Any, dict[str, Any]] = {name: {} for name in stores}
    whole: dict[str, Any] = {}
    for key in dict.fromkeys(k for attributes in mine.values() for k in attributes):
        values = [attributes.get(key) for attributes in mine.values()]
        made = _as_one(values, size, order)
        if made is not None:
            whole[key] = made
            continue
        for name, attributes in mine.items():
            if key in attributes:
                rest[name][key] = attributes[key]
    return whole, rest


def _as_one(values: Sequence[Any], size: Sequence[int], order: Places) -> Tensor | list[Any] | None:
    """One tensor or list from all stores; None if joining would change or lose a value."""
    if all(isinstance(v, list | Texts | TextLists) and len(v) == n for v, n in zip(values, size)):
        merged: list[Any] = [None] * sum(size)
        for value, where in zip(values, order):
            for place, item in zip(where.tolist(), value):
                merged[place] = item
        return merged
    tensors = [v for v, n in zip(values, size) if isinstance(v, Tensor) and v.dim() and v.size(0) == n]
    if len(tensors) < len(values) or len({v.shape[1:] for v in tensors}) > 1:
        return None
    if any(v.layout != torch.strided for v in tensors):
        return None
    dtype = functools.reduce(torch.promote_types, [v.dtype for v in tensors])
    if len({v.is_floating_point() for v in tensors}) > 1 or (torch.bool in {v.dtype for v in tensors}) != (
        dtype == torch.bool
    ):
        return None
    result = torch.empty(sum(size), *tensors[0].shape[1:], dtype=dtype)
    for value, where in zip(tensors, order):
        result[where] = value.detach().cpu().to(dtype)
    return result
