"""Statements as tables, one for each polarity and split, and the graph made from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.coded import addresses, coded, mapped, met
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.statements import POLARITIES, SPLITS, assemble
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError
from gnnneg.records import Triplets

Piece = tuple[str, str, pa.Table]  # polarity, split and statements
# statements of files without these columns are fully trusted and have no source
DEFAULTS = {"confidence": pa.scalar(1.0, pa.float64()), "source": pa.scalar("", pa.large_string())}


@dataclass(frozen=True)
class Names:
    """The names of entities or relations by index, and the key of each in tables: an id or the name itself.

    Args:
        names (sequence): The names.
        keys (pyarrow.Array): The keys in tables, in the same order.
    """

    names: Sequence[str]
    keys: pa.Array
    _last: list[tuple[pa.Array, pa.Array]] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, names: Iterable[str] | pa.Array) -> "Names":
        """Names that are their own keys."""
        texts = Texts.of(names)
        return cls(texts, texts.array)

    def index(self, column: pa.ChunkedArray, what: str, path: Path) -> Int[Tensor, "e"]:
        """The indices of the entries of a column. ``what`` and ``path`` describe the column in error messages.

        Cost: one lookup for each name of the column's dictionary, unless the column before had the same dictionary.

        Raises:
            UserError: If an entry is not one of the keys.
        """
        column = coded([column])[0]
        index = mapped(column, self._places, pa.int32())
        if index.null_count:
            wrong = column.filter(pc.is_null(index))[0].as_py()
            raise UserError(f"{path}: {what} {wrong!r} is not in the dictionary of {len(self.keys):,}.")
        return torch.from_numpy(index.to_numpy().astype("int64"))

    def _places(self, names: pa.Array) -> pa.Array:
        """The places of these names among the keys. The last answer is kept, because a graph's columns share names."""
        if not self._last or addresses(self._last[0][0]) != addresses(names):
            self._last[:] = [(names, pc.index_in(names, self.keys))]
        return self._last[0][1]


@dataclass(frozen=True)
class Parts:
    """Statements by polarity and split. All tables have the columns ``head``, ``relation`` and ``tail``, and, if any
    file has them, ``confidence`` and ``source``. Names are codes into dictionaries that all tables share
    (:mod:`gnnneg.data.coded`).

    Args:
        tables (dict): A table for each polarity and split, stated ones first, in the order of the splits.
    """

    tables: Mapping[tuple[str, str], pa.Table]

    @classmethod
    def of(cls, found: Iterable[Piece]) -> "Parts":
        """Joins tables by polarity and split. Empty tables are left out, except stated train."""
        every = list(found)
        there = {name for *_, table in every for name in table.column_names}
        columns = [*ROLES, *(name for name in DEFAULTS if name in there)]
        tables: dict[tuple[str, str], list[pa.Table]] = {(p, s): [] for p in POLARITIES for s in SPLITS}
        keys, kept = [], []
        for polarity, split, table in every:
            for name in set(columns) - {*table.column_names}:
                table = table.append_column(name, pa.repeat(DEFAULTS[name], table.num_rows))
            if table.num_rows or (polarity, split) == ("stated", "train"):
                keys.append((polarity, split))
                kept.append(table.select(columns))
        for key, table in zip(keys, with_one_dictionary(kept)):
            tables[key].append(table)
        return cls({key: pa.concat_tables(some) for key, some in tables.items() if some})

    def each(self, *columns: str) -> list[pa.ChunkedArray]:
        """These columns of every table."""
        return [table[column] for table in self.tables.values() for column in columns if column in table.column_names]

    def of_polarity(self, polarity: str) -> dict[str, pa.Table]:
        """The tables of one polarity by split."""
        return {split: table for (which, split), table in self.tables.items() if which == polarity}

    def kept(self, keep: Mapping[str, Bool[Tensor, "_"]]) -> "Parts":
        """The statements of each polarity chosen by a mask, in the order of the graph."""
        if all(bool(mask.all()) for mask in keep.values()):
            return self
        chosen = []
        for polarity in POLARITIES:
            mine = self.of_polarity(polarity)
            masks = keep[polarity].split([table.num_rows for table in mine.values()])
            chosen += [(polarity, split, t.filter(pa.array(m.numpy()))) for (split, t), m in zip(mine.items(), masks)]
        return Parts.of(chosen)

    @cached_property
    def graph(self) -> HeteroData:
        """The graph of the statements; see :func:`graph`."""
        return graph(self)


