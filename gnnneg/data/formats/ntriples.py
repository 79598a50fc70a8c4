"""N-Triples, by its line grammar: one ``<subject> <predicate> object .`` a line."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gnnneg.data.decode import lines
from gnnneg.data.formats.negations import LITERALS, Triple, folded
from gnnneg.data.formats.statements import Statements, collected, shown
from gnnneg.errors import UserError

NODE = r"(?:<[^<>\"{}|^`\s]*>|_:[^\s<>\"]+?)"
LITERAL = r'"(?:[^"\\]|\\.)*"(?:@[A-Za-z0-9-]+|\^\^<[^<>\s]*>)?'
LINE = re.compile(rf"\s*({NODE})\s*(<[^<>\s]*>)\s*(?:({NODE})|({LITERAL}))\s*\.\s*(?:#.*)?$")
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


def read_ntriples(path: str | Path, literals: bool = False) -> Statements:
    """Reads an N-Triples file (``.nt`` or ``.nt.gz``) as described in `RDF 1.1 N-Triples
    <https://www.w3.org/TR/n-triples/>`_, with nothing but Python.

    IRIs stand without their angle brackets, literals as they are written, and blank nodes by their names. What is said
    is stated, except for ``owl:NegativePropertyAssertion`` (see :func:`gnnneg.data.formats.negations.folded`).

    Args:
        path (str or Path): The file.
        literals (bool): Whether literals become entities; if not, they are left out and counted.
            (default: :obj:`False`)

    Raises:
        UserError: For a line that is no N-Triples statement, with its number; for an empty file or one without
            statements between entities; for an incomplete negative assertion.
    """
    path, left_out = Path(path), Counter[str]()
    return collected(folded(_triples(path, literals), path, left_out), path, left_out)


def _triples(path: Path, literals: bool) -> Iterator[Triple]:
    for number, line in lines(path):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line)
        if match is None:
            raise UserError(f"{path}:{number}: expected '<subject> <predicate> <object> .', found {shown(line)}.")
        subject, predicate, node, literal = match.groups()
        refused = LITERALS if literal is not None and not literals else ""
        yield Triple(_name(subject), _name(predicate), literal if node is None else _name(node), object_refused=refused)


def _name(node: str) -> str:
    if node.startswith("_:"):
        return node
    iri = node[1:-1]
    return ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), iri) if "\\" in iri else iri
