"""What edge types mean: the relation of each, and whether its edges are stated or denied."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.attributes import listed
from gnnneg.data.edges import EdgeType
from gnnneg.data.formats.columns import NOT, says_polarity
from gnnneg.data.negating import negation
from gnnneg.errors import UserError, echo, nearest

READ = {"edge_index", "split", "statement_index", "confidence", "source"}
PARTS = {"train", "valid", "test"}
FEW = 1000  # edges that are inspected first
MANY = 64  # an attribute with more distinct values is not read as labels


@dataclass(frozen=True)
class Place:
    """The statements of one edge type: they have one polarity and one relation and link two node types."""

    edge_type: EdgeType
    polarity: str
    relation: int


def stating(data: HeteroData) -> list[EdgeType]:
    """The edge types with statements. Edge types with only labelled pairs are left out."""
    return [e for e in data.edge_types if "edge_index" in data[e] or "edge_label_index" not in data[e]]


def meanings(
    data: HeteroData,
    denied: str | Mapping[EdgeType, EdgeType] | None,
    made: Mapping[EdgeType, EdgeType],
    back: bool,
) -> tuple[list[str], list[Place]]:
    """The names of the relations, and the relation and polarity of each edge type.

    Args:
        data (HeteroData): A graph in PyG's form.
        denied (str or dict, optional): A prefix of the middle names of denied edge types, or a map from each denied
            edge type to the edge type that it denies.
        made (dict): Further denied edge types, and what each denies.
        back (bool): Whether the graph comes from :func:`gnnneg.data.hetero.by_type`.

    Raises:
        UserError: If a denied edge type does not exist, or names are not unique.
    """
    edge_types = stating(data)
    counterpart = _denied(edge_types, denied, back) | dict(made)
    meant = [(e, "denied" if e in counterpart else "stated", counterpart.get(e, e)) for e in edge_types]
    if len({(polarity, relation) for _, polarity, relation in meant}) < len(meant):
        raise UserError("Two edge types deny the same relation: join them into one edge type first.")
    if not back:
        _warn_of_polarity(edge_types, counterpart)
    relations = list(dict.fromkeys(r for _, _, r in sorted(meant, key=lambda m: m[1] == "denied")))
    known = data._global_store.get("relation_names")
    if known is not None and all(name in known for _, name, _ in relations):
        return list(known), [Place(e, polarity, known.index(r[1])) for e, polarity, r in meant]
    middle = [name for _, name, _ in relations]
    names = [name if middle.count(name) == 1 else " ".join(r) for r, name in zip(relations, middle)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"Two relations would be called {echo(twice)}: give their edge types other names.")
    return names, [Place(e, polarity, relations.index(r)) for e, polarity, r in meant]


def _denied(
    edge_types: list[EdgeType], denied: str | Mapping[EdgeType, EdgeType] | None, back: bool
) -> dict[EdgeType, EdgeType]:
    """The denied edge types, and the edge type that each of them denies.

    Raises:
        UserError: If one of them does not exist, or there are none.
    """
    if denied is None:
        return {}
    if isinstance(denied, Mapping):
        for edge_type, stated in denied.items():
            if edge_type not in edge_types:
                near = nearest(" ".join(map(str, edge_type)), [" ".join(e) for e in edge_types])
                raise UserError(f"The denied edge type {edge_type} is not in the data; {near}")
            if not isinstance(stated, tuple) or len(stated) != 3:
                raise UserError(f"denied maps {edge_type} to {echo(stated)}: give the edge type that it denies.")
        if not denied:
            raise UserError("denied is empty: leave it out, or say which edge types are denied.")
        return dict(denied)
    if not isinstance(denied, str) or not denied:
        raise UserError(
            f"denied is {echo(denied)}: give what the names of denied edge types begin with, such as 'not_', or a dict "
            "of them and what each denies."
        )
    found = {(h, name, t): (h, name.removeprefix(denied), t) for h, name, t in edge_types if name.startswith(denied)}
    if not found and not back:  # by_type uses this prefix only where there are denied edges
        near = nearest(denied, dict.fromkeys(name for _, name, _ in edge_types))
        raise UserError(f"No edge type's name begins with {echo(denied)}, so nothing is denied; {near}")
    if any(not name for _, name, _ in found.values()):
        raise UserError(f"An edge type is called {echo(denied)}, and denies nothing: give it a longer name.")
    return found


def _warn_of_polarity(edge_types: list[EdgeType], counterpart: Mapping[EdgeType, EdgeType]) -> None:
    """Warns about a name that sounds denied but is read as stated, and about denials of an edge type that does not
    exist.
    """
    stated = [edge_type for edge_type in edge_types if edge_type not in counterpart]
    for head, name, tail in stated:
        found = negation(name)
        certain = found is not None and not (found.behind or found.weak)  # other names may negate nothing
        if found is not None and (certain or (head, found.meant, tail) in stated):
            named = found.before or found.behind
            how = {(head, name, tail): (head, found.meant, tail)} if named else found.word
            warnings.warn(
                f"Edge type {(head, name, tail)} is read as stated: if its edges are denied, say denied={how!r}.",
                stacklevel=4,
            )
    for edge_type, what in counterpart.items():
        if what not in stated:
            names = dict.fromkeys(name for _, name, _ in stated)
            near = nearest(what[1], names)
            if what[1] in names:  # between other types of nodes
                near = nearest(" ".join(what), [" ".join(edge_type) for edge_type in stated])
            warnings.warn(f"Edge type {edge_type} denies {what}, which nothing states; {near}", stacklevel=4)


def refuse_unread(edge_type: EdgeType, store: BaseStorage) -> None:
    """Refuses edges with an attribute that says that some are false. Read as stated, they would be learnt as true."""
    count = store.edge_index.size(1)
    for key, value in store.items():
        if key.endswith("edge_index") and key != "edge_index":
            raise UserError(
                f"{key!r} of {edge_type} is not read: give these edges a separate edge type, and name that in "
                "denied if they are false."
            )
        if key in READ or (key in PARTS and len(PARTS & {*store.keys()}) > 1):  # masks of the three splits
            continue
        if isinstance(value, dict) and any(_denies(str(name), inner, count) for name, inner in value.items()):
            raise UserError(
                f"{key!r} of {edge_type} says that some edges are false, which is not read: move these edges to a "
                f"separate edge type and name that in denied, or delete {key!r} if it means something else."
            )
        if _denies(key, value, count):
            raise UserError(
                f"{key!r} says that some edges {edge_type} are false, which is not read: move these edges to a "
                f"separate edge type and name that in denied, or delete {key!r} if it means something else."
            )


def _denies(name: str, value: Any, count: int) -> bool:
    """Whether an attribute says that some edges are false."""
    labels = _labels(value, count)
    return labels is not None and says_polarity(name, pa.chunked_array([pa.array(labels, pa.large_string())]), False)


def _labels(value: Any, count: int) -> list[str] | None:
    """The distinct values of an attribute of edges as words, if it may be one of labels."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_complex() or value.numel() != count or value.size(0) != count:
            return None
        flat = value.detach().reshape(-1)
        if flat[:FEW].unique().numel() > MANY:
            return None
        found = flat.unique()
        return [_word(one) for one in found.tolist()] if found.numel() <= MANY else None
    given = listed(value)
    if given is None or len(given) != count or any(isinstance(one, list | dict) for one in given):
        return None
    words = dict.fromkeys(map(_word, given))
    return list(words) if len(words) <= MANY else [word for word in words if NOT in word.lower()]


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