def with_one_dictionary(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables that share one dictionary for heads and tails, one for relations and one for sources."""
    result = list(tables)
    for together in (("head", "tail"), ("relation",), ("source",)):
        places = [(i, name) for i, table in enumerate(result) for name in together if name in table.column_names]
        for (i, name), column in zip(places, coded([result[i][name] for i, name in places])):
            result[i] = result[i].set_column(result[i].column_names.index(name), name, column)
    return result


def parted(table: pa.Table, split: str) -> list[Piece]:
    """Splits a table by its labels: stated (true), denied (false) and unknown (null)."""
    true = table["label"]
    if not true.null_count and pc.all(true).as_py():
        return [("stated", split, table), *((other, split, table.slice(0, 0)) for other in ("denied", "unknown"))]
    masks = {"stated": true, "denied": pc.invert(true), "unknown": pc.is_null(true)}
    return [(polarity, split, table.filter(mask)) for polarity, mask in masks.items()]


def graph(parts: Parts, entities: Names | None = None, relations: Names | None = None) -> HeteroData:
    """The graph of the statements.

    Args:
        parts (Parts): The statements.
        entities, relations (Names, optional): All entities and relations. (default: in the order of first appearance,
            row by row, head before tail)
    """
    tables = list(parts.tables.values())
    if entities is None:
        entities = Names.of(appearance(*((table["head"], table["tail"]) for table in tables)))
    if relations is None:
        relations = Names.of(distinct(parts.each("relation")))
    sources = [name for name in distinct(parts.each("source")) if name]
    numbered, split = {}, {}
    for polarity in POLARITIES:
        mine = parts.of_polarity(polarity)
        columns = zip(ROLES, ("entity", "relation", "entity"), (entities, relations, entities))
        numbered[polarity] = Triplets(
            *(_joined([names.index(t[role], what, Path()) for t in mine.values()]) for role, what, names in columns)
        )
        split[polarity] = _joined([torch.full((t.num_rows,), SPLITS.index(s)) for s, t in mine.items()])
    data = assemble(
        numbered["stated"], split["stated"], entities.names, relations.names, numbered["denied"], split["denied"]
    )
    for polarity in POLARITIES:
        store, mine = data["entity", polarity, "entity"], parts.of_polarity(polarity)
        if any("confidence" in table.column_names for table in tables):
            sure = [torch.from_numpy(t["confidence"].to_numpy().astype("float32")) for t in mine.values()]
            store.confidence = torch.cat([torch.empty(0), *sure])
        if sources:
            named = Names.of(["", *sources])  # an empty name means no source
            store.source = _joined([named.index(t["source"], "source", Path()) - 1 for t in mine.values()])
    if sources:
        data.source_names = sources
    return data


def appearance(*rows: tuple[pa.ChunkedArray, ...]) -> Texts:
    """The distinct values of tables, in the order of first appearance, row by row."""
    every = iter(coded([column for columns in rows for column in columns]))
    return Texts.of(met(*([next(every) for _ in columns] for columns in rows)))


def distinct(columns: Iterable[pa.ChunkedArray]) -> Texts:
    """The distinct values of columns, in the order of first appearance, column by column."""
    return appearance(*((column,) for column in columns))


def _joined(columns: list[Int[Tensor, "_"]]) -> Int[Tensor, "e"]:
    return torch.cat([torch.empty(0, dtype=torch.long), *columns])
