"""N-Triples, by its line grammar: one ``<subject> <predicate> object .`` a line."""

import re
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from gnnneg.data.read import read_bytes
from gnnneg.errors import UserError

NODE = r"(?:<[^<>\"{}|^`\s]*>|_:[^\s<>\"]+?)"
LITERAL = r'"(?:[^"\\]|\\.)*"(?:@[A-Za-z0-9-]+|\^\^<[^<>\s]*>)?'
LINE = re.compile(rf"\s*({NODE})\s*(<[^<>\s]*>)\s*(?:({NODE})|({LITERAL}))\s*\.\s*(?:#.*)?$")
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


class Statements(NamedTuple):
    """What a file says: a table of ``head``, ``relation``, ``tail``, and the number of literals left out."""

    table: pa.Table
    num_literals: int


def read_ntriples(path: str | Path, literals: bool = False) -> Statements:
    """Reads an N-Triples file (``.nt`` or ``.nt.gz``) as described in `RDF 1.1 N-Triples
    <https://www.w3.org/TR/n-triples/>`_.

    IRIs stand without their angle brackets, literals as they are written.

    Args:
        path (str or Path): The file.
        literals (bool): Whether literals become entities; if not, they are left out and counted.
            (default: :obj:`False`)

    Raises:
        UserError: For a line that is no N-Triples statement, with its number; for an empty file or one without
            statements between entities.
    """
    path = Path(path)
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8 (byte {error.start:,}).") from None
    head, relation, tail, left_out = [], [], [], 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line.rstrip("\r"))
        if match is None:
            shown = line.strip() if len(line) <= 60 else line.strip()[:57] + "..."
            raise UserError(f"{path}:{number}: expected '<subject> <predicate> <object> .', found {shown!r}.")
        subject, predicate, node, literal = match.groups()
        if literal is not None and not literals:
            left_out += 1
            continue
        head.append(_name(subject))
        relation.append(_name(predicate))
        tail.append(_name(node) if node is not None else literal)
    if not head:
        raise UserError(f"{path} holds no statements between entities ({left_out:,} about literals).")
    columns = {"head": head, "relation": relation, "tail": tail}
    return Statements(pa.table({k: pa.array(v, pa.large_string()) for k, v in columns.items()}), left_out)


def _name(node: str) -> str:
    if node.startswith("_:"):
        return node
    iri = node[1:-1]
    return ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), iri) if "\\" in iri else iri
