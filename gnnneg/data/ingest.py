"""A user's own files: CSV, TSV, parquet or N-Triples, with or without labels, into a folder with a card."""

import csv
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import torch
import yaml

from gnnneg.data.build import appearance, counts, graph
from gnnneg.data.catalogue import CARD
from gnnneg.data.download import sha256
from gnnneg.data.ntriples import read_ntriples
from gnnneg.data.read import DELIMITERS, IGNORED, Layout, read_bytes, read_table, truth
from gnnneg.data.splits import random_split
from gnnneg.data.statements import POLARITIES, SPLITS, triplets
from gnnneg.errors import UserError, nearest

ROLES = ("head", "relation", "tail")
FORMATS = {".csv": "csv", ".tsv": "tsv", ".txt": "tsv", ".parquet": "parquet", ".nt": "ntriples"}


@dataclass(frozen=True)
class Report:
    """What an import did.

    Args:
        counts (dict): Entities, relations and statements by split.
        duplicates (int): Lines that repeat an earlier one; they are kept.
        contradictions (int): Statements that were stated and denied, settled as asked.
        literals (int): Lines about literals that were left out.
        short (int): How many stated lines fewer than asked for are in valid and test, since train must mention all.
    """

    counts: dict[str, int]
    duplicates: int
    contradictions: int
    literals: int
    short: int


def read_statements(
    path: str | Path,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    format: str | None = None,
    header: bool | None = None,
) -> tuple[pa.Table, int]:
    """The statements of one file as ``head``, ``relation``, ``tail`` and, if it is labelled, ``label`` (a boolean).

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        columns (sequence, optional): Which columns hold head, relation and tail, in this order: names in the header,
            or positions counted from 1. By default a CSV or parquet file has columns named ``head``, ``relation`` and
            ``tail``, a TSV file has them as its first three columns and no header.
        label (str, optional): Which column says whether a statement is stated (1, true) or denied (0, -1, false).
        format (str, optional): ``csv``, ``tsv``, ``parquet`` or ``ntriples``. (default: by the file's name)
        header (bool, optional): Whether the first line names the columns. (default: if :obj:`columns` are names)

    Returns:
        The table, and the number of literals that were left out.

    Raises:
        UserError: For an unknown column (with those that there are), a garbled line or an unknown label.
    """
    path = Path(path)
    format = format or _format(path)
    if format not in FORMATS.values():
        raise UserError(f"Unknown format {format!r}: {nearest(format, set(FORMATS.values()))}")
    if columns is not None and len(columns) != 3:
        raise UserError(f"Columns must be three: head, relation and tail; found {len(columns)}: {', '.join(columns)}.")
    if format == "ntriples":
        if columns is not None or label is not None:
            raise UserError(f"{path}: N-Triples has neither column names nor labels.")
        statements = read_ntriples(path)
        return statements.table, statements.num_literals
    wanted = list(columns) if columns is not None else list(ROLES) if format != "tsv" else ["1", "2", "3"]
    roles = [*ROLES, "label"] if label is not None else list(ROLES)
    wanted = [*wanted, label] if label is not None else wanted
    for c in wanted:
        if wanted.count(c) > 1:
            raise UserError(f"{path}: column {c!r} stands for two of {', '.join(roles)}.")
    positional = all(c.isdigit() for c in wanted)
    if format == "parquet":
        table = read_table(path, Layout(tuple(wanted))).rename_columns(roles)
    else:
        delimiter = "comma" if format == "csv" else "tab"
        names = not positional if header is None else header
        if not positional and not names:
            raise UserError(f"{path}: without a header, columns are given by position, such as 1,2,3.")
        found = _first_row(path, DELIMITERS[delimiter], quoted=format == "csv")
        where = [_position(c, found, names, path) for c in wanted]
        layout = [IGNORED] * len(found)
        for role, i in zip(roles, where):
            layout[i] = role
        quoted = format == "csv"  # TSV has no quotation
        table = read_table(path, Layout(tuple(layout), delimiter, header=names, quoted=quoted)).select(roles)
    if label is not None:
        table = table.set_column(3, "label", truth(table["label"], path))
    return table, 0


