"""The annotation lists of TrueWalks: ``id`` and a list of positive and negative annotations."""

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

    The letter names the branch of GO that the term belongs to; it becomes the source of the statement.

    Args:
        path (str or Path): The file, compressed or not.
        relation (str): The name of the relation, which the file does not give. (default: ``hasAnnotation``)

    Raises:
        UserError: For a line or item in another form.
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
