"""A user's own files, in any format that has a reader, into a folder with a card."""

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
from gnnneg.data.splits import random_split
from gnnneg.data.statements import SPLITS, counts, triplets
from gnnneg.data.statements import distinct as different
from gnnneg.data.write import write
from gnnneg.errors import UserError, echo
from gnnneg.records import Triplets

MANY = 20  # relations, from which on it is odd that there are more of them than of heads or tails
UNWATCHED = "There is no validation split: nothing tells training when to stop, and its last weights are kept."


@dataclass(frozen=True)
class Report:
    """What an import did.

    Args:
        counts (dict): Entities, relations and statements by split.
        duplicates (int): Lines that repeat an earlier one; they are kept.
        contradictions (int): Statements that were stated and denied, resolved as asked.
        left_out (dict): How much was not taken, by what it is and why.
        short (int): How many stated lines fewer than asked for are in valid and test, since train must mention all.
        closed (int): Questions without any answer, listed in ``closed.parquet``.
        contradicted (list): The first twenty contradictions.
        used (dict): How much was taken, by what it is: files, columns, statements.
        overlap (int): Statements that stood in two splits, resolved as asked.
        mirrored (int): Stated statements of valid and test, of ``asked`` in all, whose entities train links the other
            way round.
        asked (int): Distinct stated statements of valid and test.
        tidied (int): Names that were written in composed form (Unicode's NFC) and without stray blanks.
        notes (list): What else to know.
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

    A folder is imported with the splits it has (see :func:`gnnneg.data.folders.parts_of` for the names of its files), a
    file gets random ones that leave nothing unseen in train where possible. Questions without any answer (see
    :func:`gnnneg.data.formats.wikidata.read_wikidata`) are written to ``closed.parquet``, labels to ``labels.parquet``,
    and what became of each column, file and statement stands in the card.

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
        overlap (str, optional): What to do with a statement in two splits: ``"drop"`` it from the later one, or
            ``"keep"`` both. (default: refuse)
        mirrored (str, optional): What to do with pairs of entities that are linked both ways: ``"together"`` keeps them
            in one split, ``"drop"`` leaves those out of valid and test that train links the other way round, ``"keep"``
            does nothing. (default: ``"together"`` for a random split, ``"keep"`` for a given one; they are counted)
        tidy (bool, optional): Whether to write names in composed form (Unicode's NFC) and without stray blanks, even
            if two become one. (default: if none do, else refuse)
        **options: What the reader of the format takes.

    Raises:
        UserError: As the reader, and for what :obj:`wins`, :obj:`overlap` and :obj:`tidy` do not resolve.
    """
    path, out = Path(path), Path(out)
    refuse(path, out, denied, seed, mirrored)
    read, tidied_names = with_tidy_names(gathered(path, denied, format, dictionary, negated, options), tidy, path)
    given, aside = path.is_dir(), mirrored if mirrored != "together" else None
    parts, found = _admitted(read.parts, wins, overlap, aside if given else None, path)
    read = dataclasses.replace(read, parts=Parts({}))  # they are large, and of no more use
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
    """The questions that no split answers; those that one does are counted."""
    if read.closed is None:
        return None
    pair = list(ROLES[:2])
    asked = read.closed["head"].unique()
    answered = []
    for table in parts.of_polarity("stated").values():  # few of them, which become text
        near = table.filter(mapped(table["head"], lambda names: pc.is_in(names, asked), pa.bool_()))
        answered.append(near.select(pair).cast(pa.schema(dict.fromkeys(pair, TEXT))))
    closed = read.closed.join(pa.concat_tables(answered), pair, join_type="left anti")
    closed = closed.sort_by([(role, "ascending") for role in pair])
    read.account.left_out("'no answer' where there is one", read.closed.num_rows - closed.num_rows)
    return closed if closed.num_rows else None


def _admitted(
    parts: Parts, wins: str | None, overlap: str | None, mirrored: str | None, path: Path
) -> tuple[Parts, GateReport]:
    """What may come in by the gate."""
    keep, found = resolved(parts.graph, wins, overlap, mirrored, str(path))
    return parts.kept(keep), found