def ingest(
    path: str | Path,
    out: str | Path,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    format: str | None = None,
    header: bool | None = None,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    cover: bool = True,
    wins: str | None = None,
) -> Report:
    """Writes a folder that :func:`gnnneg.datasets.load` reads: parquet files by split and polarity, and a card.

    A folder is imported with the splits it has (``train``, ``valid``, ``test`` with one ending), a file gets random
    ones that leave nothing unseen in train where possible.

    Args:
        path (str or Path): A file, or a folder of ``train``, ``valid`` and ``test`` files.
        out (str or Path): The folder to write; it must not exist or be empty.
        columns, label, format, header: See :func:`read_statements`.
        valid, test (float): Shares of the random split. (default: :obj:`0.1`)
        seed (int): Of the random split. (default: :obj:`0`)
        cover (bool): Whether train must mention every entity and relation. (default: :obj:`True`)
        wins (str, optional): What to do with a statement that is both stated and denied: ``"stated"`` or ``"denied"``
            keeps that one. (default: refuse)

    Raises:
        UserError: As :func:`read_statements`, and for contradictions that :obj:`wins` does not settle.
    """
    path, out = Path(path), Path(out)
    if wins not in (None, *POLARITIES):
        raise UserError(f"A contradiction is won by 'stated' or 'denied', not {wins!r}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another folder, or remove it first.")
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    sources = _sources(path) if path.is_dir() else {None: path}
    tables, literals = {}, 0
    for split, source in sources.items():
        tables[split], left_out = read_statements(source, columns, label, format, header)
        literals += left_out
    parts, contradictions = _settled(tables, wins, path)
    short = 0
    if not path.is_dir():
        parts = _split(parts, path, valid, test, seed, cover)
        sizes = {split: _distinct(t) for (polarity, split), t in parts.items() if polarity == "stated"}
        asked_of = sum(sizes.values()) - sizes["train"]
        wanted = round(valid * sum(sizes.values())) + round(test * sum(sizes.values()))
        short = max(0, wanted - asked_of) if cover else 0
    duplicates = sum(t.num_rows - _distinct(t) for t in parts.values())
    # written aside and renamed, so that a folder with a card is always whole
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        files = {}
        for (polarity, split), table in parts.items():
            name = f"{split}.parquet" if polarity == "stated" else f"{split}_denied.parquet"
            pa.parquet.write_table(table, new / name)
            files[polarity, split] = name
        numbers = _counts(parts)
        card = {
            "name": out.name,
            "title": f"Imported from {path.name}",
            "task": "link prediction",
            "notes": f"Random split with seed {seed}." if not path.is_dir() else "With the splits it came with.",
            "layout": {"columns": list(ROLES)},
            "stated": {split: n for (polarity, split), n in files.items() if polarity == "stated"},
            "denied": {split: n for (polarity, split), n in files.items() if polarity == "denied"},
            "published": numbers,
            "files": {n: {"sha256": sha256(new / n), "bytes": (new / n).stat().st_size} for n in files.values()},
        }
        (new / CARD).write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True))
        os.chmod(new, 0o777 & ~_umask())
        if out.exists():
            out.rmdir()
        os.replace(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return Report(numbers, duplicates, contradictions, literals, short)


Parts = dict[tuple[str, str], pa.Table]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _format(path: Path) -> str:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in FORMATS:
        raise UserError(
            f"{path}: cannot tell the format from the name; give one of {', '.join(set(FORMATS.values()))}."
        )
    return FORMATS[suffix]


def _sources(folder: Path) -> dict[str | None, Path]:
    found: dict[str | None, Path] = {}
    for split in SPLITS:
        files = [p for p in sorted(folder.glob(f"{split}.*")) if set(p.suffixes) & set(FORMATS)]
        if len(files) > 1:
            raise UserError(f"{folder} holds two files for {split}: {files[0].name} and {files[1].name}.")
        if files:
            found[split] = files[0]
    if "train" not in found:
        raise UserError(f"{folder} holds no file for train, such as train.tsv or train.csv.")
    return found


def _first_row(path: Path, delimiter: str, quoted: bool) -> list[str]:
    raw = read_bytes(path)
    if not raw.strip():
        raise UserError(f"{path} is empty.")
    first = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].removesuffix(b"\r").decode(errors="replace")
    return next(csv.reader([first], delimiter=delimiter)) if quoted else first.split(delimiter)


