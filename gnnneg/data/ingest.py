"""Imports a user's own files, in any supported format, into a folder with a card."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from gnnneg.data import coded
from gnnneg.data.catalogue import Dictionary
from gnnneg.data.coded import TEXT, mapped, numbers
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.gate import GateReport, lookalikes, resolved
from gnnneg.data.gathered import Gathered, gathered, with_tidy_names
from gnnneg.data.negating import negation
from gnnneg.data.options import refuse
from gnnneg.data.parts import Parts, distinct
from gnnneg.data.shell import argument
from gnnneg.data.splits import random_split
from gnnneg.data.statements import SPLITS, counts, triplets
from gnnneg.data.statements import distinct as different
from gnnneg.data.write import write
from gnnneg.errors import UserError, echo
from gnnneg.records import Triplets

MANY = 20  # with at least so many relations, more relations than heads or tails is suspicious
UNWATCHED = "There is no validation split: nothing tells training when to stop, and its last weights are kept."


@dataclass(frozen=True)
class Report:
    """The result of an import.

    Args:
        counts (dict): Entities, relations and statements by split.
        duplicates (int): Lines that repeat an earlier line. They are kept.
        contradictions (int): Statements that were both stated and denied, resolved by :obj:`wins`.
        left_out (dict): How much was left out, by kind and reason.
        short (int): How many fewer stated lines than requested are in valid and test, because train must mention every
            entity and relation.
        closed (int): Questions without any answer, which are written to ``closed.parquet``.
        contradicted (list): The first twenty contradictions.
        used (dict): How much was used, by kind: files, columns, statements.
        overlap (int): Statements that were in two splits, resolved by :obj:`overlap`.
        mirrored (int): How many of the ``asked`` stated statements of valid and test have a training edge in the
            opposite direction between their entities.
        asked (int): Distinct stated statements of valid and test.
        tidied (int): Names that were changed to Unicode's composed form (NFC) or had stray blanks removed.
        notes (list): Further remarks.
    """

    counts: dict[str, int]
    duplicates: int
    contradictions: int
    left_out: dict[str, int]
    short: int
    closed: int = 0
    contradicted: list[list[str]] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    overlap: int = 0
    mirrored: int = 0
    asked: int = 0
    tidied: int = 0
    notes: list[str] = field(default_factory=list)


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
    overlap: str | None = None,
    mirrored: str | None = None,
    tidy: bool | None = None,
    **options: Any,
) -> Report:
    """Writes a folder that :func:`gnnneg.datasets.load` reads: parquet files by split and polarity, and a card.

    A folder keeps the splits it has (see :func:`gnnneg.data.folders.parts_of` for the file names). A single file gets a
    random split, in which train mentions every entity and relation where possible. Questions without any answer (see
    :func:`gnnneg.data.formats.wikidata.read_wikidata`) are written to ``closed.parquet``, and labels to
    ``labels.parquet``. The card says what became of each column, file and statement.

    Args:
        path (str or Path): A file, or a folder with files for ``train``, ``valid`` and ``test``.
        out (str or Path): The folder to write. It must be empty or not exist.
        format (str, optional): See :func:`gnnneg.data.formats.files.read_statements`.
        denied (str or Path, optional): A second file, whose statements are all denied.
        dictionary (Dictionary, optional): Files that name the ids, if the statements hold ids.
        negated (str, optional): Which relations negate other relations; see
            :func:`gnnneg.data.formats.names.without_negations`.
        valid, test (float): Fractions for the random split. (default: :obj:`0.1`)
        seed (int): Seed of the random split. (default: :obj:`0`)
        cover (bool): Whether train must mention every entity and relation. (default: :obj:`True`)
        wins (str, optional): Which version of a statement is kept if it is both stated and denied: ``"stated"`` or
            ``"denied"``. (default: refuse)
        overlap (str, optional): What to do with a statement in two splits: ``"drop"`` removes it from the later split,
            ``"keep"`` keeps both. (default: refuse)
        mirrored (str, optional): What to do with pairs of entities that are linked in both directions. ``"together"``
            keeps them in one split. ``"drop"`` removes statements from valid and test if train links the pair in the
            opposite direction. ``"keep"`` only counts them. (default: ``"together"`` for a random split, ``"keep"`` for
            a given one)
        tidy (bool, optional): Whether to write names in composed form (Unicode's NFC) and without stray blanks, even if
            two names become one. (default: tidy if no names become one, else refuse)
        **options: Options of the reader of the format.

    Raises:
        UserError: As the reader, and for conflicts that :obj:`wins`, :obj:`overlap` and :obj:`tidy` do not resolve.
    """
    path, out = Path(path), Path(out)
    refuse(path, out, denied, seed, mirrored)
    read, tidied_names = with_tidy_names(gathered(path, denied, format, dictionary, negated, options), tidy, path)
    given, aside = path.is_dir(), mirrored if mirrored != "together" else None
    parts, found = _admitted(read.parts, wins, overlap, aside if given else None, path)
    read = dataclasses.replace(read, parts=Parts({}))  # they are large and no longer needed
    if not parts.tables["stated", "train"].num_rows:
        where = f"train of {path}" if given else f"{path}"
        raise UserError(f"{where} states nothing: every line is denied.")
    if not given:
        parts = _split(parts, valid, test, seed, cover, mirrored in (None, "together"))
        parts, after = _admitted(parts, None, None, aside, path)
        found = dataclasses.replace(found, mirrored=after.mirrored, asked=after.asked)
    many = {key: _distinct(table) for key, table in parts.tables.items()}
    stated = sum(number for (polarity, _), number in many.items() if polarity == "stated")
    short = 0 if given or not cover else round(valid * stated) + round(test * stated) - stated + many["stated", "train"]
    closed = _still_closed(read, parts)
    numbers = counts(parts.graph)
    names = {"entity": distinct(parts.each("head", "tail")), "relation": distinct(parts.each("relation"))}
    notes = _negations(parts) + _negated_ends(names["entity"].array) + _order(read, parts, options) + _unlike(parts)
    notes += [] if tidy is False else lookalikes(names)
    if given and not numbers["valid"]:
        notes.insert(0, UNWATCHED)
    about = f"Random split with seed {seed}." if not given else "With the splits it came with."
    write(out, path, parts, closed, read, about, numbers)
    return Report(
        numbers,
        duplicates=sum(table.num_rows - many[key] for key, table in parts.tables.items()),
        contradictions=found.contradictions,
        short=max(0, short),
        closed=0 if closed is None else closed.num_rows,
        contradicted=found.contradicted,
        overlap=found.overlap,
        mirrored=found.mirrored,
        asked=found.asked,
        tidied=tidied_names,
        notes=notes,
        **read.account.as_dict(),
    )


def _still_closed(read: Gathered, parts: Parts) -> pa.Table | None:
    """The questions that no split answers. Those that a split answers are counted."""
    if read.closed is None:
        return None
    pair = list(ROLES[:2])
    asked = read.closed["head"].unique()
    answered = []
    for table in parts.of_polarity("stated").values():  # few questions, so they may become text
        near = table.filter(mapped(table["head"], lambda names: pc.is_in(names, asked), pa.bool_()))
        answered.append(near.select(pair).cast(pa.schema(dict.fromkeys(pair, TEXT))))
    closed = read.closed.join(pa.concat_tables(answered), pair, join_type="left anti")
    closed = closed.sort_by([(role, "ascending") for role in pair])
    read.account.left_out("'no answer' where there is one", read.closed.num_rows - closed.num_rows)
    return closed if closed.num_rows else None


def _admitted(
    parts: Parts, wins: str | None, overlap: str | None, mirrored: str | None, path: Path
) -> tuple[Parts, GateReport]:
    """The statements that pass the checks of the gate."""
    keep, found = resolved(parts.graph, wins, overlap, mirrored, str(path))
    return parts.kept(keep), found


def _distinct(table: pa.Table) -> int:
    """The number of distinct statements."""
    codes = [numbers(table[role]).astype(np.int64) for role in ROLES]
    sizes = [len(coded.dictionary([table[role]])) for role in ROLES]
    if sizes[0] * sizes[1] * sizes[2] >= 1 << 63:
        return int(different(Triplets(*map(torch.from_numpy, codes)))[0].rel_type.numel())
    key = (codes[0] * sizes[1] + codes[1]) * sizes[2] + codes[2]
    key.sort()
    return int((key[1:] != key[:-1]).sum()) + (len(key) > 0)


def _split(parts: Parts, valid: float, test: float, seed: int, cover: bool, together: bool) -> Parts:
    """Gives the statements, so far all in train, a random split."""
    rng = torch.Generator().manual_seed(seed)
    pieces = []
    for (polarity, _), table in parts.tables.items():
        # denied statements do not show which entities exist, so only stated ones are kept in train for coverage
        stated = polarity == "stated"
        number = random_split(triplets(parts.graph, polarity), valid, test, rng, cover and stated, together)
        pieces += [(polarity, s, table.filter(pa.array((number == i).numpy()))) for i, s in enumerate(SPLITS)]
    return Parts.of(pieces)


def _negations(parts: Parts) -> list[str]:
    """A note about relations that seem to negate others but are read as ordinary relations."""
    stated = distinct(table["relation"] for table in parts.of_polarity("stated").values())
    every = {name: found for name in stated if (found := negation(name))}
    negated = {name: n for name, n in every.items() if not n.weak or n.meant in stated}
    if not negated:
        return []
    few = ", ".join(echo(name) for name in list(negated)[:5])
    first = next(iter(negated.values()))
    return [
        f"{len(negated):,} relations seem to negate others, such as {few}, and are read as ordinary relations: "
        f"--negated {argument(first.pattern)} would make them denials."
    ]


def _negated_ends(names: pa.Array) -> list[str]:
    """A note about entities that seem to negate others but are read as ordinary entities."""
    found = names.filter(pc.match_substring_regex(names, "^(?i:not|no|without)[ _]")).to_pylist()
    plain = {name: re.split("[ _]", name, maxsplit=1)[1] for name in found}
    known = {*names.filter(pc.is_in(names, pa.array(list(plain.values()), names.type))).to_pylist()}
    negated = [name for name in found if name.startswith("NOT") or plain[name] in known]
    if not negated:
        return []
    few = ", ".join(map(echo, negated[:5]))
    return [
        f"{len(negated):,} names of entities seem to negate others, such as {few}, and their statements are read as "
        "stated: if they deny statements about the others, say so in a column of labels (--label), not in the name."
    ]


def _order(read: Gathered, parts: Parts, options: dict[str, Any]) -> list[str]:
    """A note if three columns without names may be in another order. Usually there are fewer relations than tails.

    There is one only if names of the second column are also heads or tails, or if the column with fewer names shares
    none with the other two, as one of relations does. In Nations, 14 countries have 55 relations: the order is right.
    """
    if "column 1 as head" not in read.account.taken or options.get("columns") is not None:
        return []
    relation, head, tail = (distinct(parts.each(role)).array for role in ("relation", "head", "tail"))
    if len(relation) < MANY or len(relation) <= min(len(head), len(tail)):
        return []
    if not (_meet(relation, head) or _meet(relation, tail)) and _meet(head, tail):
        return []
    order, what, few = ("1,3,2", "tails", tail) if len(tail) <= len(head) else ("2,1,3", "heads", head)
    return [
        f"There are {len(relation):,} relations and {len(few):,} {what}: if the second column holds no relations, say "
        f"what is where, such as --columns {order}."
    ]


def _meet(one: pa.Array, other: pa.Array) -> bool:
    """Whether two columns share a name."""
    return bool(pc.any(pc.is_in(one, other)).as_py())


def _unlike(parts: Parts) -> list[str]:
    """A note about lines that repeat a statement with another confidence."""
    number = 0
    for table in parts.tables.values():
        if "confidence" in table.column_names:
            with_it = table.group_by([*ROLES, "confidence"]).aggregate([]).num_rows
            number += with_it - _distinct(table)
    what = "lines repeat a statement with another confidence, and each is kept with its own."
    return [f"{number:,} {what}"] if number else []
