"""Converts every form in which PyG keeps a graph to one ``HeteroData`` with ``edge_index`` and ``split``.

Supported are ``Data`` with or without ``edge_type``, ``adj_t`` instead of ``edge_index``, edge masks, the results of
``RandomLinkSplit`` (one graph or all three), and data sets of one graph.
"""

import copy
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset, HeteroData
from torch_geometric.data.storage import BaseStorage
from torch_geometric.utils import to_edge_index

from gnnneg.data.attributes import CALLED
from gnnneg.data.edge_splits import MASKS, numbered, only_of_edges, read_split
from gnnneg.data.edges import EdgeType, checked, checked_split, length
from gnnneg.data.formats.columns import negates, words
from gnnneg.data.formats.vocabulary import POLAR
from gnnneg.data.link_split import ASKED, FALSE, asked_of, joined
from gnnneg.data.statements import sliced
from gnnneg.errors import UserError, echo

ENTITY = "entity"
LINK = "to"  # PyG's own name for a relation that has none
PARTS = (("train",), ("valid", "val"), ("test",))
# in a graph with one node type and one edge type: whether an attribute belongs to nodes or edges, whatever its size
OF_NODES = {*CALLED, "x", "names", "num_nodes", "type_names", "candidate_tails", "pos", "node_type"}
OF_EDGES = {*ASKED, *FALSE, "edge_index", "adj_t", "adj"}
OF_EDGES |= {"edge_type", "edge_attr", "edge_weight", "confidence", "split"}


def unified(data: Any, zeros_denied: bool = False) -> tuple[HeteroData, dict[EdgeType, EdgeType]]:
    """One graph with ``edge_index`` in every edge store, and ``split`` where the data give it. ``data`` is not changed.

    Labelled edges next to ``edge_index`` are the statements of a split: in three graphs those of train, valid and test,
    in one graph those of test. Edges with label 0 are left out and counted, or denied.

    Args:
        data (HeteroData, Data, Dataset or tuple): A graph, a data set of one graph, or a training, a validation and a
            test graph.
        zeros_denied (bool): Whether labelled edges with label 0 are denied.

    Returns:
        The graph, and each edge type created for denied edges with its stated counterpart.

    Raises:
        UserError: If ``data`` is not a graph, or its edges are malformed.
    """
    graphs = _graphs(data)
    made = [_opened(_typed(graph)) for graph in graphs]
    every = dict.fromkeys(edge_type for graph in made for edge_type in graph.edge_types)
    asked = {e: [asked_of(graph, e) for graph in made] for e in every}
    if len(made) == 1:
        # a store with labelled edges only holds pairs of another task and stays as it is
        asked = {e: [None] if "edge_index" not in made[0][e] else found for e, found in asked.items()}
        if not any(found[0] for found in asked.values()):
            return made[0], {}
    return joined(made, asked, zeros_denied)


def node_types(data: HeteroData) -> list[str]:
    """The types of nodes.

    Raises:
        UserError: If edges name a type that has no store.
    """
    for edge_type in data.edge_types:
        for end in (edge_type[0], edge_type[2]):
            if end not in data.node_types:
                known = ", ".join(echo(t) for t in data.node_types) or "none"
                raise UserError(
                    f"Edge type {edge_type} names the node type {end!r}, which has no store (there are: {known}): "
                    f"say how many there are with data[{end!r}].num_nodes, or correct the name."
                )
    return list(data.node_types)


def _graphs(data: Any) -> list[Any]:
    """A list of one or three graphs."""
    if isinstance(data, Dataset):
        return [sole(data)]
    if isinstance(data, list | tuple):
        if len(data) != 3:
            raise UserError(f"Give one graph, or three (train, valid and test), not {len(data)}.")
        return [sole(graph) if isinstance(graph, Dataset) else graph for graph in data]
    return [data]


def sole(data: Dataset) -> Any:
    """The graph of a data set that has only one.

    Raises:
        UserError: If it has several.
    """
    if len(data) != 1:
        raise UserError(f"{type(data).__name__} holds {len(data):,} graphs: give one of them, such as dataset[0].")
    return data[0]


