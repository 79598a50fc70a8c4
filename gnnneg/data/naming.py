"""Things by what people call them: an identifier, a label or a synonym."""

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

FEW = 5  # so many of several with one label are listed


def entity(data: HeteroData, asked: object) -> int:
    """The entity that has this name, or else this label, or else this synonym.

    Raises:
        UserError: If there is none, or several entities are called so.
    """
    return Finder.entities(data)(asked)


def relation(data: HeteroData, asked: object) -> int:
    """The relation that has this name, or else this label, or else this synonym.

    Raises:
        UserError: If there is none, or several relations are called so.
    """
    return Finder.relations(data)(asked)


def among(data: HeteroData, chosen: str | Sequence[str]) -> Int[Tensor, "m"]:
    """The entities of a type, by its name, or those of a list, in ascending order.

    Raises:
        UserError: If a name is unknown, the entities have no types, or there is no such entity.
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


class Finder:
    """Finds entities or relations by what people call them, many of them by one look at labels and synonyms.

    Args:
        what (str): What they are, for errors.
        names (sequence): Their names, in the order of their numbers.
        labels (sequence, optional): Their labels, empty where one has none.
        synonyms (sequence, optional): The synonyms of each.
    """

    def __init__(
        self,
        what: str,
        names: Sequence[str],
        labels: Sequence[str | None] | None = None,
        synonyms: Sequence[Sequence[str]] | None = None,
    ):
        self.what, self.names, self.labels, self.synonyms = what, names, labels, synonyms
        # a name of many is found by an index of its own; a list's is made here
        self._first: dict[str, int] | None = None if isinstance(names, Texts) else _first(names)

    @classmethod
    def entities(cls, data: HeteroData) -> "Finder":
        """Finds the entities of a data set."""
        store = data["entity"]
        return cls("entity", store.names, store.get("labels"), store.get("synonyms"))

    @classmethod
    def relations(cls, data: HeteroData) -> "Finder":
        """Finds its relations."""
        called_ = data.get("relation_labels"), data.get("relation_synonyms")
        return cls("relation", data.relation_names, *called_)

    def __call__(self, asked: object) -> int:
        """The one that has this name, or else this label, or else this synonym.

        Raises:
            UserError: If there is none, or several are called so.
        """
        found = self.candidates(asked)
        if len(found) == 1:
            return found[0]
        raise UserError(self.reason(asked, found))

    def candidates(self, asked: object) -> list[int]:
        """All that may be meant: one, several, or none."""
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
        """Why none is meant for sure, as a sentence, given the :meth:`candidates`."""
        if not isinstance(asked, str):
            return f"The {self.what} asked for is {echo(asked)}: give its name as text."
        if found and (self._labelled(asked) or self._synonymous(asked)):
            listed = ", ".join(echo(self.names[row]) for row in found[:FEW])
            more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
            return (
                f"{echo(asked)} is no name of one {self.what} but a label of {len(found)}: give one of {listed}{more}."
            )
        if found:  # but for stray blanks and Unicode's forms, which nobody sees
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
        """Those of a label; an empty one is none."""
        if isinstance(self.labels, Texts):
            return self.labels.places(asked) if asked else []
        return self._listed[0].get(asked, [])

    def _synonymous(self, asked: str) -> list[int]:
        if isinstance(self.synonyms, TextLists):
            return self.synonyms.places(asked)
        return self._listed[1].get(asked, [])

    @cached_property
    def _listed(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Who is called what by lists of labels and of synonyms; those in Arrow's memory have an index of their own."""
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
        """The names that change when they are tidied, by what becomes of them."""
        found: dict[str, list[int]] = {}
        for row, _, plain in untidy(self.names):
            found.setdefault(plain, []).append(row)
        return found


def _first(names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row, name in enumerate(names):
        found.setdefault(name, row)
    return found
