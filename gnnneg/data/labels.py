"""Labels of things that the data know by an identifier, such as ``TP53`` for ``UniProtKB:P04637``.

The file ``labels.parquet`` lies next to the statements. Its rows are ``name`` and ``label``. The first row of a name
holds its label, and further rows hold its synonyms.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from torch_geometric.data import HeteroData

from gnnneg.data.read import read_parquet
from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError

LABELS_FILE = "labels.parquet"
COLUMNS = ("name", "label")


class Called:
    """Collects labels in the order in which they are read, each once."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, None]] = {}

    def add(self, name: str, *labels: str) -> None:
        """Adds labels of a name. Empty labels, and labels equal to the name, are ignored."""
        for label in labels:
            label = " ".join(label.split())
            if label and label != name:
                self._labels.setdefault(name, {})[label] = None

    def table(self) -> pa.Table | None:
        """The labels as rows of ``name`` and ``label``; None if there are none."""
        rows = [(name, label) for name, labels in self._labels.items() for label in labels]
        return pa.table(dict(zip(COLUMNS, (pa.array(x, pa.large_string()) for x in zip(*rows))))) if rows else None


def joined(tables: Iterable[pa.Table | None]) -> pa.Table | None:
    """The labels of several files. If two files label the same name, the labels of the earlier file come first."""
    called = Called()
    for table in tables:
        if table is not None:
            for name, label in zip(*(table[column].to_pylist() for column in COLUMNS)):
                called.add(name, label)
    return called.table()


def write_labels(folder: Path, labels: pa.Table, used: Iterable[str]) -> str | None:
    """Writes the labels of the used names and returns the file name; None if none of them has a label."""
    return write_beside(folder / LABELS_FILE, labels, used)


def read_labels(path: Path) -> pa.Table:
    """The labels as rows of ``name`` and ``label``. The first row of a name is its main label.

    Raises:
        UserError: If the file does not have the columns ``name`` and ``label``.
    """
    return read_beside(path, COLUMNS)


def write_beside(path: Path, table: pa.Table, used: Iterable[str]) -> str | None:
    """Writes the rows whose ``name`` is used and returns the file name; None if there are no such rows."""
    kept = table.filter(pc.is_in(table["name"], Texts.of(used).array))
    if not kept.num_rows:
        return None
    pa.parquet.write_table(kept, path)
    return path.name


def read_beside(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Reads a table of texts whose first column holds names. Rows without a name are left out.

    Raises:
        UserError: If the file does not have these columns.
    """
    table, many = read_parquet(path), " and ".join(f"{column}s" for column in columns)
    if not {*columns} <= {*table.column_names}:
        raise UserError(f"{path} is no table of {many}: it has no columns {' and '.join(columns)}.")
    try:
        texts = {column: pc.cast(table[column], pa.large_string()) for column in columns}
    except pa.ArrowException:
        raise UserError(f"{path} is no table of {many}: its entries are not text.") from None
    return pa.table(texts).drop_null()


def attach(data: HeteroData, labels: pa.Table) -> None:
    """Adds labels to a graph. ``data["entity"].labels`` and ``data.relation_labels`` hold one label for each entity and
    relation, or an empty text. ``data["entity"].synonyms`` and ``data.relation_synonyms`` hold the synonyms. All are
    kept in Arrow's memory, as names are.

    Args:
        data (torch_geometric.data.HeteroData): The graph.
        labels (pyarrow.Table): Rows of ``name`` and ``label``, without nulls.
    """
    code = labels["name"].combine_chunks().dictionary_encode()
    number = code.indices.to_numpy()
    rows, size = number.argsort(kind="stable"), np.bincount(number, minlength=len(code.dictionary) + 1)
    first = size.cumsum() - size
    texts = labels["label"].combine_chunks().take(pa.array(rows))  # texts of one name stay adjacent, in order
    for store, prefix, names in ((data["entity"], "", data["entity"].names), (data, "relation_", data.relation_names)):
        called = pc.index_in(Texts.of(names).array, value_set=code.dictionary)
        # the last number marks "no label"
        called = called.fill_null(len(code.dictionary)).to_numpy(zero_copy_only=False)
        if not size[called].any():
            continue
        begin, more = first[called], np.maximum(size[called] - 1, 0)
        place = pa.array(begin, pa.int64(), mask=size[called] == 0)
        store[f"{prefix}labels"] = Texts.of(texts.take(place).fill_null(""))
        end = np.concatenate([[0], more.cumsum()])
        besides = np.arange(end[-1]) + np.repeat(begin + 1 - end[:-1], more)
        store[f"{prefix}synonyms"] = TextLists.parted(end, Texts(texts.take(pa.array(besides, pa.int64()))))
