"""What data say that a thing is: one text for each, such as an ontology's definition of a term.

A file ``definitions.parquet`` lies beside the statements. Its rows are ``name`` and ``definition``, one for each name.
A definition that an import reads is cut to two thousand characters.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch_geometric.data import HeteroData

from gnnneg.data.account import Account
from gnnneg.data.coded import TEXT
from gnnneg.data.labels import read_beside, write_beside
from gnnneg.data.texts import Texts

DEFINITIONS_FILE = "definitions.parquet"
COLUMNS = ("name", "definition")
LONGEST = 2_000  # characters of a definition
AT_ONCE = 1 << 10  # definitions that are Python strings at the same time
FURTHER = "further definitions of what has one"
CUT = f"ends of definitions of more than {LONGEST:,} characters"


class Defined:
    """Collects definitions: of each name the first. They lie in Arrow's memory, and only names are Python objects."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}  # of each name a hash of its definition
        self._rows: list[tuple[str, str]] = []  # not yet in Arrow's memory
        self._chunks: list[pa.Table] = []
        self._further = self._cut = 0

    def add(self, name: str, definition: str) -> None:
        """Gives a name its definition, unless it has one. An empty definition is none, and a long one is cut."""
        definition = " ".join(definition.split())
        if not definition:
            return
        kept = definition if len(definition) <= LONGEST else f"{definition[: LONGEST - 1]}\u2026"
        known, mark = self._first.get(name), hash(definition)
        if known is not None:
            self._further += known != mark
            return
        self._cut += kept is not definition
        self._first[name] = mark
        self._rows.append((name, kept))
        if len(self._rows) == AT_ONCE:
            self._close()

    def table(self, account: Account) -> pa.Table | None:
        """The definitions as rows of ``name`` and ``definition``; None if there are none.

        Args:
            account (Account): Records how many were cut, and how many further ones of a name were left out.
        """
        account.left_out(FURTHER, self._further)
        account.left_out(CUT, self._cut)
        self._close()
        return pa.concat_tables(self._chunks) if self._chunks else None

    def _close(self) -> None:
        if self._rows:
            columns = zip(COLUMNS, zip(*self._rows))
            self._chunks.append(pa.table({column: pa.array(texts, TEXT) for column, texts in columns}))
            self._rows.clear()


def joined(tables: Iterable[pa.Table | None], used: Callable[[], pa.Array], account: Account) -> pa.Table | None:
    """The definitions of several files: of a name that of the first. One table is returned as it is.

    Args:
        tables (iterable): Rows of ``name`` and ``definition``, each name once in a table.
        used (callable): Gives the names that are used; others are left out before tables are joined. It is not asked
            if there is one table.
        account (Account): Records how many further definitions of used names there were.
    """
    found = [table for table in tables if table is not None]
    if len(found) < 2:
        return found[0] if found else None
    names = used()
    return distinct(pa.concat_tables([table.filter(pc.is_in(table["name"], names)) for table in found]), account)


def distinct(table: pa.Table, account: Account) -> pa.Table:
    """The first definition of each name. Further ones that differ from it are counted."""
    code = table["name"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(code, return_index=True)  # codes are in the order of first appearance
    if len(first) == len(code):
        return table
    again = np.delete(np.arange(len(code)), first)
    texts = table["definition"]
    differ = pc.not_equal(texts.take(pa.array(again)), texts.take(pa.array(first[code[again]])))
    account.left_out(FURTHER, pc.sum(differ).as_py())
    return table.take(pa.array(first))


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