def _typed(data: Any) -> HeteroData:
    """A copy with typed stores. An untyped graph becomes one node type and one edge type for each relation."""
    if isinstance(data, HeteroData):
        return copy.copy(data)
    if not isinstance(data, Data):
        raise UserError(
            f"{type(data).__name__} is not a PyG graph: give a HeteroData, a Data, a data set of one graph, or the "
            "three graphs of RandomLinkSplit."
        )
    data, result = _in_parts(data), HeteroData()
    num_nodes, count = _size(data), _num_edges(data._store)
    split, keys = _split_of_numbers(data, num_nodes, count) or (None, [])
    node: dict[str, Any] = {}
    edge: dict[str, Any] = {} if split is None else {"split": split}
    for key, value in data._store.items():
        if key in keys:
            continue
        many = length(value)
        of_edges = many == count and (count != num_nodes or "edge" in key)
        # with as many nodes as edges, an attribute that speaks of negatives is about edges
        denied = many == count and key not in OF_NODES and (negates(key) or bool(POLAR & {*words(key)}))
        if key in OF_EDGES or denied or (key not in OF_NODES and of_edges):
            edge[key] = value
        elif key in OF_NODES or many == num_nodes:
            node[key] = value
        else:
            result[key] = value
    kind = node.pop("node_type", None)
    if kind is not None:
        _refuse_numbers(kind, num_nodes, "node_type")
        names = getattr(data, "_node_type_names", None) or [f"type_{i}" for i in range(int(kind.max()) + 1)]
        node["type"], node["type_names"] = torch.nn.functional.one_hot(kind.long(), len(names)).bool(), list(names)
    result[ENTITY].update(node)
    relations = _relation_names(data, count) if {"edge_index", "adj_t", "adj", *ASKED} & set(edge) else []
    rel_type = edge.pop("edge_type", None)
    for number, name in enumerate(relations):
        one = result[ENTITY, name, ENTITY]
        for key, value in edge.items():
            one[key] = value if rel_type is None else sliced(key, value, rel_type == number, count)
    if rel_type is not None:
        result.relation_names = relations
    return result


def _in_parts(data: Data) -> Data:
    """Converts a graph with ``train_edge_index`` and so on, such as PyG's ``RelLinkPredDataset``, to one with
    ``split``.
    """
    found = [next((name for name in names if f"{name}_edge_index" in data._store), None) for names in PARTS]
    others = [
        key
        for key, value in data._store.items()
        if key.endswith("edge_index") and key not in ("edge_index", *(f"{name}_edge_index" for name in found))
    ]
    if others:
        raise UserError(f"{others[0]} is not read: give edge_index, and 'split' (0, 1 or 2 for each edge).")
    if found == [None] * len(PARTS):
        return data
    if found[0] is None or "split" in data._store:
        raise UserError("There is no train_edge_index, or there is a 'split' as well: give edge_index and split alone.")
    index = [checked(data[f"{name}_edge_index"], LINK, f"{name}_edge_index") for name in found if name is not None]
    result = copy.copy(data)
    result.edge_index = torch.cat(index, 1)
    result.split = torch.cat(
        [torch.full((one.size(1),), i) for one, i in zip(index, [i for i, name in enumerate(found) if name])]
    )
    result._store.pop("edge_type", None)
    kinds = [data._store.get(f"{name}_edge_type") for name in found if name is not None]
    if any(kind is not None for kind in kinds):
        result.edge_type = torch.cat([torch.empty(0, dtype=torch.long) if kind is None else kind for kind in kinds])
    for name in found:
        for what in ("index", "type"):
            result._store.pop(f"{name}_edge_{what}", None)
    return result


def _split_of_numbers(data: Data, num_nodes: int, count: int) -> tuple[Tensor, list[str]] | None:
    """The split that the numbers of edges give, and their keys; None if there are no such numbers. They are read before
    edges are divided by relation, which changes their numbers.

    Raises:
        UserError: If they could be numbers of nodes as well.
    """
    store = data._store
    if count < 1 or "split" in store or any(length(store.get(key)) == count for key in MASKS):
        return None
    found = numbered(store, count, "edges", num_nodes)
    if found is not None and count <= num_nodes and not only_of_edges(found[1]):
        first = found[1][0]
        raise UserError(
            f"{' and '.join(found[1])} could number the edges or the nodes: if they number edges, give 'split' (0, 1 "
            f"or 2 for each edge), or call them {first.partition('_')[0]}_edge_idx and so on; if they number nodes, "
            f"delete them."
        )
    return found


