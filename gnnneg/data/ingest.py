"""A user's own files, in any format that has a reader, into a folder with a card."""

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import torch
import yaml

from gnnneg.data.build import appearance, counts, graph
from gnnneg.data.catalogue import CARD, Dictionary
from gnnneg.data.download import sha256
from gnnneg.data.formats.files import ENDINGS, read_statements
from gnnneg.data.formats.names import spelt_out, without_negations
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.splits import random_split
from gnnneg.data.statements import POLARITIES, SPLITS, triplets
from gnnneg.errors import UserError

CLOSED = "closed.parquet"
SHOWN = 20


@dataclass(frozen=True)
class Report:
    """What an import did.

    Args:
        counts (dict): Entities, relations and statements by split.
        duplicates (int): Lines that repeat an earlier one; they are kept.
        contradictions (int): Statements that were stated and denied, settled as asked.
        left_out (dict): How much was not taken, by why.
        short (int): How many stated lines fewer than asked for are in valid and test, since train must mention all.
        closed (int): Questions without any answer, listed in ``closed.parquet``.
        contradicted (list): The first twenty contradictions.
    """

    counts: dict[str, int]
    duplicates: int
    contradictions: int
    left_out: dict[str, int]
    short: int
    closed: int = 0
    contradicted: list[list[str]] = field(default_factory=list)


