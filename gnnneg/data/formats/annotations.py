"""What the two formats of Gene Ontology annotations share: the qualifier, and the confidence of an evidence code."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.account import Account
from gnnneg.data.decode import lines
from gnnneg.data.formats.statements import Row, Statements, collected, share
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

RELATION = re.compile(r"(?!not)[a-z]\w*", re.IGNORECASE)
VERSION = re.compile(r"!\s*(gaf|gpa|gpad)-version:\s*(\S+)\s*", re.IGNORECASE)
CURIE = re.compile(r"[^\s:|,]+:[^\s|,]+")
INTERACTING = "an interaction with another organism"
PARTNER = "an interaction with one partner"
PHYSICAL = ("IPI", "ECO:0000353")  # the column With/From then names the partner
NO_DATA = ("ND", "ECO:0000307")


class Annotation(NamedTuple):
    """One line: a gene product, its annotation, and the evidence. ``narrow`` names a restriction, if there is one.
    Denying a restricted statement does not deny the plain statement.
    """

    head: str
    relation: str
    tail: str
    stated: bool
    evidence: str
    reference: str
    narrow: str = ""


def announced(path: Path, known: Sequence[str]) -> str | None:
    """The version in the header of a file, such as ``gaf 2.2``; None if the header has none.

    Raises:
        UserError: If the version is unknown.
    """
    for number, line in lines(path):
        if line.strip() and not line.startswith("!"):
            break
        if match := VERSION.fullmatch(line):
            found = f"{match[1].lower()} {match[2]}"
            if found not in known:
                meant = ", ".join(repr("!{}-version: {}".format(*version.split())) for version in known)
                raise UserError(f"{path}:{number}: expected one of {meant}, found {shown(line)}.")
            return found
    return None


def body(path: Path) -> Iterator[tuple[int, str]]:
    """The lines without header lines and blank lines."""
    return ((number, line) for number, line in lines(path) if line.strip() and not line.startswith("!"))


def qualified(qualifier: str, where: str, default: str = "") -> tuple[str, bool]:
    """The relation of a qualifier, and whether it is stated: ``NOT|enables`` and ``enables|NOT`` both deny ``enables``.
    If an older version names no relation, the relation is :obj:`default`.

    Raises:
        UserError: For another form of negation, several relations, or none.
    """
    parts = [part.strip() for part in qualifier.split("|")] if qualifier else []
    relations = [part for part in parts if part != "NOT"]
    meant = relations or [default]
    if len(parts) - len(relations) > 1 or len(meant) > 1 or RELATION.fullmatch(meant[0]) is None:
        raise UserError(
            f"{where}: expected a relation or 'NOT|' and a relation, such as NOT|enables, not {qualifier!r}."
        )
    return meant[0], "NOT" not in parts


def identifier(name: str, where: str) -> str:
    """Checks a name such as ``GO:0003993``.

    Raises:
        UserError: If it is not a prefix, a colon and an identifier.
    """
    if CURIE.fullmatch(name) is None:
        raise UserError(f"{where}: expected an identifier such as GO:0003993, not {name!r}.")
    return name


def tell(account: Account, names: Sequence[str], filled: Mapping[str, int], used: Iterable[str]) -> None:
    """Adds the columns that are not empty to the account: used columns and columns left out."""
    for number, name in enumerate(names, 1):
        put = account.used if name in used else account.left_out
        if filled.get(name):
            put(f"column {number} ({name})", filled[name])


def weighed(
    annotations: Iterable[Annotation], path: Path, evidence: Mapping[str, float] | None, account: Account
) -> Statements:
    """Annotations as statements.

    Two kinds are left out and counted in the account: annotations without data (``ND``: nothing was found, so nothing
    is stated), and denied annotations that hold only for a narrower statement.

    Raises:
        UserError: If :obj:`evidence` has a code that does not occur.
    """
    weight = {code: share(value, f"Evidence {code}") for code, value in (evidence or {}).items()}
    met: Counter[str] = Counter()

    def rows() -> Iterator[Row]:
        for a in annotations:
            met[a.evidence] += 1
            if a.evidence in NO_DATA:
                account.left_out("annotations without data (ND)")
            elif a.narrow and not a.stated:
                account.left_out(f"denied of {a.narrow} only")
            else:
                if a.narrow:
                    account.left_out(f"restrictions to {a.narrow}", 1, "what is stated so is stated without, too")
                source = f"{a.evidence} {a.reference}".strip()
                yield Row(a.head, a.relation, a.tail, a.stated, weight.get(a.evidence, 1.0), source)

    result = collected(rows(), path, account)
    for code in weight:
        if code not in met:
            raise UserError(f"{path} has no evidence code {code!r}; it has {', '.join(sorted(met))}.")
    return result
