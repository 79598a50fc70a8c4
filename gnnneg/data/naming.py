"""Finds entities and relations by what people call them: a name (identifier), a label or a synonym."""

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.gate import tidied, untidy
from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.data.types import pairs
from gnnneg.errors import LONGEST, UserError, echo, nearest

FEW = 5  # at most this many things that share a label are listed


def entity(data: HeteroData, asked: object) -> int:
    """The entity with this name. If no name matches, a label or then a synonym may match.

    Raises:
        UserError: If there is no such entity, or several share the label or synonym.
    """
    return Finder.entities(data)(asked)


def relation(data: HeteroData, asked: object) -> int:
    """The relation with this name. If no name matches, a label or then a synonym may match.

    Raises:
        UserError: If there is no such relation, or several share the label or synonym.
    """
    return Finder.relations(data)(asked)


def among(data: HeteroData, chosen: str | Sequence[str]) -> Int[Tensor, "m"]:
    """The entities of one type, or those of a list, in ascending order of their numbers.

    Raises:
        UserError: If a name is unknown, the entities have no types, or no entity is of the type.
    """
    if not isinstance(chosen, str):
        find = Finder.entities(data)
        found = torch.tensor(sorted({find(one) for one in chosen}), dtype=torch.long)
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
    """The labels of some entities, empty for an entity without a label. None if the data have no labels at all."""
    labels = data["entity"].get("labels")
    return None if labels is None else [labels[i] or "" for i in index.tolist()]


def relations_called(data: HeteroData, index: Int[Tensor, "m"]) -> list[str] | None:
    """The labels of some relations, in the same form as :func:`called`."""
    labels = data.get("relation_labels")
    return None if labels is None else [labels[i] or "" for i in index.tolist()]


def said(name: str, label: str | None) -> str:
    """The text to show to people: the label, followed by the name; the name alone if there is no label."""
    return f"{label} ({name})" if label else name


class Finder:
    """Finds entities or relations by name, label or synonym. Its lookup tables are built once and serve many questions.

    Args:
        what (str): What is searched (``"entity"`` or ``"relation"``), used in error messages.
        names (sequence): The names, in the order of their numbers.
        labels (sequence, optional): The labels, empty for a thing without a label.
        synonyms (sequence, optional): The synonyms of each thing.
    """

    def __init__(
        self,
        what: str,
        names: Sequence[str],
        labels: Sequence[str | None] | None = None,
        synonyms: Sequence[Sequence[str]] | None = None,
    ):
        self.what, self.names, self.labels, self.synonyms = what, names, labels, synonyms
        # Texts and TextLists have their own index; for plain lists it is built here
        self._first: dict[str, int] | None = None if isinstance(names, Texts) else _first(names)

    @classmethod
    def entities(cls, data: HeteroData) -> "Finder":
        """A finder for the entities of a data set."""
        store = data["entity"]
        return cls("entity", store.names, store.get("labels"), store.get("synonyms"))

    @classmethod
    def relations(cls, data: HeteroData) -> "Finder":
        """A finder for the relations of a data set."""
        called_ = data.get("relation_labels"), data.get("relation_synonyms")
        return cls("relation", data.relation_names, *called_)

    def __call__(self, asked: object) -> int:
        """The number of the thing with this name, or else this label, or else this synonym.

        Raises:
            UserError: If nothing matches, or several things do.
        """
        found = self.candidates(asked)
        if len(found) == 1:
            return found[0]
        raise UserError(self.reason(asked, found))

    def candidates(self, asked: object) -> list[int]:
        """All numbers that may be meant: one, several or none."""
        if not isinstance(asked, str):
            return []
        row = self._row(asked)
        if row is not None:
            return [row]
        plain = tidied(asked)
        for known in (self._labelled, self._synonymous):
            if rows := known(asked):
                return rows
        alike = self._untidy.get(plain, [])
        row = self._row(plain)
        return alike if row is None else sorted([*alike, row])

    def reason(self, asked: object, found: list[int]) -> str:
        """A sentence that says why the :meth:`candidates` do not give one clear answer."""
        if not isinstance(asked, str):
            return f"The {self.what} asked for is {echo(asked)}: give its name as text."
        if found and (self._labelled(asked) or self._synonymous(asked)):
            listed = ", ".join(echo(self.names[row]) for row in found[:FEW])
            more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
            return (
                f"{echo(asked)} is not the name of one {self.what} but a label of {len(found)}: "
                f"give one of {listed}{more}."
            )
        if found:  # only stray blanks or the Unicode form differ, which a reader cannot see
            ways = ", ".join(ascii(self.names[row])[:LONGEST] for row in found[:FEW])
            return f"{echo(asked)} may be {len(found)} {self.what} names that look alike: give one of {ways} as it is."
        called_ = [label for label in self.labels or () if label]
        known = [*(self.names.alike(asked) if isinstance(self.names, Texts) else self.names), *called_]
        several = len(self.names) + len(called_)
        return f"There is no {self.what} {echo(asked)} in the data; {nearest(asked, known, several=several)}"

    def _row(self, name: str) -> int | None:
        if self._first is not None:
            return self._first.get(name)
        return self.names.index(name) if name in self.names else None

    def _labelled(self, asked: str) -> list[int]:
        """The things with this label. An empty label matches nothing."""
        if isinstance(self.labels, Texts):
            return self.labels.places(asked) if asked else []
        return self._listed[0].get(asked, [])

    def _synonymous(self, asked: str) -> list[int]:
        if isinstance(self.synonyms, TextLists):
            return self.synonyms.places(asked)
        return self._listed[1].get(asked, [])

    @cached_property
    def _listed(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Numbers by label and by synonym, for plain lists only; Texts and TextLists have their own index."""
        labels: dict[str, list[int]] = {}
        synonyms: dict[str, list[int]] = {}
        for row, label in enumerate(() if isinstance(self.labels, Texts) else self.labels or ()):
            if label:
                labels.setdefault(label, []).append(row)
        for row, several in enumerate(() if isinstance(self.synonyms, TextLists) else self.synonyms or ()):
            for synonym in dict.fromkeys(several or ()):
                synonyms.setdefault(synonym, []).append(row)
        return labels, synonyms

    @cached_property
    def _untidy(self) -> dict[str, list[int]]:
        """The names that change when they are tidied, grouped by their tidy form."""
        found: dict[str, list[int]] = {}
        for row, _, plain in untidy(self.names):
            found.setdefault(plain, []).append(row)
        return found


def _first(names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row, name in enumerate(names):
        found.setdefault(name, row)
    return found
