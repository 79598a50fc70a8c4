"""OBO ontologies, read through fastobo."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.account import Account
from gnnneg.data.decode import text
from gnnneg.data.definitions import Defined
from gnnneg.data.formats.bounds import caught, one_line, quiet
from gnnneg.data.formats.columns import NO, NOT, negates, negates_twice, says_false, words
from gnnneg.data.formats.statements import Row, Statements, collected
from gnnneg.data.formats.vocabulary import AGAINST, POLAR
from gnnneg.data.labels import Called
from gnnneg.data.layout import folded
from gnnneg.errors import MissingExtra, UserError

COMMENT = re.compile(r"^[ \t]*![^\n]*", re.MULTILINE)  # fastobo fails on a line that is only a comment
SAID = ("is_a", "relationship")
CALLED = ("name", "synonym", "def")
# qualifiers of a relationship that limit how many of the second term there are
UPPER = ("cardinality", "exactcardinality", "maxcardinality")
# values of a qualifier that seem to deny, whatever its name is
DENYING = {NOT, *(AGAINST - {*NO, "-"})}
# qualifiers that make a relationship narrower than the plain statement
NARROW = {
    "mincardinality": "relationships with none or more",
    "allonly": "relationships with nothing else but",
    "gcirelation": "relationships in a context only (gci_relation)",
    "gcifiller": "relationships in a context only (gci_relation)",
}


def read_obo(path: str | Path) -> Statements:
    """Reads the terms of an `OBO 1.4 <https://owlcollab.github.io/oboformat/doc/obo-syntax.html>`_ file:
    ``is_a: Y`` of term X states ``X is_a Y``, ``relationship: part_of Y`` states ``X part_of Y``.
    ``relationship: has_part Y {cardinality="0"}``, or ``maxCardinality``, denies ``X has_part Y``, and so does a
    qualifier such as ``{negated="true"}``.

    The name of a term is its label, its synonyms are synonyms, and ``def`` is its definition. Left out and counted are
    relationships that hold only in a narrower sense (``minCardinality="0"``, ``all_only``, ``gci_relation``) or perhaps
    not at all (``status="absent"``), all other qualifiers, obsolete terms, and all other clauses (``disjoint_from``,
    ``intersection_of``, ...). Frames of relations and instances are left out as well, except for the names and
    definitions of relations, and so are the references of definitions.

    Args:
        path (str or Path): The file.

    Raises:
        MissingExtra: If fastobo is not installed.
        UserError: For a line that is not valid OBO, and a cardinality that is not a number.
    """
    path, left_out, called, defined = Path(path), Account(), Called(), Defined()
    try:
        import fastobo
    except ImportError as error:
        raise MissingExtra("obo", "Reading OBO") from error
    content = COMMENT.sub("", text(path))  # line breaks stay, so that errors give the right line
    try:
        with caught(path), quiet():
            document = fastobo.loads(content)
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {one_line(error.msg)}.") from None
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path} cannot be read as OBO: {one_line(error)}.") from None
    with caught(path):
        found = collected(_rows(document, path, left_out, called, defined), path, left_out)
    return found._replace(labels=called.table(), definitions=defined.table(found.left_out))


def _rows(document: Any, path: Path, left_out: Account, called: Called, defined: Defined) -> Iterator[Row]:
    for frame in document:
        kind = type(frame).__name__
        if kind != "TermFrame":
            left_out[f"{kind.removesuffix('Frame').lower()} frames"] += 1
            if kind == "TypedefFrame":
                _call(frame, left_out, called, defined)
            continue
        if any(clause.raw_tag() == "is_obsolete" and clause.obsolete for clause in frame):
            left_out["obsolete terms"] += 1
            continue
        _call(frame, left_out, called, defined)
        for clause in frame:
            tag = clause.raw_tag()
            if tag in SAID:
                relation = "is_a" if tag == "is_a" else str(clause.typedef)
                stated = _polarity(clause, f"{path}: {frame.id} {relation} {clause.term}", left_out)
                if stated is not None:
                    yield Row(str(frame.id), relation, str(clause.term), stated)
            elif tag not in ("id", *CALLED):
                left_out[f"{tag} clauses"] += 1


def _call(frame: Any, left_out: Account, called: Called, defined: Defined) -> None:
    names = [clause.name for clause in frame if clause.raw_tag() == "name"]
    synonyms = [clause.synonym.desc for clause in frame if clause.raw_tag() == "synonym"]
    called.add(str(frame.id), *names, *synonyms)
    for clause in frame:
        if clause.raw_tag() == "def":
            defined.add(str(frame.id), clause.definition)
            left_out.left_out("references of definitions", len(clause.xrefs))


def _polarity(clause: Any, where: str, left_out: Account) -> bool | None:
    """Whether the qualifiers of a clause state or deny it; None for neither. Other qualifiers are counted."""
    given = [(str(q.key), str(q.value)) for q in clause.qualifiers or ()]
    plain = {key.lower().replace("_", ""): value.lower() for key, value in given}
    some = plain.get("allsome") == "true"  # there is at least one, and all of them are of this kind
    stated, narrow = True, ""
    for key, value in given:
        kind = key.lower().replace("_", "")
        if kind in (*UPPER, "mincardinality"):
            if not re.fullmatch("[0-9]+", value):
                raise UserError(f"{where}: the {key} is a number, not {value!r}.")
            stated = stated and not (kind in UPPER and int(value) == 0)
            narrow = NARROW[kind] if kind not in UPPER and int(value) == 0 else narrow
        elif kind.startswith("gci") or (kind == "allonly" and value.lower() == "true" and not some):
            narrow = NARROW.get(kind, "")
        elif (negates(key) or negates_twice(key)) and says_false(key, folded(value)):
            stated = False
        elif folded(value) in DENYING or (POLAR & {*words(key)} and folded(value) in {*NO, "-1"}):
            narrow = f"relationships with {key}={value}"
        elif kind not in ("allsome", "allonly"):
            left_out[f"{key} qualifiers"] += 1
    if narrow:
        left_out[narrow] += 1
        return None
    return stated
