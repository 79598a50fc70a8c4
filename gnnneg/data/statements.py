"""The convention of this package: one PyG ``HeteroData`` holds the stated and the denied statements.

::

    data["entity"]                        num_nodes, names (n strings, :class:`~gnnneg.data.texts.Texts`)
                                          type (n t, optional; sparse where it is large)
                                          x (n f, optional), features of each entity
    data["entity", "stated", "entity"]    edge_index 2 e, edge_type e, split e      what the graph says is so
    data["entity", "denied", "entity"]    edge_index 2 e, edge_type e, split e      what it says is not so
    data.relation_names                   list of r strings

``split`` is 0, 1 or 2 for train, valid and test. A statement is stated, denied, or (if it is in neither store) unknown.

Both stores have ``confidence`` (e, single precision, from 0 to 1) and ``source`` (e, an index into
``data.source_names``, -1 for none) if any file has them. Statements from files without confidence have confidence 1.
Labelled pairs of another task, such as which proteins interact, are not statements::

    data["entity", "pair", "entity"]      edge_label_index 2 m, edge_label m        no edge_index

A graph with labelled nodes (:func:`gnnneg.data.labelled.labelled_graph`) has separate edges; its statements give the
classes. Messages pass only over these edges, and only tails are predicted::

    data["entity", "linked", "entity"]    edge_index 2 e
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.storage import EdgeStorage

from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.data.words import POLARITIES, SPLITS
from gnnneg.errors import UserError
from gnnneg.records import Triplets

PAIR = ("entity", "pair", "entity")
LINKED = ("entity", "linked", "entity")


def assemble(
    stated: Triplets,
    split: Int[Tensor, "e"],
    entity_names: Sequence[str],
    relation_names: Sequence[str],
    denied: Triplets | None = None,
    denied_split: Int[Tensor, "f"] | None = None,
) -> HeteroData:
    """Puts statements together in the convention. Without denied statements, the denied store is empty.

    Raises:
        ValueError: If an index has no name, or a split is not 0, 1 or 2.
    """
    data = HeteroData()
    data["entity"].num_nodes = len(entity_names)
    data["entity"].names = Texts.of(entity_names)
    data.relation_names = list(relation_names)
    if denied is None or denied_split is None:
        none = torch.empty(0, dtype=torch.long)
        denied, denied_split = Triplets(none, none, none), none
    for polarity, triplets, part in (("stated", stated, split), ("denied", denied, denied_split)):
        _check(polarity, triplets, part, len(entity_names), len(relation_names))
        store = data["entity", polarity, "entity"]
        store.edge_index = torch.stack([triplets.head_index, triplets.tail_index])
        store.edge_type = triplets.rel_type
        store.split = part
    return data


def completed(data: HeteroData) -> HeteroData:
    """The graph with a store for each polarity; a missing store of denied statements is added as an empty one.

    Raises:
        UserError: If the graph does not follow the convention.
    """
    advice = "make it so with gnnneg.from_hetero(data)"
    places = [("entity", polarity, "entity") for polarity in POLARITIES]
    if not isinstance(data, HeteroData) or not {"edge_type"} <= {k for p in places[:1] for k in _keys(data, p)}:
        raise UserError(f"The graph has no ('entity', 'stated', 'entity') edges with edge_type: {advice}.")
    names, relations = data["entity"].get("names"), data._global_store.get("relation_names")
    if names is None or relations is None:
        raise UserError(f"The graph has no {'names of entities' if names is None else 'relation_names'}: {advice}.")
    result = copy.copy(data)
    for place in places:
        store, keys = result[place], _keys(data, place)
        if place[1] == "denied" and not keys:
            store.edge_index = torch.empty(2, 0, dtype=torch.long)
            store.edge_type, store.split = torch.empty(2, 0, dtype=torch.long)
            if "confidence" in result[places[0]]:
                store.confidence = torch.empty(0)
            if "source" in result[places[0]]:
                store.source = torch.empty(0, dtype=torch.long)
        lacking = [key for key in ("edge_index", "edge_type", "split") if key not in store]
        if lacking:
            raise UserError(f"{place} of the graph has no {lacking[0]}: {advice}.")
        given = Triplets(store.edge_index[0], store.edge_type, store.edge_index[1])
        try:
            _check(place[1], given, store.split, len(names), len(relations))
        except ValueError as error:
            raise UserError(str(error)) from None
    if "num_nodes" not in result["entity"]:
        result["entity"].num_nodes = len(names)
    return result


def _keys(data: HeteroData, place: tuple[str, str, str]) -> list[str]:
    return list(data[place].keys()) if place in data.edge_types else []


def _check(polarity: str, triplets: Triplets, split: Tensor, num_nodes: int, num_relations: int) -> None:
    for what, index, size in (
        ("entity", triplets.head_index, num_nodes),
        ("entity", triplets.tail_index, num_nodes),
        ("relation", triplets.rel_type, num_relations),
        ("split", split, len(SPLITS)),
    ):
        if index.numel() and (int(index.min()) < 0 or int(index.max()) >= size):
            wrong = int(index.min()) if int(index.min()) < 0 else int(index.max())
            raise ValueError(
                f"A {polarity} statement names {what} {wrong}, but there are only {size}: "
                f"{what} indices must lie in [0, {size})."
            )


def num_relations(data: HeteroData) -> int:
    """Number of relations, inverses not counted."""
    return len(data.relation_names)


def triplets(data: HeteroData, polarity: str = "stated", split: str | None = None) -> Triplets:
    """The statements of one polarity, of one split or (with :obj:`None`) of all splits."""
    store, keep = _chosen(data, polarity, split)
    return Triplets(store.edge_index[0, keep], store.edge_type[keep], store.edge_index[1, keep])


def counts(data: HeteroData) -> dict[str, int]:
    """Counts of entities, relations, statements by split, pairs and left-out items, under the names that cards use."""
    result = {"entities": data["entity"].num_nodes, "relations": len(data.relation_names)}
    for polarity, prefix in zip(POLARITIES, ("", "denied_")):
        sizes = torch.bincount(data["entity", polarity, "entity"].split, minlength=len(SPLITS)).tolist()
        result |= {prefix + split: size for split, size in zip(SPLITS, sizes)}
    if PAIR in data.edge_types:
        label = data[PAIR].edge_label
        result |= {"pairs_true": int((label > 0).sum()), "pairs_false": int((label == 0).sum())}
    return result | data.get("left_out", {})


def distinct(part: Triplets) -> tuple[Triplets, Int[Tensor, "e"]]:
    """The distinct statements, sorted by head, relation and tail, and the position of each given statement among them.

    Cost: one sort of integers, or two if head, relation and tail together do not fit into one integer.
    """
    head_index, rel_type, tail_index = part
    if not rel_type.numel():
        return part, rel_type
    relations, tails = int(rel_type.max()) + 1, int(tail_index.max()) + 1
    asked = head_index.long() * relations + rel_type
    if (int(head_index.max()) + 1) * relations * tails < 1 << 63:
        key, place = torch.unique(asked * tails + tail_index, return_inverse=True)
        return _like(part, key // (relations * tails), key // tails % relations, key % tails), place
    asked, number = torch.unique(asked, return_inverse=True)
    # numbering the pairs (head, relation) keeps the product below from overflowing
    key, place = torch.unique(number * tails + tail_index, return_inverse=True)
    asked = asked[key // tails]
    return _like(part, asked // relations, asked % relations, key % tails), place


def _like(part: Triplets, *column: Tensor) -> Triplets:
    """Columns in the kinds of number of those of ``part``."""
    return Triplets(*(made.to(given.dtype) for made, given in zip(column, part)))


def sliced(key: str, value: Any, chosen: Bool[Tensor, "e"] | Int[Tensor, "m"], size: int) -> Any:
    """The part of an attribute that belongs to some nodes or edges, chosen by a mask or by index. Values that do not
    have one entry for each node or edge are returned unchanged.

    Args:
        key (str): The name of the attribute; ``edge_index`` is sliced by columns.
        value (Any): The attribute.
        chosen (torch.Tensor): A mask or indices of the nodes or edges.
        size (int): The number of all nodes or edges.
    """
    if key == "edge_index":
        return value[:, chosen if isinstance(value, Tensor) else chosen.numpy()]
    if isinstance(value, list | tuple | Texts | TextLists) and len(value) == size:
        where = chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen
        return value.chosen(where) if isinstance(value, Texts | TextLists) else [value[i] for i in where.tolist()]
    if isinstance(value, Tensor) and value.layout == torch.sparse_coo and len(value) == size:
        return value.index_select(0, chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen).coalesce()
    if isinstance(value, Tensor | np.ndarray) and value.ndim and len(value) == size:
        return value[chosen if isinstance(value, Tensor) else chosen.numpy()]
    return value


def confidence(data: HeteroData, polarity: str = "stated", split: str | None = None) -> Float[Tensor, "e"] | None:
    """The confidence of each statement of :func:`triplets`, in the same order; None if the data have no confidence."""
    store, keep = _chosen(data, polarity, split)
    return store.confidence[keep] if "confidence" in store else None


def _chosen(data: HeteroData, polarity: str, split: str | None) -> tuple[EdgeStorage, slice | Tensor]:
    if polarity not in POLARITIES:
        raise UserError(f"Polarity is 'stated' or 'denied', not {polarity!r}.")
    if split is not None and split not in SPLITS:
        raise UserError(f"Split is one of {', '.join(SPLITS)}, or None for all; not {split!r}.")
    store = data["entity", polarity, "entity"]
    return store, slice(None) if split is None else store.split == SPLITS.index(split)


def mirror(data: HeteroData) -> HeteroData:
    """The graph with stated and denied statements swapped. Names and all else are shared with ``data``."""
    result = copy.copy(data)
    for polarity, other in zip(POLARITIES, reversed(POLARITIES)):
        store, swapped = result["entity", polarity, "entity"], data["entity", other, "entity"].to_dict()
        for key in list(store.keys()):
            del store[key]
        store.update(swapped)
    return result


def message_graph(data: HeteroData, polarity: str = "stated", split: str | None = "train") -> Data:
    """The homogeneous graph that messages pass over: training statements and their inverses.

    Each edge ``(h, r, t)`` has an inverse ``(t, r + num_relations, h)``. The denied statements are added as
    ``denied_edge_index`` and ``denied_edge_type``, for encoders that take these arguments. Entity features, if any, are
    ``x (n, f)``, as floats. In a graph with labelled nodes, messages pass over its own edges, all of one type.

    Raises:
        UserError: If the features do not have one row of numbers for each entity.
    """
    if polarity == "stated" and LINKED in data.edge_types:
        edge_index = data[LINKED].edge_index
        edge_type = torch.zeros_like(edge_index[0])
    else:
        edge_index, edge_type = _both_ways(data, polarity, split)
    graph = Data(edge_index=edge_index, edge_type=edge_type, num_nodes=data["entity"].num_nodes)
    x = data["entity"].get("x")
    if x is not None:
        if not isinstance(x, Tensor) or not x.dim() or x.size(0) != graph.num_nodes:
            what = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
            raise UserError(f"data['entity'].x is {what}: give a tensor with one row for each of {graph.num_nodes}.")
        dense = x if x.layout == torch.strided else x.to_dense()
        graph.x = (dense[:, None] if dense.dim() == 1 else dense).to(torch.get_default_dtype())
    if polarity == "stated":
        graph.denied_edge_index, graph.denied_edge_type = _both_ways(data, "denied", split)
    return graph


def _both_ways(data: HeteroData, polarity: str, split: str | None) -> tuple[Int[Tensor, "2 e"], Int[Tensor, "e"]]:
    head_index, rel_type, tail_index = triplets(data, polarity, split)
    edge_index = torch.stack([torch.cat([head_index, tail_index]), torch.cat([tail_index, head_index])])
    return edge_index, torch.cat([rel_type, rel_type + num_relations(data)])