def ingest(
    path: str | Path,
    out: str | Path,
    format: str | None = None,
    denied: str | Path | None = None,
    dictionary: Dictionary | None = None,
    negated: str | None = None,
    valid: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    cover: bool = True,
    wins: str | None = None,
    **options: Any,
) -> Report:
    """Writes a folder that :func:`gnnneg.datasets.load` reads: parquet files by split and polarity, and a card.

    A folder is imported with the splits it has (``train``, ``valid``, ``test`` with one ending, and ``train_denied``
    etc. for what is denied), a file gets random ones that leave nothing unseen in train where possible. Questions
    without any answer (see :func:`gnnneg.data.formats.wikidata.read_wikidata`) are written to ``closed.parquet``.

    Args:
        path (str or Path): A file, or a folder of ``train``, ``valid`` and ``test`` files.
        out (str or Path): The folder to write; it must not exist or be empty.
        format (str, optional): See :func:`gnnneg.data.formats.files.read_statements`.
        denied (str or Path, optional): A second file, whose statements are all denied.
        dictionary (Dictionary, optional): Files that name the ids, if the statements hold ids.
        negated (str, optional): Which relations are negations of others; see
            :func:`gnnneg.data.formats.names.without_negations`.
        valid, test (float): Shares of the random split. (default: :obj:`0.1`)
        seed (int): Of the random split. (default: :obj:`0`)
        cover (bool): Whether train must mention every entity and relation. (default: :obj:`True`)
        wins (str, optional): What to do with a statement that is both stated and denied: ``"stated"`` or ``"denied"``
            keeps that one. (default: refuse)
        **options: What the reader of the format takes.

    Raises:
        UserError: As the reader, and for contradictions that :obj:`wins` does not settle.
    """
    path, out = Path(path), Path(out)
    if wins not in (None, *POLARITIES):
        raise UserError(f"A contradiction is won by 'stated' or 'denied', not {wins!r}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another folder, or remove it first.")
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    if path.is_dir() and denied is not None:
        raise UserError(f"{path} is a folder: what it denies lies in it, as train_denied.tsv and so on.")
    read, left_out, closed = _read(path, denied, format, dictionary, negated, options)
    parts, contradicted = _settled(read, wins, path)
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
        notes = f"Random split with seed {seed}." if not path.is_dir() else "With the splits it came with."
        if closed is not None:
            pa.parquet.write_table(closed, new / CLOSED)
            notes += f" {CLOSED} lists the {closed.num_rows:,} questions (head, relation) that have no answer at all."
        numbers = _counts(parts)
        written = [*files.values(), *([CLOSED] if closed is not None else [])]
        card = {
            "name": out.name,
            "title": f"Imported from {path.name}",
            "task": "link prediction",
            "notes": notes,
            "layout": {"columns": parts["stated", "train"].column_names},
            "stated": {split: n for (polarity, split), n in files.items() if polarity == "stated"},
            "denied": {split: n for (polarity, split), n in files.items() if polarity == "denied"},
            "published": numbers,
            "files": {n: {"sha256": sha256(new / n), "bytes": (new / n).stat().st_size} for n in written},
        }
        (new / CARD).write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True))
        os.chmod(new, 0o777 & ~_umask())
        if out.exists():
            out.rmdir()
        os.replace(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shown = contradicted.slice(0, SHOWN).to_pylist()
    return Report(
        numbers,
        duplicates,
        contradicted.num_rows,
        left_out,
        short,
        closed.num_rows if closed is not None else 0,
        [[row[role] for role in ROLES] for row in shown],
    )


Parts = dict[tuple[str, str], pa.Table]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(
    path: Path,
    denied: str | Path | None,
    format: str | None,
    dictionary: Dictionary | None,
    negated: str | None,
    options: dict[str, Any],
) -> tuple[dict[str | None, pa.Table], dict[str, int], pa.Table | None]:
    """What the files say by split, how much was left out of them, and the questions without an answer."""
    sources = _sources(path) if path.is_dir() else [(None, path, True)]
    sources += [(None, Path(denied), False)] if denied is not None else []
    tables: dict[str | None, list[pa.Table]] = {}
    left_out: Counter[str] = Counter()
    closed, met = [], 0
    for split, source, stated in sources:
        plain = {k: v for k, v in options.items() if stated or k not in ("label", "labels")}
        found = read_statements(source, format, **plain)
        if dictionary is not None:
            found = spelt_out(found, dictionary, source)
        found = found if stated else _all_denied(found, source)
        if negated is not None:
            found, number = without_negations(found, negated)
            met += number
        tables.setdefault(split, []).append(found.table)
        left_out.update(found.left_out)
        closed += [found.closed] if found.closed is not None else []
    if negated is not None and not met:
        raise UserError(f"{path}: no relation is negated as {negated!r} says.")
    every = _alike([table for several in tables.values() for table in several])
    joined = {split: pa.concat_tables([every.pop(0) for _ in several]) for split, several in tables.items()}
    questions = pa.concat_tables(closed).group_by(list(ROLES[:2])).aggregate([]) if closed else None
    return joined, dict(left_out), questions


def _all_denied(found: Statements, path: Path) -> Statements:
    if not pc.all(found.table["label"]).as_py():
        raise UserError(f"{path}: all of its statements are denied, so it must not deny some itself.")
    label = pa.array([False] * found.table.num_rows, pa.bool_())
    return found._replace(table=found.table.set_column(len(ROLES), "label", label))


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """Tables with the same columns: what has no confidence is believed fully, what has no source has an empty one."""
    defaults = {"confidence": pa.scalar(1.0, pa.float64()), "source": pa.scalar("", pa.large_string())}
    for name, value in defaults.items():
        if any(name in table.column_names for table in tables):
            tables = [
                t if name in t.column_names else t.append_column(name, pa.repeat(value, t.num_rows)) for t in tables
            ]
    columns = [*ROLES, "label", *(name for name in defaults if name in tables[0].column_names)]
    return [table.select(columns) for table in tables]


def _sources(folder: Path) -> list[tuple[str | None, Path, bool]]:
    """The files of a folder by split, and whether what they hold is stated."""
    found: list[tuple[str | None, Path, bool]] = []
    for split in SPLITS:
        for name, stated in ((split, True), (f"{split}_denied", False)):
            files = [p for p in sorted(folder.glob(f"{name}.*")) if set(p.suffixes) & set(ENDINGS)]
            if len(files) > 1:
                raise UserError(f"{folder} holds two files for {name}: {files[0].name} and {files[1].name}.")
            found += [(split, p, stated) for p in files]
    if ("train", True) not in {(split, stated) for split, _, stated in found}:
        raise UserError(f"{folder} holds no file for train, such as train.tsv or train.csv.")
    return found


def _settled(tables: dict[str | None, pa.Table], wins: str | None, path: Path) -> tuple[Parts, pa.Table]:
    """Tables by polarity and split, in which no statement is both stated and denied, and those that were."""
    parts: Parts = {}
    for split, table in tables.items():
        plain = table.drop_columns(["label"])
        parts["stated", split or "train"] = plain.filter(table["label"])
        parts["denied", split or "train"] = plain.filter(pc.invert(table["label"]))
    stated, denied = (
        pa.concat_tables([t.select(list(ROLES)) for (p, _), t in parts.items() if p == polarity])
        for polarity in POLARITIES
    )
    both = stated.join(denied, list(ROLES), join_type="left semi").group_by(list(ROLES)).aggregate([])
    both = both.sort_by([(role, "ascending") for role in ROLES])
    if both.num_rows and wins is None:
        listed = [" ".join(repr(row[role]) for role in ROLES) for row in both.slice(0, SHOWN).to_pylist()]
        more = f" and {both.num_rows - SHOWN:,} more" if both.num_rows > SHOWN else ""
        raise UserError(
            f"{path}: {both.num_rows:,} statements are both stated and denied, such as {'; '.join(listed)}{more}: "
            "say which wins."
        )
    if both.num_rows:
        loses = "denied" if wins == "stated" else "stated"
        for key in [k for k in parts if k[0] == loses]:
            parts[key] = _without(parts[key], both)
    return {k: t for k, t in parts.items() if t.num_rows or k == ("stated", "train")}, both


def _without(table: pa.Table, refused: pa.Table) -> pa.Table:
    """The rows of ``table`` that are not in ``refused``, in their order."""
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    kept = numbered.join(refused, list(ROLES), join_type="left anti").sort_by("row")
    return kept.select(table.column_names)


def _distinct(table: pa.Table) -> int:
    return table.group_by(list(ROLES)).aggregate([]).num_rows


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
