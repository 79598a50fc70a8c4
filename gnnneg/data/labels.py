"""What people call the things that data know by an identifier: ``TP53`` for ``UniProtKB:P04637``.

A file ``labels.parquet`` lies beside the statements. Its rows are ``name`` and ``label``; the first row of a name is
its label, the others are its synonyms.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from torch_geometric.data import HeteroData

from gnnneg.data.read import read_parquet
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError

LABELS_FILE = "labels.parquet"
COLUMNS = ("name", "label")


class Called:
    """Labels as they are met, each once, in order."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, None]] = {}

    def add(self, name: str, *labels: str) -> None:
        """Gives a name some labels; empty ones, and the name itself, are none."""
        for label in labels:
            label = " ".join(label.split())
            if label and label != name:
                self._labels.setdefault(name, {})[label] = None

    def table(self) -> pa.Table | None:
        """The labels as rows of ``name`` and ``label``; nothing if there are none."""
        rows = [(name, label) for name, labels in self._labels.items() for label in labels]
        return pa.table(dict(zip(COLUMNS, (pa.array(x, pa.large_string()) for x in zip(*rows))))) if rows else None


def joined(tables: Iterable[pa.Table | None]) -> pa.Table | None:
    """The labels of several files: what one says of a name comes before what the next says of it."""
    called = Called()
    for table in tables:
        if table is not None:
            for name, label in zip(*(table[column].to_pylist() for column in COLUMNS)):
                called.add(name, label)
    return called.table()


def write_labels(folder: Path, labels: pa.Table, used: Iterable[str]) -> str | None:
    """Writes the labels of the names that are used, and gives the name of the file; nothing if none has a label."""
    kept = labels.filter(pc.is_in(labels["name"], Texts.of(used).array))
    if not kept.num_rows:
        return None
    pa.parquet.write_table(kept, folder / LABELS_FILE)
    return LABELS_FILE


def read_labels(path: Path) -> dict[str, list[str]]:
    """The labels by name, the main one first.

    Raises:
        UserError: If the file is no table of ``name`` and ``label``.
    """
    table = read_parquet(path)
    if not {*COLUMNS} <= {*table.column_names}:
        raise UserError(f"{path} is no table of names and labels: it has no columns {' and '.join(COLUMNS)}.")
    try:
        rows = [pc.cast(table[column], pa.large_string()).to_pylist() for column in COLUMNS]
    except pa.ArrowException:
        raise UserError(f"{path} is no table of names and labels: they are no texts.") from None
    result: dict[str, list[str]] = {}
    for name, label in zip(*rows):
        if name is not None and label is not None:
            result.setdefault(name, []).append(label)
    return result


def attach(data: HeteroData, labels: dict[str, list[str]]) -> None:
    """Puts labels on a graph: ``data["entity"].labels`` and ``data.relation_labels`` have the label of each entity and
    relation, or an empty one, ``data["entity"].synonyms`` and ``data.relation_synonyms`` what each is called besides.
    """
    for store, prefix, names in ((data["entity"], "", data["entity"].names), (data, "relation_", data.relation_names)):
        every = [labels.get(name, []) for name in names]
        if any(every):
            store[f"{prefix}labels"] = [found[0] if found else "" for found in every]
            store[f"{prefix}synonyms"] = [found[1:] for found in every]
