"""What edge types mean: which relation each is, and whether its edges are stated or denied."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from torch_geometric.data import HeteroData
from torch_geometric.data.storage import BaseStorage

from gnnneg.data.attributes import listed
from gnnneg.data.edges import EdgeType
from gnnneg.errors import UserError, echo, nearest

SAY_FALSE = {"negated", "is_negated", "negation", "denied", "is_denied", "negative", "is_negative"}
SAY_TRUE = {
    *("label", "edge_label", "polarity", "sign", "edge_sign", "truth", "is_true", "positive", "is_positive", "stated")
}
NEGATION = re.compile(r"(not|non|neg|negative|negated|denied|false|never|absent)[_\-. ]+", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where the statements of one edge type are: those of one polarity and relation between two node types."""

    edge_type: EdgeType
    polarity: str
    relation: int


def stating(data: HeteroData) -> list[EdgeType]:
    """Those that state or deny something: not those with labelled pairs alone."""
    return [e for e in data.edge_types if "edge_index" in data[e] or "edge_label_index" not in data[e]]


def meanings(
    data: HeteroData,
    denied: str | Mapping[EdgeType, EdgeType] | None,
    made: Mapping[EdgeType, EdgeType],
    back: bool,
) -> tuple[list[str], list[Place]]:
    """The names of the relations, and which relation and polarity each edge type has.

    Args:
        data (HeteroData): A graph in PyG's form.
        denied (str or dict, optional): What the middle names of denied edge types begin with, or what each denies.
        made (dict): More denied edge types, and what each denies.
        back (bool): Whether the graph comes from :func:`gnnneg.data.hetero.by_type`.

    Raises:
        UserError: If what should be denied is not there, or names are not unique.
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
    """The edge types that are denied, and what each denies.

    Raises:
        UserError: If one is not there, or none is.
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
    if not found and not back:  # by_type calls them so where there are any
        near = nearest(denied, dict.fromkeys(name for _, name, _ in edge_types))
        raise UserError(f"No edge type's name begins with {echo(denied)}, so nothing is denied; {near}")
    if any(not name for _, name, _ in found.values()):
        raise UserError(f"An edge type is called {echo(denied)}, and denies nothing: give it a longer name.")
    return found


def _warn_of_polarity(edge_types: list[EdgeType], counterpart: Mapping[EdgeType, EdgeType]) -> None:
    """Warns of a name that sounds denied and is read as stated, and of denials of what nothing states."""
    stated = [edge_type for edge_type in edge_types if edge_type not in counterpart]
    for head, name, tail in stated:
        match = NEGATION.match(name)
        if match and match[0] != name:
            warnings.warn(
                f"Edge type {(head, name, tail)} is read as stated: if its edges are denied, say denied={match[0]!r}.",
                stacklevel=4,
            )
    for edge_type, what in counterpart.items():
        if what not in stated:
            near = nearest(what[1], dict.fromkeys(name for _, name, _ in stated))
            warnings.warn(f"Edge type {edge_type} denies {what}, which nothing states; {near}", stacklevel=4)


def refuse_unread(edge_type: EdgeType, store: BaseStorage) -> None:
    """Refuses edges of which an attribute says that they are false: read as stated, they would be learnt as true."""
    count = store.edge_index.size(1)
    for key, value in store.items():
        given = listed(value) if key in {*SAY_FALSE, *SAY_TRUE} or isinstance(value, list | tuple) else None
        if given is None or len(given) != count:
            continue
        words = {one.strip().lower() if isinstance(one, str) else one for one in given if not isinstance(one, list)}
        numbers = {one for one in words if not isinstance(one, str)}
        false = bool(words & {"not", "negated", "denied"})
        if key in SAY_FALSE:
            false |= any(one not in (0, None) for one in numbers) or bool(words & {"true", "yes", "1"})
        elif key in SAY_TRUE and numbers <= {-1, 0, 1}:
            false |= bool(numbers & {-1, 0}) or bool(words & {"false", "no", "0", "-1"})
        if false:
            raise UserError(
                f"{key!r} says that some edges {edge_type} are false, which is not read: move these edges to an edge "
                f"type of their own and name that in denied, or delete {key!r} if it means something else."
            )
