"""GAF, the annotation file of the Gene Ontology."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from gnnneg.data.formats.annotations import Annotation, announced, body, identifier, qualified, weighed
from gnnneg.data.formats.statements import Statements, fields

COLUMNS = (
    *("DB", "DB Object ID", "DB Object Symbol", "Relation", "GO ID", "DB:Reference", "Evidence Code", "With/From"),
    *("Aspect", "DB Object Name", "DB Object Synonym", "DB Object Type", "Taxon", "Date", "Assigned By"),
    *("Annotation Extension", "Gene Product Form ID"),
)
NEEDED = ("DB", "DB Object ID", "Relation", "GO ID", "DB:Reference", "Evidence Code")


def read_gaf(path: str | Path, evidence: Mapping[str, float] | None = None) -> Statements:
    """Reads `GAF 2.2 <https://geneontology.org/docs/go-annotation-file-gaf-format-2.2/>`_: gene product, relation, GO
    term, denied where the relation begins with ``NOT|``.

    The source of a statement is its evidence code and reference. A denied annotation with an extension (column 16) or
    of one gene product form (column 17) denies no more than that, so it is left out; one without data (``ND``) says
    nothing and is left out too.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        evidence (dict, optional): Confidence by evidence code, such as ``{"IEA": 0.5}``; all others have 1.

    Raises:
        UserError: For another version, a line without 17 columns, an empty identifier, a negation in another form, and
            an evidence code that does not occur.
    """
    path = Path(path)
    announced(path, ["!gaf-version: 2.2"])
    return weighed(_annotations(path), path, evidence)


def _annotations(path: Path) -> Iterator[Annotation]:
    for number, line in body(path):
        f = fields(path, number, line, COLUMNS, NEEDED)
        where = f"{path}:{number}"
        relation, stated = qualified(f["Relation"], where)
        head = identifier(f"{f['DB']}:{f['DB Object ID']}", where)
        narrow = "an extended annotation" if f["Annotation Extension"] else ""
        narrow = "one gene product form" if f["Gene Product Form ID"] else narrow
        tail = identifier(f["GO ID"], where)
        yield Annotation(head, relation, tail, stated, f["Evidence Code"], f["DB:Reference"], narrow)
