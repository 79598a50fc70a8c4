"""The graphs of PyG's ``RandomLinkSplit`` as statements with a split.

These graphs have labelled edges beside the edges for messages. The labelled edges of three graphs are those of train,
validation and test. Those of one graph alone are test edges.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.edges import EdgeType, checked, length, within
from gnnneg.data.statements import SPLITS
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError
from gnnneg.kernels.unique import unique_rows

ASKED = ("edge_label_index", "edge_label", "pos_edge_label_index", "pos_edge_label")
FALSE = ("neg_edge_label_index", "neg_edge_label")
Labelled = tuple[Tensor, Tensor]  # edges that are true, and those that are not


def asked_of(data: HeteroData, edge_type: EdgeType) -> Labelled | None:
    """The true and the false labelled edges; None if a store has none.

    Raises:
        UserError: If the store does not say which are true.
    """
    if edge_type not in data.edge_types:
        return None
    store = data[edge_type]
    if "pos_edge_label_index" in store:
        true = checked(store.pos_edge_label_index, edge_type, "pos_edge_label_index")
        false = store.get("neg_edge_label_index")
        return true, _none() if false is None else checked(false, edge_type, "neg_edge_label_index")
    if "edge_label_index" not in store:
        return None
    index = checked(store.edge_label_index, edge_type, "edge_label_index")
    if "edge_label" not in store:
        raise UserError(f"Edges {edge_type} have edge_label_index but no edge_label: say which are true (1 or 0).")
    label = torch.as_tensor(store.edge_label).cpu()
    if label.shape != (index.size(1),):
        raise UserError(f"edge_label of {edge_type} should be one number for each of {index.size(1)} edges.")
    if not bool(((label == 0) | (label == 1)).all()):
        raise UserError(
            f"edge_label of {edge_type} holds other values than 0 and 1: write 1 where an edge is true, 0 where not."
        )
    return index[:, label == 1], index[:, label == 0]


def joined(
    graphs: list[HeteroData], asked: dict[EdgeType, list[Labelled | None]], zeros_denied: bool
) -> tuple[HeteroData, dict[EdgeType, EdgeType]]:
    """One graph of one or three, in which labelled edges are asked, and where its denied edges came from.

    Args:
        graphs (list[HeteroData]): One graph, or a train, a validation and a test graph.
        asked (dict): By edge type, the labelled edges of each graph.
        zeros_denied (bool): Whether those of label 0 are denied; else they are left out, with a warning.

    Raises:
        UserError: If the graphs have other nodes, or edges have labels beside a split of their own.
    """
    result, denied = copy.copy(graphs[0]), {}
    three, labelled = len(graphs) == len(SPLITS), any(any(found) for found in asked.values())
    _refuse_other_nodes(graphs)
    told: list[str] = []
    for edge_type, found in asked.items():
        store, messages = result[edge_type], [_edges(graph, edge_type) for graph in graphs]
        if any(found):
            if "split" in store:
                raise UserError(f"Edges {edge_type} have both a split and edge_label_index: delete one.")
            true, false = zip(*((_none(), _none()) if one is None else one for one in found))
            new = true[0][:, ~within(true[0], messages[0])]
            parts, split = ([messages[0], new, *true[1:]], [0, 0, 1, 2]) if three else ([messages[0], new], [0, 2])
            if not three:
                told += _about_one(edge_type, true[0].size(1), new.size(1))
            number = [0, 1, 2] if three else [2 if new.size(1) else 0]
            count = sum(part.size(1) for part in false)
            if count and zeros_denied:
                kind = (edge_type[0], f"denied {edge_type[1]}", edge_type[2])
                denied[kind] = edge_type
                result[kind].edge_index, result[kind].split = torch.cat(false, 1), _numbers(false, number)
            elif count:
                told.append(
                    f"{count:,} edges {edge_type} of label 0 are left out, since RandomLinkSplit draws such at random "
                    "and nobody has verified them; zeros_denied=True takes them for denied"
                )
        elif three and not labelled:
            parts, split = messages, [0, 1, 2]
        else:
            parts, split = [messages[0]], [0]
        told += _put(store, edge_type, parts, split, graphs)
    if three and labelled:
        told += _left_over(graphs, result)
    splits = [result[edge_type].split for edge_type in result.edge_types if "split" in result[edge_type]]
    if not three and not any(bool(split.any()) for split in splits):
        for edge_type in result.edge_types:  # labels repeat what is stated: nothing is asked, so a split is drawn
            result[edge_type].pop("split", None)
    for what in told:
        warnings.warn(f"{what}.", stacklevel=4)
    return result, denied


def _none() -> Tensor:
    return torch.empty(2, 0, dtype=torch.long)


def _edges(graph: HeteroData, edge_type: EdgeType) -> Tensor:
    return graph[edge_type].get("edge_index", _none()) if edge_type in graph.edge_types else _none()


def _numbers(parts: Sequence[Tensor], number: Sequence[int]) -> Int[Tensor, "e"]:
    return torch.cat([torch.full((part.size(1),), of) for part, of in zip(parts, number)])


def _about_one(edge_type: EdgeType, labelled: int, new: int) -> list[str]:
    three = "give all three graphs of RandomLinkSplit, (train, val, test)"
    if new:
        return [
            f"The {new:,} edges of edge_label_index of {edge_type} are taken for test, and those of edge_index for "
            f"train: {three}, to have a validation, too"
        ]
    if labelled:
        return [
            f"The {labelled:,} edges of edge_label_index of {edge_type} are in its edge_index too, so they are no "
            f"split: {three}"
        ]
    return []


def _put(
    store: BaseStorage, edge_type: EdgeType, parts: list[Tensor], split: list[int], graphs: list[HeteroData]
) -> list[str]:
    """Fills an edge store; tells of the attributes that not all of its edges have."""
    first, count = parts[0].size(1), sum(part.size(1) for part in parts)
    told = []
    for key, value in list(store.items()):
        if key in (*ASKED, *FALSE):
            del store[key]
        elif key not in ("edge_index", "split") and count > first and length(value) == first:
            given: list[Any] = [
                graph[edge_type].get(key) if edge_type in graph.edge_types else None for graph in graphs
            ]
            if [length(one) for one in given] == [part.size(1) for part in parts]:
                tensors = all(isinstance(one, Tensor) for one in given)
                store[key] = torch.cat(given) if tensors else [item for one in given for item in one]
            elif key == "confidence":  # no loss asks how sure one is of what is asked
                value = torch.as_tensor(value).reshape(-1)
                store[key] = torch.cat([value, torch.ones(count - first, dtype=value.dtype)])
            else:
                del store[key]
                told.append(f"{key} of {first:,} edges {edge_type} is left out, since the labelled edges have none")
    store.edge_index = torch.cat(parts, 1)
    if "split" not in store:
        store.split = _numbers(parts, split)
    return told


def _refuse_other_nodes(graphs: list[HeteroData]) -> None:
    first = graphs[0]
    for other in graphs[1:]:
        same = set(other.node_types) == set(first.node_types) and all(
            _equal(first[node_type].get(key), other[node_type].get(key))
            for node_type in first.node_types
            for key in ("num_nodes", "names", "x")
        )
        if not same:
            raise UserError(
                "The train, validation and test graph have other nodes: give three graphs of the same nodes."
            )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or torch.equal(one, other)
    if isinstance(one, Texts) or isinstance(other, Texts):
        return bool(one == other)
    return type(one) is type(other) and bool(np.array_equal(np.asarray(one, object), np.asarray(other, object)))


def _left_over(graphs: list[HeteroData], result: HeteroData) -> list[str]:
    """Tells of edges that validation and test pass messages over, and that no split of the result has either way."""
    told = []
    for edge_type in result.edge_types:
        head, name, tail = edge_type
        forward, own = (tail, name.removeprefix("rev_"), head), result[edge_type].edge_index
        turned = result[forward].edge_index.flip(0) if forward in result.edge_types else _none()
        passed = torch.cat([_edges(graph, edge_type) for graph in graphs[1:]], 1)
        extra = passed[:, ~within(passed, torch.cat([own, turned], 1))]
        if extra.size(1):
            told.append(
                f"{len(unique_rows(*extra)[0]):,} edges {edge_type} of the validation and test graph alone are "
                "left out, since no edge_label_index asks for them"
            )
    return told
