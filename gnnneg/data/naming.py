"""Things by what people call them: an identifier, a label or a synonym."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.gate import tidied, untidy
from gnnneg.data.texts import Texts
from gnnneg.data.types import pairs
from gnnneg.errors import LONGEST, UserError, echo, nearest

FEW = 5  # so many of several with one label are listed


def entity(data: HeteroData, asked: object) -> int:
    """The entity that has this name, or else this label, or else this synonym.

    Raises:
        UserError: If there is none, or several entities are called so.
    """
    store = data["entity"]
    return _find(asked, "entity", store.names, store.get("labels"), store.get("synonyms"))


def relation(data: HeteroData, asked: object) -> int:
    """The relation that has this name, or else this label, or else this synonym.

    Raises:
        UserError: If there is none, or several relations are called so.
    """
    return _find(asked, "relation", data.relation_names, data.get("relation_labels"), data.get("relation_synonyms"))


def among(data: HeteroData, chosen: str | Sequence[str]) -> Int[Tensor, "m"]:
    """The entities of a type, by its name, or those of a list, in ascending order.

    Raises:
        UserError: If a name is unknown, the entities have no types, or there is no such entity.
    """
    if not isinstance(chosen, str):
        found = torch.tensor(sorted({entity(data, one) for one in chosen}), dtype=torch.long)
        if not found.numel():
            raise UserError("The list of entities to choose among is empty: give some, or leave it out.")
        return found
    store = data["entity"]
    if "type" not in store:
        raise UserError(
            f"The entities of this data set have no types, so none can be chosen by the type {echo(chosen)}: "
            "give a list of entities in Python, or a data set with types."
        )
    names = [str(name) for name in store.get("type_names") or range(store.type.size(1))]
    if chosen not in names:
        raise UserError(f"There is no type {echo(chosen)} in the data; {nearest(chosen, names)}")
    who, kind = pairs(data)
    found = who[kind == names.index(chosen)].cpu()
    if not found.numel():
        raise UserError(f"No entity is of the type {echo(chosen)}: choose another one.")
    return found


def called(data: HeteroData, index: Int[Tensor, "m"]) -> list[str] | None:
    """The labels of some entities, empty where one has none; None if the data have no labels at all."""
    labels = data["entity"].get("labels")
    return None if labels is None else [labels[i] or "" for i in index.tolist()]


def relations_called(data: HeteroData, index: Int[Tensor, "m"]) -> list[str] | None:
    """The labels of some relations, in the same way."""
    labels = data.get("relation_labels")
    return None if labels is None else [labels[i] or "" for i in index.tolist()]


def said(name: str, label: str | None) -> str:
    """A name for people: the label where there is one, the name behind it."""
    return f"{label} ({name})" if label else name


def _find(
    asked: object,
    what: str,
    names: Sequence[str],
    labels: Sequence[str | None] | None,
    synonyms: Sequence[Sequence[str]] | None,
) -> int:
    if not isinstance(asked, str):
        raise UserError(f"The {what} asked for is {echo(asked)}: give its name as text.")
    if asked in names:
        return names.index(asked)
    for found in (
        [row for row, label in enumerate(labels or ()) if label == asked and label],
        [row for row, called_ in enumerate(synonyms or ()) if asked in called_],
    ):
        if len(found) > 1:
            listed = ", ".join(echo(names[row]) for row in found[:FEW])
            more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
            raise UserError(
                f"{echo(asked)} is no name of one {what} but a label of {len(found)}: give one of {listed}{more}."
            )
        if found:
            return found[0]
    plain = tidied(asked)
    alike = [row for row, _, name in untidy(names) if name == plain]
    if plain in names:
        alike = sorted([*alike, names.index(plain)])
    if len(alike) == 1:  # but for stray blanks and Unicode's forms, which nobody sees
        return alike[0]
    if alike:
        ways = ", ".join(ascii(names[row])[:LONGEST] for row in alike[:FEW])
        raise UserError(f"{echo(asked)} may be {len(alike)} {what} names that look alike: give one of {ways} as it is.")
    called_ = [label for label in labels or () if label]
    known = [*(names.alike(asked) if isinstance(names, Texts) else names), *called_]
    several = len(names) + len(called_)
    raise UserError(f"There is no {what} {echo(asked)} in the data; {nearest(asked, known, several=several)}")
