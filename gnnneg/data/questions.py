"""Many questions at once: a file or frame that gives two of head, relation and tail in each row, by name."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.decode import ending, lines
from gnnneg.data.naming import Finder
from gnnneg.data.read import read_parquet
from gnnneg.errors import UserError, echo
from gnnneg.plain import FORMULA

ROLES = ("head", "relation", "tail")
KINDS = {".csv": "csv", ".tsv": "tsv", ".txt": "tsv", ".parquet": "parquet"}
ESCAPED = tuple(f"'{sign}" for sign in FORMULA)  # as answers are written for spreadsheets
FEW = 5  # at most this many names or lines are listed
NONE, UNKNOWN = -1, -2  # the position to predict, and an unknown name


@dataclass(frozen=True)
class Asked:
    """Questions as they are written.

    Args:
        columns (dict): The names of heads, relations and tails; null for the position to predict.
        where (str): The source, for error messages.
        unit (str): What :obj:`number` counts: ``"line"`` or ``"row"``.
        number (numpy.ndarray): The line or row of each question.
        aside (list[str]): Columns that are not part of a question.
        what (str): What the rows are called in error messages. (default: ``"questions"``)
    """

    columns: dict[str, pa.DictionaryArray]
    where: str
    unit: str
    number: np.ndarray
    aside: list[str]
    what: str = "questions"

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True)
class Questions:
    """Questions by index; :data:`NONE` marks the position to predict.

    Args:
        head, relation, tail (torch.Tensor): ``(b,)``.
        place (torch.Tensor): The row of each question in the input, from 0, ``(b,)``.
        left_out (str, optional): A sentence about the questions that were left out because a name was not found.
    """

    head: Int[Tensor, "b"]
    relation: Int[Tensor, "b"]
    tail: Int[Tensor, "b"]
    place: Int[Tensor, "b"]
    left_out: str | None = None

    def __len__(self) -> int:
        return len(self.place)


def read_questions(source: "str | Path | pd.DataFrame") -> Asked:
    """Reads questions.

    Args:
        source (str, Path or DataFrame): A file (``.csv``, ``.tsv`` or ``.txt`` with column names in its first line,
            compressed or not, or ``.parquet``) or a frame. Its columns ``head``, ``relation`` and ``tail`` hold names.
            An empty cell or a missing column is the position to predict. Other columns are ignored.

    Raises:
        UserError: If it cannot be read, does not have two of the columns, or a row gives fewer than two names.
    """
    if isinstance(source, pd.DataFrame):
        return _checked(_of_frame(source, "the frame of questions"))
    if not isinstance(source, str | Path):
        raise UserError(f"The questions are {echo(source)}: give a frame with head, relation and tail, or a file.")
    path = Path(source)
    kind = KINDS.get(ending(path))
    if kind is None:
        raise UserError(f"{path}: questions are read from files called .csv, .tsv, .txt or .parquet.")
    if kind == "parquet":
        return _checked(of_table(read_parquet(path), str(path)))
    return _checked(_of_text(path, kind))


def understood(asked: Asked, data: HeteroData, skip_unknown: bool = False) -> Questions:
    """Looks up the names of the questions; each distinct name is looked up once.

    Args:
        asked (Asked): The questions.
        data (torch_geometric.data.HeteroData): The data with names, labels and synonyms.
        skip_unknown (bool): Whether to leave out questions with a name that is unknown or ambiguous. (default:
            :obj:`False`)

    Raises:
        UserError: If a name is unknown or ambiguous (with the first few names and lines, and how many there are), or if
            no question is left.
    """
    entities = Finder.entities(data)
    finders = {"head": entities, "relation": Finder.relations(data), "tail": entities}
    ids = {}
    for role, coded in asked.columns.items():
        every = [_meant(finders[role], name) for name in coded.dictionary.to_pylist()]
        code = np.array([found[0] if len(found) == 1 else UNKNOWN for found in every], dtype=np.int64)
        ids[role] = _taken(coded, code)
    bad = np.logical_or.reduce([ids[role] == UNKNOWN for role in ROLES])
    if bad.any():
        told = _told(asked, ids, bad, finders)
        if not skip_unknown or bad.all():
            remedy = "fix the names"
            if asked.what == "questions" and not bad.all():
                remedy = "fix them, or leave these questions out with --skip-unknown"
            raise UserError(f"{told.rstrip('?')}: {remedy}.")
    kept = np.flatnonzero(~bad)
    head, relation, tail = (torch.from_numpy(ids[role][kept]) for role in ROLES)
    return Questions(head, relation, tail, torch.from_numpy(kept), f"Left out: {told}." if bad.any() else None)


def _meant(finder: Finder, name: str) -> list[int]:
    """Those that are called so, or else so without what tables are written with: quotation marks round a name that has
    some, which pandas writes into a TSV too, and the sign before a name that a spreadsheet would compute.
    """
    spelt = [name]
    if len(name) > 1 and name[0] == name[-1] == '"':
        spelt.append(name[1:-1].replace('""', '"'))
    spelt += [one[1:] for one in spelt if one.startswith(ESCAPED)]
    return next((found for one in spelt if (found := finder.candidates(one))), [])


def _told(asked: Asked, ids: dict[str, np.ndarray], bad: np.ndarray, finders: dict[str, Finder]) -> str:
    """``q.tsv: 2 names in 3 of 9 questions are not ...: 'a' (head, line 2), 'b' (tail, line 4)``."""
    met: dict[tuple[str, str], tuple[int, str]] = {}  # each name once, with the row where it first occurs
    for role in ROLES:
        codes = asked.columns[role].indices.to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(ids[role] == UNKNOWN)
        for code, first in zip(*np.unique(codes[rows], return_index=True)):
            key, row = (finders[role].what, asked.columns[role].dictionary[int(code)].as_py()), int(rows[first])
            met[key] = min(met.get(key, (row, role)), (row, role))
    ordered = sorted(met, key=lambda key: met[key])
    if len(ordered) == 1:
        row, role = met[ordered[0]]
        more = f" and in {int(bad.sum()) - 1:,} more" if bad.sum() > 1 else ""
        name, finder = ordered[0][1], finders[role]
        reason = finder.reason(name, finder.candidates(name)).rstrip(".")
        return f"{asked.where}, {asked.unit} {asked.number[row]}{more}: {reason}"
    words = []
    for kind, name in ordered[:FEW]:
        row, role = met[kind, name]
        called = len(finders[role].candidates(name))
        many = f", {called} are called so" if called else ""
        words.append(f"{echo(name)} ({role}, {asked.unit} {asked.number[row]}{many})")
    rest = f" and {len(ordered) - FEW:,} more" if len(ordered) > FEW else ""
    return (
        f"{asked.where}: {len(ordered):,} names in {int(bad.sum()):,} of {len(asked):,} {asked.what} are not of one "
        f"entity or relation of the data: {', '.join(words)}{rest}"
    )


def _taken(coded: pa.DictionaryArray, code: np.ndarray) -> np.ndarray:
    """The index of each row; :data:`NONE` where the cell is empty."""
    index = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(index < 0, NONE, np.append(code, NONE)[index])


def _checked(asked: Asked) -> Asked:
    """Refuses rows that leave two or more positions empty."""
    if not len(asked):
        raise UserError(f"{asked.where} holds no questions: give rows with two of head, relation and tail.")
    given = sum(
        column.indices.is_valid().to_numpy(zero_copy_only=False).astype(int) for column in asked.columns.values()
    )
    few = np.flatnonzero(given < 2)
    if len(few):
        rows = ", ".join(map(str, asked.number[few[:FEW]].tolist()))
        more = f" and {len(few) - FEW:,} more" if len(few) > FEW else ""
        raise UserError(
            f"{asked.where}: {asked.unit} {rows}{more} {'give' if len(few) > 1 else 'gives'} fewer than two of head, "
            "relation and tail: leave one empty to ask for it, or none to score the triple."
        )
    return asked


def _roles(names: list[str], where: str) -> dict[str, int]:
    """The positions of the columns of a question."""
    plain = [name.strip().lower() for name in names]
    found = {role: plain.index(role) for role in ROLES if role in plain}
    twice = [role for role in found if plain.count(role) > 1]
    if twice:
        raise UserError(f"{where} has two columns {twice[0]}: leave one out.")
    if len(found) < 2:
        raise UserError(
            f"{where} must name its columns head, relation and tail, without one that every row asks for; "
            f"it has {echo(names)}."
        )
    return found


def _of_frame(frame: pd.DataFrame, where: str) -> Asked:
    found = _roles([str(name) for name in frame.columns], where)
    columns = {}
    for role in ROLES:
        if role not in found:
            columns[role] = pa.nulls(len(frame), pa.large_string()).dictionary_encode()
            continue
        try:
            text = pa.array(frame.iloc[:, found[role]].astype(object), pa.large_string(), from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
            raise UserError(f"{where}: column {role} holds values that are not text: give names as text.") from None
        columns[role] = _encoded(text)
    aside = [str(name) for place, name in enumerate(frame.columns) if place not in found.values()]
    return Asked(columns, where, "row", np.arange(len(frame)), aside)


def of_table(table: pa.Table, where: str, what: str = "questions") -> Asked:
    """The questions, or statements, of a table of names."""
    found = _roles(table.column_names, where)
    columns = {}
    for role in ROLES:
        if role not in found:
            columns[role] = pa.nulls(table.num_rows, pa.large_string()).dictionary_encode()
            continue
        column = table.column(found[role])
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise UserError(f"{where}: column {role} holds {kind}: give names as text.")
        text = column.cast(pa.large_string()).combine_chunks()
        columns[role] = _encoded(text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text)
    aside = [name for place, name in enumerate(table.column_names) if place not in found.values()]
    return Asked(columns, where, "row", np.arange(table.num_rows), aside, what)


def _encoded(text: pa.Array) -> pa.DictionaryArray:
    """Encodes each name once; blank names become null."""
    blank = pc.equal(pc.utf8_trim_whitespace(text), "")
    return pc.if_else(pc.fill_null(blank, True), pa.scalar(None, pa.large_string()), text).dictionary_encode()


def _of_text(path: Path, kind: str) -> Asked:
    rows = _rows(path, kind)
    first = next(rows, None)
    if first is None:
        raise UserError(
            f"{path} is empty: give a first line with head, relation and tail, and a question in each line."
        )
    names = first[1]
    found = _roles(names, f"{path}, line {first[0]},")
    seen: dict[str, dict[str, int]] = {role: {} for role in ROLES}
    codes: dict[str, list[int | None]] = {role: [] for role in ROLES}
    number: list[int] = []
    for line, cells in rows:
        if len(cells) != len(names):
            raise UserError(f"{path}, line {line}: it has {len(cells)} columns and the first line {len(names)}.")
        number.append(line)
        for role in ROLES:
            name = cells[found[role]] if role in found else ""
            known = seen[role]
            codes[role].append(known.setdefault(name, len(known)) if name.strip() else None)
    columns = {
        role: pa.DictionaryArray.from_arrays(pa.array(codes[role], pa.int32()), pa.array(seen[role], pa.large_string()))
        for role in ROLES
    }
    aside = [name for place, name in enumerate(names) if place not in found.values()]
    return Asked(columns, str(path), "line", np.array(number, dtype=np.int64), aside)


def _rows(path: Path, kind: str) -> Iterator[tuple[int, list[str]]]:
    """The lines with their numbers, split into columns. Blank lines are skipped."""
    if kind == "tsv":  # TSV files have no quoting
        yield from ((number, line.split("\t")) for number, line in lines(path) if line.strip(" "))
        return
    reader = csv.reader((f"{line}\n" for _, line in lines(path)), strict=True)
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}, line {reader.line_num}: {error}.") from None
        if len(cells) > 1 or any(cell.strip() for cell in cells):
            yield before + 1, cells
        before = reader.line_num
