"""Finds entities by what people type: names, labels and synonyms, complete, as a prefix, or misspelt."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch_geometric.data import HeteroData

from gnnneg.data.texts import Texts
from gnnneg.errors import similar

WAYS = ("whole", "begins so", "holds it", "near")
LONGEST = 200  # longer searches are cut


@dataclass(frozen=True)
class Found:
    """An entity that may be meant.

    Args:
        name (str): Its name.
        label (str): Its label; empty if it has none.
        called (str): The matching name, label or synonym.
        how (str): ``"whole"``, ``"begins so"``, ``"holds it"`` or ``"near"``.
    """

    name: str
    label: str
    called: str
    how: str


class Index:
    """All names, labels and synonyms of the entities in one block of memory.

    Args:
        data (torch_geometric.data.HeteroData): The data set.

    Cost: twice the letters of all names, labels and synonyms. A search scans them.
    """

    def __init__(self, data: HeteroData):
        store = data["entity"]
        self.names, self.labels = store.names, store.get("labels")
        labels, synonyms = self.labels or (), store.get("synonyms") or ()
        texts, owner = list(self.names), list(range(len(self.names)))
        for row, label in enumerate(labels):
            if label:
                texts.append(label)
                owner.append(row)
        for row, several in enumerate(synonyms):
            texts.extend(several or ())
            owner.extend([row] * len(several or ()))
        self.texts, self.owner = Texts.of(texts), np.asarray(owner)

    @cached_property
    def lower(self) -> pa.Array:
        """The same in lower case."""
        return pc.utf8_lower(self.texts.array)

    def __call__(self, text: str, limit: int = 20) -> list[Found]:
        """The entities that may be meant, each once. Exact matches come first, then prefixes, then names that contain
        the text, shorter names first. If there are fewer than ``limit``, similar names follow.
        """
        asked = " ".join(text[:LONGEST].split()).lower()
        if not asked:
            return []
        found: dict[int, Found] = {}
        size = pc.utf8_length(self.lower).to_numpy(zero_copy_only=False)
        for how, test in zip(WAYS, (pc.equal, pc.starts_with, pc.match_substring)):
            place = test(self.lower, asked).to_numpy(zero_copy_only=False).nonzero()[0]
            for row in place[size[place].argsort(kind="stable")].tolist():
                if len(found) >= limit:
                    return list(found.values())
                found.setdefault(int(self.owner[row]), self._found(row, how))
        alike = self.texts.alike(asked)
        for called in similar(asked, alike, limit):
            row = self.texts.index(called)
            if len(found) < limit:
                found.setdefault(int(self.owner[row]), self._found(row, WAYS[-1]))
        return list(found.values())

    def _found(self, row: int, how: str) -> Found:
        entity = int(self.owner[row])
        label = "" if self.labels is None else self.labels[entity] or ""
        return Found(self.names[entity], label, self.texts[row], how)
