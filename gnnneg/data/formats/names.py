"""Replaces ids by names, and turns negated relations into denials."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gnnneg.data.account import Account
from gnnneg.data.catalogue import Dictionary
from gnnneg.data.coded import CODED, TEXT, mapped
from gnnneg.data.formats.statements import Statements
from gnnneg.data.values import integers, read_names
from gnnneg.errors import UserError, echo

# an equals sign that is not part of (?=...) or (?<=...)
MAPPED = re.compile(r"(.+)(?<![?<])(=)([^=]+)", re.DOTALL)


def spelt_out(statements: Statements, dictionary: Dictionary, path: Path) -> Statements:
    """The statements with names instead of ids.

    Args:
        statements (Statements): Statements with ids.
        dictionary (Dictionary): The two files, and whether their lines are ``name id`` or ``id name``.
        path (Path): Where the statements come from, for error messages.

    Raises:
        UserError: If an id is not an integer or not in the dictionary, or two ids have the same name.
    """
    entities, relations = (_names(Path(p), dictionary) for p in (dictionary.entities, dictionary.relations))
    table, closed = statements.table, statements.closed
    for role, names in (("head", entities), ("relation", relations), ("tail", entities)):
        table = _replaced(table, role, names, path)
        if closed is not None and role in closed.column_names:
            closed = _replaced(closed, role, names, path)
    if closed is not None:
        closed = closed.cast(pa.schema(dict.fromkeys(closed.column_names, TEXT)))
    return statements._replace(table=table, closed=closed)


def without_negations(statements: Statements, pattern: str) -> tuple[Statements, int]:
    r"""Turns negated relations into denials of the plain ones.

    With the pattern ``Not(.*)``, ``a NotIsA b`` denies ``a IsA b``.

    A statement that denies a negated relation is left out, because it does not state the plain one. A question about a
    negated relation that has no answer is left out too, because the plain relation may have answers. Both are counted.
    The run time is linear in the length of the names for any pattern.

    Args:
        statements (Statements): The statements as read.
        pattern (str): A regular expression that matches the whole name of a negated relation. Its one group is the name
            of the plain relation. Without a group, it is the prefix of such names. If the plain relation has another
            name, write that after an equals sign: ``lacks_part=has_part``, or with the group as ``\1``,
            ``lacks_(.*)=has_\1``.

    Returns:
        The statements, and the number of statements and unanswered questions with a negated relation.

    Raises:
        UserError: If the pattern is not a valid regular expression, has look-around, or has several groups.
    """
    table, closed = statements.table, statements.closed
    known = pc.cast(table["relation"].unique(), TEXT)
    plain = _plain(known, pattern)
    negated = mapped(table["relation"], lambda names: pc.is_in(names, pa.array(list(plain), TEXT)), pa.bool_())
    twice = pc.and_(negated, pc.invert(table["label"]))
    meant = pa.array([plain.get(name, name) for name in known.to_pylist()], pa.large_string())
    relation = mapped(table["relation"], lambda names: meant.take(pc.index_in(names, known)), TEXT)
    table = table.set_column(table.column_names.index("relation"), "relation", relation)
    label = pc.and_(table["label"], pc.invert(negated))
    table = table.set_column(table.column_names.index("label"), "label", label).filter(pc.invert(twice))
    left_out = Account(statements.left_out)
    for name in sorted({*plain.values()} - {*known.to_pylist()}):
        also = r"if it is called otherwise, say so after an equals sign, as in 'lacks_(.*)=has_\1'"
        left_out.used(f"relation {echo(name)}, which is denied and never stated: {also}")
    left_out.left_out("denials of negated relations", pc.sum(twice).as_py() or 0)
    number = pc.sum(negated).as_py() or 0
    if closed is not None:
        of_negated = pa.array(list(_plain(pc.cast(closed["relation"].unique(), TEXT), pattern)), TEXT)
        asked = mapped(closed["relation"], lambda names: pc.is_in(names, of_negated), pa.bool_())
        questions = pc.sum(asked).as_py() or 0
        left_out.left_out("questions of negated relations that have no answer", questions)
        number += questions
        closed = closed.filter(pc.invert(asked)) if questions < closed.num_rows else None
    return statements._replace(table=table, left_out=left_out, closed=closed), number


def _plain(known: pa.Array, pattern: str) -> dict[str, str]:
    """The plain relation of each negated relation among the known names."""
    negated, sign, becomes = pattern, "", ""
    if split := MAPPED.fullmatch(pattern):
        negated, sign, becomes = split.groups()
    try:
        groups = re.compile(negated).groups
        if groups > 1:
            raise UserError(f"The pattern {pattern!r} of negated relations has {groups} groups; it may have one.")
        if not groups and not sign:
            negated, groups = f"{re.escape(negated)}(.+)", 1
        whole = f"(?s)^(?:{negated})$"
        # not with Python's re module, which runs forever on some patterns
        found = known.filter(pc.match_substring_regex(known, whole))
        names = pc.replace_substring_regex(found, whole, becomes or r"\1").to_pylist()
    except (re.error, pa.ArrowInvalid, RecursionError, OverflowError) as error:
        why = str(error).rstrip(".")
        raise UserError(f"The pattern {pattern!r} of negated relations is not a regular expression: {why}.") from None
    return {name: meant for name, meant in zip(found.to_pylist(), names) if meant}


def _names(path: Path, dictionary: Dictionary) -> pa.Array:
    names = read_names(path, dictionary.layout)
    if len(names.array.unique()) < len(names):
        twice = next(name for i, name in enumerate(names) if names.index(name) < i)
        raise UserError(f"{path}: {twice!r} is the name of two ids.")
    return names.array


def _replaced(table: pa.Table, role: str, names: pa.Array, path: Path) -> pa.Table:
    ids = integers(table[role], path)
    largest = pc.max(ids).as_py() or 0
    if len(ids) and largest >= len(names):
        raise UserError(f"{path}: the {role} {largest:,} is not in the dictionary of {len(names):,}.")
    chunks = [pa.DictionaryArray.from_arrays(pc.cast(chunk, pa.int32()), names) for chunk in ids.chunks]
    return table.set_column(table.column_names.index(role), role, pa.chunked_array(chunks, CODED))
