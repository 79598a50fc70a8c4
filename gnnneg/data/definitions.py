"""What data say that a thing is: one text for each, such as an ontology's definition of a term.

A file ``definitions.parquet`` lies beside the statements. Its rows are ``name`` and ``definition``, one for each name.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch_geometric.data import HeteroData

from gnnneg.data.labels import read_beside, write_beside
from gnnneg.data.texts import Texts

DEFINITIONS_FILE = "definitions.parquet"
COLUMNS = ("name", "definition")


class Defined:
    """Definitions as they are met: of each name the first."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self.further = 0
        """How many others there were of names that have one."""

    def add(self, name: str, definition: str) -> None:
        """Gives a name its definition, unless it has one; an empty one is none."""
        definition = " ".join(definition.split())
        if definition and self._found.setdefault(name, definition) != definition:
            self.further += 1

    def table(self) -> pa.Table | None:
        """The definitions as rows of ``name`` and ``definition``; nothing if there are none."""
        if not self._found:
            return None
        columns = zip(COLUMNS, zip(*self._found.items()))
        return pa.table({column: pa.array(texts, pa.large_string()) for column, texts in columns})


def joined(tables: Iterable[pa.Table | None]) -> tuple[pa.Table | None, int]:
    """The definitions of several files: of a name that of the first, and how many others there were."""
    defined = Defined()
    for table in tables:
        if table is not None:
            for name, definition in zip(*(table[column].to_pylist() for column in COLUMNS)):
                defined.add(name, definition)
    return defined.table(), defined.further


def write_definitions(folder: Path, definitions: pa.Table, used: Iterable[str]) -> str | None:
    """Writes the definitions of the names that are used, and gives the name of the file; nothing if none has one."""
    return write_beside(folder / DEFINITIONS_FILE, definitions, used)


def read_definitions(path: Path) -> pa.Table:
    """The definitions as rows of ``name`` and ``definition``.

    Raises:
        UserError: If the file is no table of ``name`` and ``definition``.
    """
    return read_beside(path, COLUMNS)


def attach(data: HeteroData, definitions: pa.Table) -> None:
    """Puts definitions on a graph: ``data["entity"].definitions`` and ``data.relation_definitions`` have that of each
    entity and relation, or an empty text, in Arrow's memory.

    Args:
        data (torch_geometric.data.HeteroData): The graph.
        definitions (pyarrow.Table): Rows of ``name`` and ``definition``, without nulls; of a name the first counts.
    """
    name, text = (definitions[column].combine_chunks() for column in COLUMNS)
    for store, key, names in (
        (data["entity"], "definitions", data["entity"].names),
        (data, "relation_definitions", data.relation_names),
    ):
        place = pc.index_in(Texts.of(names).array, value_set=name)
        if np.asarray(place.is_valid()).any():
            store[key] = Texts.of(text.take(place).fill_null(""))
