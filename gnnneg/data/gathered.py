"""Reads all files of an import: statements by polarity and split, cleaned names, and an account of what was used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data import definitions
from gnnneg.data.account import Account
from gnnneg.data.catalogue import Dictionary
from gnnneg.data.coded import CODED, TEXT, coded, dictionary, mapped
from gnnneg.data.decode import ending
from gnnneg.data.folders import parts_of
from gnnneg.data.formats.files import ENDINGS, NoOption, read_statements
from gnnneg.data.formats.labelled import Headerless, Polarity, Unlabelled
from gnnneg.data.formats.names import spelt_out, without_negations
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.gate import refuse_variants, untidy
from gnnneg.data.labels import joined
from gnnneg.data.parts import Parts, Piece, distinct, parted
from gnnneg.data.values import Unmeant
from gnnneg.errors import UserError, echo

LABEL = ("label", "labels")  # options of the label


@dataclass(frozen=True)
class Gathered:
    """The content of the files: statements, questions without an answer, labels, definitions, and the account."""

    parts: Parts
    closed: pa.Table | None
    labels: pa.Table | None
    account: Account
    definitions: pa.Table | None = None


def gathered(
    path: Path,
    denied: str | Path | None,
    format: str | None,
    dictionary: Dictionary | None,
    negated: str | None,
    options: dict[str, Any],
) -> Gathered:
    """Reads the files. Statements of a file without a split belong to train.

    Args:
        path (Path): A file, or a folder of splits.
        denied (str or Path, optional): A second file, in which all statements are denied.
        format (str, optional): Format of the files. (default: by their names)
        dictionary (Dictionary, optional): Files that name the ids, if the statements hold ids.
        negated (str, optional): Which relations negate other relations.
        options (dict): Options of the reader of the format.

    Raises:
        UserError: As the reader, if a file of denials states something, or if no relation matches ``negated``.
    """
    account = Account()
    sources = [("train", path, True, format)]
    if path.is_dir():
        parts = parts_of(path, ENDINGS, account, format is not None)
        # if the last extension does not tell the format, an earlier one or that of train does; otherwise the content
        # decides
        kinds = [None if ending(part.path) in ENDINGS else ENDINGS.get(part.ending) for part in parts]
        sources = [(part.split, part.path, part.stated, format or kind) for part, kind in zip(parts, kinds)]
    sources += [("train", Path(denied), False, format)] if denied is not None else []
    pieces: list[Piece] = []
    closed, labels, defined, met = [], [], [], 0
    unlabelled: list[Unlabelled] = []
    for split, source, stated, kind in sources:
        if not stated:
            found = _denials(source, kind, options)
        elif path.is_dir():
            found = _perhaps_labelled(source, kind, options, unlabelled)
        else:
            found = read_statements(source, kind, **options)
        if dictionary is not None:
            found = spelt_out(found, dictionary, source)
        if negated is not None:
            found, number = without_negations(found, negated)
            met += number
        pieces += parted(found.table, split)
        account.add(found.left_out)
        closed += [found.closed] if found.closed is not None else []
        labels.append(found.labels)
        defined.append(found.definitions)
    if unlabelled and len(unlabelled) == sum(stated for _, _, stated, _ in sources):
        raise unlabelled[0]
    if negated is not None and not met:
        raise UserError(f"{path}: no relation matches the pattern {negated!r} of negated relations.")
    questions = pa.concat_tables(closed).group_by(list(ROLES[:2])).aggregate([]) if closed else None
    every = Parts.of(pieces)
    known = definitions.joined(defined, lambda: _used(every), account)
    return Gathered(every, questions, joined(labels), account, known)


def _used(parts: Parts) -> pa.Array:
    """The names of statements, also as they are after they have been tidied."""
    names = distinct(parts.each(*ROLES)).array
    return pa.concat_arrays([names, pa.array([plain for _, _, plain in untidy(names)], names.type)])


def _perhaps_labelled(
    path: Path, format: str | None, options: dict[str, Any], unlabelled: list[Unlabelled]
) -> Statements:
    """Reads one file of a folder. Without a label column all its statements are stated, as in train of WN11 and FB13.
    The error about the missing column is added to ``unlabelled``.
    """
    try:
        return read_statements(path, format, **options)
    except Unlabelled as error:
        unlabelled.append(error)
        found = read_statements(path, format, **_without_labels(options))
        found.left_out.used(f"file {echo(path.name)} without a column of labels, all stated", found.table.num_rows)
        return found


def _without_labels(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in LABEL}


def _denials(path: Path, format: str | None, options: dict[str, Any]) -> Statements:
    """Reads a file in which all statements are denied. It may have labels that say the same."""
    found = _labelled_denials(path, format, options) if options.get("label") is not None else None
    if found is not None:
        return found
    plain = _without_labels(options)
    try:
        found = read_statements(path, format, **plain)
        if found.closed is not None or not pc.all(found.table["label"]).as_py():
            raise UserError(f"{path}: all of its statements are denied, so none of them may be negated.")
    except Polarity as error:
        found = read_statements(path, format, **plain, label=error.column, labels=options.get("labels"))
        if pc.any(found.table["label"]).as_py():
            raise UserError(f"{path}: all of its statements are denied, but its {error.column} states some.") from None
    label = pa.repeat(pa.scalar(False), found.table.num_rows)
    return found._replace(table=found.table.set_column(len(ROLES), "label", label))


def _labelled_denials(path: Path, format: str | None, options: dict[str, Any]) -> Statements | None:
    """Reads a file of denials with the label that other files have. None if it has no such column, or one with another
    meaning.

    Raises:
        UserError: If the label states something, and as the reader.
    """
    try:
        found = read_statements(path, format, **options)
    except (Unlabelled, Headerless, Unmeant):
        return None
    except NoOption as error:
        if error.option not in LABEL:
            raise
        return None
    if pc.any(found.table["label"]).as_py():
        raise UserError(
            f"{path}: all of its statements are denied, but its column {options['label']}, which is the label, states "
            "some: take that column out if it means something else there."
        )
    return found


def with_tidy_names(read: Gathered, tidy: bool | None, path: Path) -> tuple[Gathered, int]:
    """The same data with names in composed form and without stray blanks, and the number of changed names.

    Args:
        read (Gathered): What was read.
        tidy (bool, optional): Whether to tidy names even if two become one; :obj:`False` leaves all names as they are.
            (default: tidy only if no two become one)
        path (Path): The source, for error messages.

    Raises:
        UserError: If two names become one and :obj:`tidy` is not set, or a name becomes empty.
    """
    if tidy is False:
        return read, 0
    names = {
        "entity": distinct(read.parts.each("head", "tail")),
        "relation": distinct(read.parts.each("relation")),
    }
    if tidy is None:
        refuse_variants(names, str(path), "make them one with --tidy, or keep them apart with --no-tidy")
    changed = {name: plain for every in names.values() for _, name, plain in untidy(every)}
    if not changed:
        return read, 0
    if "" in changed.values():
        raise UserError(f"{path} has a name that is only blanks: correct it, or keep it with --no-tidy.")

    def mend(table: pa.Table) -> pa.Table:
        for column in {*ROLES, "name"} & set(table.column_names):
            table = table.set_column(table.column_names.index(column), column, _mended(table[column], changed))
        return table

    parts = Parts.of((*key, mend(table)) for key, table in read.parts.tables.items())
    closed, labels = (None if table is None else mend(table) for table in (read.closed, read.labels))
    defined = None if read.definitions is None else definitions.distinct(mend(read.definitions), read.account)
    return Gathered(parts, closed, labels, read.account, defined), len(changed)


def _mended(column: pa.ChunkedArray, changed: Mapping[str, str]) -> pa.ChunkedArray:
    def tidy(names: pa.Array) -> pa.Array:
        place = pc.index_in(names, pa.array(list(changed), TEXT))
        return pc.if_else(pc.is_valid(place), pa.array(list(changed.values()), TEXT).take(place), names)

    if not pa.types.is_dictionary(column.type):
        return mapped(column, tidy, TEXT)
    column = coded([column])[0]
    names = tidy(dictionary([column])).dictionary_encode()  # two names that became one are one dictionary entry again
    chunks = [pa.DictionaryArray.from_arrays(names.indices.take(c.indices), names.dictionary) for c in column.chunks]
    return pa.chunked_array(chunks, CODED)
