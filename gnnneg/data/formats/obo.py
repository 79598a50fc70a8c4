"""OBO ontologies, through fastobo."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.data.decode import text
from gnnneg.data.formats.statements import Row, Statements, collected
from gnnneg.errors import MissingExtra, UserError

# clauses that describe their term alone
DESCRIPTIVE = {
    *("id", "is_anonymous", "name", "namespace", "alt_id", "def", "comment", "subset", "synonym", "xref", "builtin"),
    *("property_value", "created_by", "creation_date", "is_obsolete", "replaced_by", "consider"),
}


def read_obo(path: str | Path) -> Statements:
    """Reads the terms of an `OBO 1.4 <https://owlcollab.github.io/oboformat/doc/obo-syntax.html>`_ file:
    ``is_a: Y`` of term X states ``X is_a Y``, ``relationship: part_of Y`` states ``X part_of Y``. OBO denies nothing.

    Left out and counted are obsolete terms, the frames of relations and instances, and all other clauses that speak of
    a second term (``disjoint_from``, ``intersection_of``, ...).

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.

    Raises:
        MissingExtra: If fastobo is not installed.
        UserError: For a line that is not OBO.
    """
    path, left_out = Path(path), Counter[str]()
    try:
        import fastobo
    except ImportError as error:
        raise MissingExtra("obo", "Reading OBO") from error
    try:
        document = fastobo.loads(text(path))
    except SyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: {error.msg}.") from None
    return collected(_rows(document, left_out), path, left_out)


def _rows(document: Any, left_out: Counter[str]) -> Iterator[Row]:
    for frame in document:
        kind = type(frame).__name__
        if kind != "TermFrame":
            left_out[f"{kind.removesuffix('Frame').lower()} frames"] += 1
            continue
        if any(clause.raw_tag() == "is_obsolete" and clause.obsolete for clause in frame):
            left_out["obsolete terms"] += 1
            continue
        for clause in frame:
            tag = clause.raw_tag()
            if tag == "is_a":
                yield Row(str(frame.id), "is_a", str(clause.term))
            elif tag == "relationship":
                yield Row(str(frame.id), str(clause.typedef), str(clause.term))
            elif tag not in DESCRIPTIVE:
                left_out[f"{tag} clauses"] += 1