def _position(column: str, found: list[str], names: bool, path: Path) -> int:
    if names and column in found:
        return found.index(column)
    if column.isdigit() and 1 <= int(column) <= len(found):
        return int(column) - 1
    if names:
        raise UserError(f"{path} has no column {column!r}; it has {', '.join(found)}.")
    raise UserError(f"{path} has no column {column}; its first line has {len(found)} fields.")


def _settled(tables: dict[str | None, pa.Table], wins: str | None, path: Path) -> tuple[Parts, int]:
    """Tables by polarity and split, in which no statement is both stated and denied."""
    parts: Parts = {}
    for split, table in tables.items():
        name = split or "train"
        if "label" not in table.column_names:
            parts["stated", name] = table
            continue
        plain = table.select(list(ROLES))
        parts["stated", name] = plain.filter(table["label"])
        parts["denied", name] = plain.filter(pc.invert(table["label"]))
    every = {
        polarity: pa.concat_tables([t for (p, _), t in parts.items() if p == polarity] or [_empty()])
        for polarity in POLARITIES
    }
    both = every["stated"].join(every["denied"], list(ROLES), join_type="left semi").group_by(list(ROLES)).aggregate([])
    if both.num_rows and wins is None:
        first = " ".join(repr(both[c][0].as_py()) for c in ROLES)
        raise UserError(
            f"{path}: {both.num_rows:,} statements are both stated and denied, such as {first}: say which wins."
        )
    if both.num_rows:
        loses = "denied" if wins == "stated" else "stated"
        for key in [k for k in parts if k[0] == loses]:
            parts[key] = _without(parts[key], both)
    return {k: t for k, t in parts.items() if t.num_rows or k == ("stated", "train")}, both.num_rows


def _without(table: pa.Table, refused: pa.Table) -> pa.Table:
    """The rows of ``table`` that are not in ``refused``, in their order."""
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    kept = numbered.join(refused, list(ROLES), join_type="left anti").sort_by("row")
    return kept.select(list(ROLES))


def _distinct(table: pa.Table) -> int:
    return table.group_by(list(ROLES)).aggregate([]).num_rows


def _empty() -> pa.Table:
    return pa.table({role: pa.array([], pa.large_string()) for role in ROLES})


def _split(parts: Parts, path: Path, valid: float, test: float, seed: int, cover: bool) -> Parts:
    if not parts["stated", "train"].num_rows:
        raise UserError(f"{path} states nothing: every line is denied.")
    entities = appearance(*((t["head"], t["tail"]) for t in parts.values()))
    relations = appearance(*((t["relation"],) for t in parts.values()))
    listed = [(polarity, split, path, table) for (polarity, split), table in parts.items()]
    data = graph(listed, entities, relations, entities, relations)
    generator = torch.Generator().manual_seed(seed)
    result: Parts = {}
    for polarity, split in parts:
        # a denied statement teaches nothing about who exists, so only stated ones are kept in train for that
        number = random_split(triplets(data, polarity), valid, test, generator, cover and polarity == "stated")
        for i, name in enumerate(SPLITS):
            chosen = parts[polarity, split].filter(pa.array((number == i).numpy()))
            if chosen.num_rows or (polarity, name) == ("stated", "train"):
                result[polarity, name] = chosen
    return result


def _counts(parts: Parts) -> dict[str, int]:
    entities = appearance(*((t["head"], t["tail"]) for t in parts.values()))
    relations = appearance(*((t["relation"],) for t in parts.values()))
    listed = [(polarity, split, Path(), table) for (polarity, split), table in parts.items()]
    return counts(graph(listed, entities, relations, entities, relations))
