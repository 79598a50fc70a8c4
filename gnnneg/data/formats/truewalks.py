"""The lists of annotations that come with TrueWalks: ``id`` and a list of positive and negative ones."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gnnneg.data.decode import lines
from gnnneg.data.formats.statements import Row, Statements, collected, fields
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

ITEM = re.compile(r"\(([PFC])\)([+-])(\S+)")


def read_truewalks(path: str | Path, relation: str = "hasAnnotation") -> Statements:
    """Reads the annotations of `"Benchmark datasets for biomedical knowledge graphs with negative statements"
    <https://arxiv.org/abs/2307.11719>`_: lines of ``id``, a tab and ``(P)+IRI;(F)-IRI;...``, where ``+`` states and
    ``-`` denies.

    The letter says which of the three ontologies within GO the term belongs to; it is the source of the statement.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        relation (str): What its relation is called, for which the file has no name. (default: ``hasAnnotation``)

    Raises:
        UserError: For a line or an item in another form.
    """
    path = Path(path)
    return collected(_rows(path, relation), path, Counter())


def _rows(path: Path, relation: str) -> Iterator[Row]:
    for number, line in lines(path):
        if not line.strip():
            continue
        f = fields(path, number, line, ("id", "list"), ("id",))
        for item in filter(None, f["list"].split(";")):
            match = ITEM.fullmatch(item.strip())
            if match is None:
                raise UserError(f"{path}:{number}: expected an item such as (P)+http://..., found {shown(item)}.")
            yield Row(f["id"], relation, match[3], match[2] == "+", source=match[1])
