"""What the two formats of Gene Ontology annotations share: the qualifier, and how far an evidence code is believed."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.decode import lines
from gnnneg.data.formats.statements import Row, Statements, collected, share, shown
from gnnneg.errors import UserError

QUALIFIER = re.compile(r"(NOT\|)?(?!NOT$)([A-Za-z]\w*)")
CURIE = re.compile(r"[^\s:|,]+:[^\s|,]+")
NO_DATA = ("ND", "ECO:0000307")


class Annotation(NamedTuple):
    """One line: a gene product, what is said of it, and why. ``narrow`` tells what it is restricted to, if to anything:
    denying that is not denying the plain statement.
    """

    head: str
    relation: str
    tail: str
    stated: bool
    evidence: str
    reference: str
    narrow: str = ""


def announced(path: Path, known: Sequence[str]) -> str:
    """The first line of a file, such as ``!gaf-version: 2.2``, which tells its version.

    Raises:
        UserError: If it is none of those that are known.
    """
    first = next((line for _, line in lines(path)), "")
    found = next((k for k in known if k.replace(" ", "") == "".join(first.split())), None)
    if found is None:
        raise UserError(f"{path}:1: expected {' or '.join(map(repr, known))}, found {shown(first)}.")
    return found


def body(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are neither header nor blank."""
    return ((number, line) for number, line in lines(path) if line.strip() and not line.startswith("!"))


def qualified(qualifier: str, where: str) -> tuple[str, bool]:
    """The relation of a qualifier, and whether it is stated: ``NOT|enables`` is ``enables``, denied.

    Raises:
        UserError: For any other form of a negation, or no relation at all.
    """
    match = QUALIFIER.fullmatch(qualifier)
    if match is None:
        raise UserError(
            f"{where}: expected a relation or 'NOT|' and a relation, such as NOT|enables, not {qualifier!r}."
        )
    return match[2], match[1] is None


def identifier(name: str, where: str) -> str:
    """A name such as ``GO:0003993``.

    Raises:
        UserError: If it is no prefix, colon and identifier.
    """
    if CURIE.fullmatch(name) is None:
        raise UserError(f"{where}: expected an identifier such as GO:0003993, not {name!r}.")
    return name


def weighed(annotations: Iterable[Annotation], path: Path, evidence: Mapping[str, float] | None) -> Statements:
    """Annotations as statements.

    Left out are those without data (``ND``: nothing was found, which is no statement), and the denied ones that hold
    of a narrower statement only.

    Raises:
        UserError: For an evidence code that is given a confidence and occurs nowhere.
    """
    weight = {code: share(value, f"Evidence {code}") for code, value in (evidence or {}).items()}
    met: Counter[str] = Counter()
    left_out: Counter[str] = Counter()

    def rows() -> Iterator[Row]:
        for a in annotations:
            met[a.evidence] += 1
            if a.evidence in NO_DATA:
                left_out["annotations without data (ND)"] += 1
            elif a.narrow and not a.stated:
                left_out[f"denied of {a.narrow} only"] += 1
            else:
                source = f"{a.evidence} {a.reference}".strip()
                yield Row(a.head, a.relation, a.tail, a.stated, weight.get(a.evidence, 1.0), source)

    result = collected(rows(), path, left_out)
    for code in weight:
        if code not in met:
            raise UserError(f"{path} has no evidence code {code!r}; it has {', '.join(sorted(met))}.")
    return result
