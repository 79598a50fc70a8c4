"""N-Triples, by its line grammar: one ``<subject> <predicate> <object> .`` a line."""

import re
from collections.abc import Iterator
from pathlib import Path

from gnnneg.data.account import Account
from gnnneg.data.decode import lines
from gnnneg.data.formats.annotated import Annotations, with_labels
from gnnneg.data.formats.negations import LITERALS, Triple, folded
from gnnneg.data.formats.statements import Statements, collected
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

NODE = r"(?:<[^<>\"{}|^`\s]+>|_:[^\s<>\"]+?)"
LITERAL = r'"[^"\\]*(?:\\.[^"\\]*)*"(?:@[A-Za-z0-9-]+|\^\^<[^<>\s]+>)?'
LINE = re.compile(rf"\s*({NODE})\s*(<[^<>\s]+>)\s*(?:({NODE})|({LITERAL}))\s*\.\s*(?:#.*)?$")
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
BLANK = "blank nodes"


def read_ntriples(path: str | Path, literals: bool = False, blank: bool = False) -> Statements:
    """Reads an N-Triples file as described in `RDF 1.1 N-Triples <https://www.w3.org/TR/n-triples/>`_, without a parser
    library.

    IRIs lose their angle brackets, and literals stay as written. All triples are stated, except for
    ``owl:NegativePropertyAssertion`` (see :func:`gnnneg.data.formats.negations.folded`). Triples with blank nodes are
    left out, as in all RDF formats, because ``_:b0`` is a different node in each file. Labels and synonyms are read
    from ``rdfs:label``, ``skos:prefLabel`` and ``skos:altLabel``, definitions from ``skos:definition`` and
    ``IAO:0000115``.

    Args:
        path (str or Path): The file.
        literals (bool): Whether literals become entities. Otherwise they are left out and counted. (default:
            :obj:`False`)
        blank (bool): Whether blank nodes become entities, named as in this file. Only for a graph in a single file.
            (default: :obj:`False`)

    Raises:
        UserError: For a line that is not an N-Triples statement (with its number), for a file that is empty or has no
            statements between entities, and for an incomplete negative assertion.
    """
    path, account, found = Path(path), Account(), Annotations()
    triples = with_labels(_triples(path, literals, blank), found)
    return found.put(collected(folded(triples, path, account), path, account))


def is_statement(line: str) -> bool:
    """Whether a line is an N-Triples statement."""
    return LINE.match(line) is not None


def _triples(path: Path, literals: bool, blank: bool) -> Iterator[Triple]:
    for number, line in lines(path):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line)
        if match is None:
            raise UserError(f"{path}:{number}: expected '<subject> <predicate> <object> .', found {shown(line)}.")
        subject, predicate, node, literal = match.groups()
        where = f"{path}:{number}"
        first = BLANK if subject[0] == "_" and not blank else ""
        refused = LITERALS if literal is not None and not literals else ""
        refused = BLANK if node is not None and node[0] == "_" and not blank else refused
        tail = literal if node is None else _name(node, where)
        yield Triple(_name(subject, where), _name(predicate, where), tail, first, refused)


def _name(node: str, where: str) -> str:
    if node.startswith("_:"):
        return node
    iri = node[1:-1]
    return ESCAPE.sub(lambda match: _character(match, where), iri) if "\\" in iri else iri


def _character(match: re.Match[str], where: str) -> str:
    code = int(match[1] or match[2], 16)
    if code >= 0x110000 or 0xD800 <= code < 0xE000:
        raise UserError(f"{where}: {match[0]} is not a character.")
    return chr(code)