def _size(data: Data) -> int:
    """The number of nodes, as far as it is known before the edges are read."""
    names = data._store.get("names")
    if names is not None and "num_nodes" not in data._store:
        return len(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyG infers the number and warns about it
        return int(data.num_nodes or 0)


def _num_edges(store: BaseStorage) -> int:
    index = store.get("edge_index")
    return int(index.shape[1]) if isinstance(index, Tensor | np.ndarray) and index.ndim == 2 else -1


def _relation_names(data: Data, count: int) -> list[str]:
    """The name of each relation, by its number in ``edge_type``."""
    rel_type = data._store.get("edge_type")
    if rel_type is None:
        return [LINK]
    if count < 0:
        raise UserError("With adj_t, it is not clear which edge has which edge_type: give edge_index.")
    for key in (*ASKED[::2], *FALSE[::2]):
        if key in data._store:
            raise UserError(f"{key} does not tell which edge_type its edges have: give masks of edges, or HeteroData.")
    _refuse_numbers(rel_type, count, "edge_type")
    size = int(rel_type.max()) + 1 if rel_type.numel() else 0
    names = data._store.get("relation_names")
    if names is None:
        kinds = getattr(data, "_edge_type_names", None) or []
        middle = [kind[1] for kind in kinds]
        names = middle if len(set(middle)) == len(middle) else [" ".join(kind) for kind in kinds]
        names = names or [f"relation_{i}" for i in range(size)]
    if len(names) < size or len(set(names)) < len(names):
        raise UserError(f"There are {size} edge types, but {len(set(names))} relation_names: give each a name.")
    return [str(name) for name in names]


def _refuse_numbers(kind: Any, size: int, key: str) -> None:
    """Refuses anything but one number, from 0 on, for each node or edge."""
    if not isinstance(kind, Tensor) or kind.is_floating_point() or kind.shape != (size,):
        raise UserError(f"{key} should be one whole number for each of {size:,}: give a tensor of shape ({size},).")
    if kind.numel() and int(kind.min()) < 0:
        raise UserError(f"{key} holds {int(kind.min())}: number types from 0 on.")


def _opened(data: HeteroData) -> HeteroData:
    """The graph with checked ``edge_index`` and ``split`` in every store that has edges."""
    for edge_type in data.edge_types:
        store = data[edge_type]
        for key in ("adj_t", "adj"):
            if key in store:
                _from_adjacency(edge_type, store, key)
        if "edge_index" not in store and not {*ASKED} & set(store.keys()):
            raise UserError(f"Edges {edge_type} have no edge_index: give one, with no columns if there are none.")
        if "edge_index" in store:
            store.edge_index = checked(store.edge_index, edge_type, "edge_index")
            read_split(edge_type, store)
            if "split" in store:
                store.split = checked_split(store.split, edge_type, store.edge_index.size(1))
    return data


def _from_adjacency(edge_type: EdgeType, store: BaseStorage, key: str) -> None:
    """Reads an adjacency matrix: ``adj_t`` has a row for each target, as in PyG's ``ToSparseTensor``, and ``adj`` a row
    for each source.
    """
    matrix = store[key]
    if "edge_index" in store:
        raise UserError(f"Edges {edge_type} have both edge_index and {key}: delete one.")
    try:
        index, value = to_edge_index(matrix.to_sparse_coo() if _dense(matrix) else matrix)
    except (AttributeError, ValueError, RuntimeError) as error:
        raise UserError(f"{key} of {edge_type} is no sparse matrix ({error}): give edge_index.") from None
    del store[key]
    store.edge_index = index.flip(0) if key == "adj_t" else index
    if value is not None and bool((value != 1).any()):
        store.edge_weight = value


def _dense(matrix: Any) -> bool:
    return isinstance(matrix, Tensor) and matrix.layout == torch.strided