def _distinct(table: pa.Table) -> int:
    """How many different statements there are."""
    codes = [numbers(table[role]).astype(np.int64) for role in ROLES]
    sizes = [len(coded.dictionary([table[role]])) for role in ROLES]
    if sizes[0] * sizes[1] * sizes[2] >= 1 << 63:
        return int(different(Triplets(*map(torch.from_numpy, codes)))[0].rel_type.numel())
    key = (codes[0] * sizes[1] + codes[1]) * sizes[2] + codes[2]
    key.sort()
    return int((key[1:] != key[:-1]).sum()) + (len(key) > 0)


def _split(parts: Parts, valid: float, test: float, seed: int, cover: bool, together: bool) -> Parts:
    """The statements, all of train as yet, with a random split."""
    rng = torch.Generator().manual_seed(seed)
    pieces = []
    for (polarity, _), table in parts.tables.items():
        # a denied statement teaches nothing about who exists, so only stated ones are kept in train for that
        stated = polarity == "stated"
        number = random_split(triplets(parts.graph, polarity), valid, test, rng, cover and stated, together)
        pieces += [(polarity, s, table.filter(pa.array((number == i).numpy()))) for i, s in enumerate(SPLITS)]
    return Parts.of(pieces)


def _negations(parts: Parts) -> list[str]:
    """A note on relations that seem to negate others, and are read as relations like any."""
    stated = distinct(table["relation"] for table in parts.of_polarity("stated").values())
    every = {name: found for name in stated if (found := negation(name))}
    negated = {name: n for name, n in every.items() if not n.weak or n.meant in stated}
    if not negated:
        return []
    few = ", ".join(echo(name) for name in list(negated)[:5])
    first = next(iter(negated.values()))
    return [
        f"{len(negated):,} relations seem to negate others, such as {few}, and are read as relations of their own: "
        f"--negated '{first.pattern}' would make them denials."
    ]


def _negated_ends(names: pa.Array) -> list[str]:
    """A note on entities that seem to negate others, and are read as entities like any."""
    found = names.filter(pc.match_substring_regex(names, "^(?i:not|no|without)[ _]")).to_pylist()
    plain = {name: re.split("[ _]", name, maxsplit=1)[1] for name in found}
    known = {*names.filter(pc.is_in(names, pa.array(list(plain.values()), names.type))).to_pylist()}
    negated = [name for name in found if name.startswith("NOT") or plain[name] in known]
    if not negated:
        return []
    few = ", ".join(map(echo, negated[:5]))
    return [
        f"{len(negated):,} names of entities seem to negate others, such as {few}, and what is said of them is read as "
        "stated: if it is denied of the others, say so in a column of labels (--label), not in the name."
    ]


def _order(read: Gathered, parts: Parts, options: dict[str, Any]) -> list[str]:
    """A note if three columns without names may be in another order: relations are mostly fewer than tails."""
    if "column 1 as head" not in read.account.taken or options.get("columns") is not None:
        return []
    relations, heads, tails = (len(distinct(parts.each(role))) for role in ("relation", "head", "tail"))
    if relations < MANY or relations <= min(heads, tails):
        return []
    order, what, few = ("1,3,2", "tails", tails) if tails <= heads else ("2,1,3", "heads", heads)
    return [
        f"There are {relations:,} relations and {few:,} {what}: if the second column holds no relations, say what is "
        f"where, such as --columns {order}."
    ]


def _unlike(parts: Parts) -> list[str]:
    """A note on lines that repeat a statement with another confidence."""
    number = 0
    for table in parts.tables.values():
        if "confidence" in table.column_names:
            with_it = table.group_by([*ROLES, "confidence"]).aggregate([]).num_rows
            number += with_it - _distinct(table)
    what = "lines repeat a statement with another confidence, and each is kept with its own."
    return [f"{number:,} {what}"] if number else []
