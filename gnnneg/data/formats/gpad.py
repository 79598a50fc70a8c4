"""GPAD, the leaner annotation file of the Gene Ontology."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gnnneg.data.account import Account
from gnnneg.data.formats.annotations import Annotation, announced, body, identifier, qualified, tell, weighed
from gnnneg.data.formats.statements import Statements, fields
from gnnneg.errors import UserError

VERSIONS = ("gpa 1.1", "gpa 1.2", "gpad 1.1", "gpad 1.2", "gpad 2.0")
REST = (
    "Reference",
    "Evidence Code",
    "With/From",
    "Interacting Taxon",
    "Date",
    "Assigned By",
    "Extension",
    "Properties",
)
OLD = ("DB", "DB Object ID", "Qualifier", "GO ID", *REST)
NEW = ("DB:DB Object ID", "Negation", "Relation", "GO ID", *REST)


def read_gpad(path: str | Path, evidence: Mapping[str, float] | None = None) -> Statements:
    """Reads GPAD 1.1, 1.2 and `2.0
    <https://geneontology.org/docs/gene-product-association-data-gpad-format-2.0/>`_: gene product, relation,
    GO term, denied where ``NOT`` stands before or after the relation (1.1) or in the column for negation (2.0).

    Where no line tells the version, the second column does: it is the negation in 2.0 and an identifier before.
    Relations are words in 1.1 (``enables``) and identifiers in 2.0 (``RO:0002327``). Sources and what is left out are
    as in :func:`gnnneg.data.formats.gaf.read_gaf`.

    Args:
        path (str or Path): The file.
        evidence (dict, optional): Confidence by evidence code, such as ``{"ECO:0000501": 0.5}``; all others have 1.

    Raises:
        UserError: For another version, a line without 12 columns, an empty identifier, a negation in another form, and
            an evidence code that does not occur.
    """
    path = Path(path)
    version = announced(path, VERSIONS)
    second = next((line.split("\t")[1:2] for _, line in body(path)), []) if version is None else []
    old = version != VERSIONS[-1] if version is not None else second not in ([""], ["NOT"])
    account = Account()
    return weighed((_old if old else _new)(path, account), path, evidence, account)


def _old(path: Path, account: Account) -> Iterator[Annotation]:
    filled = Counter[str]()
    for number, line in body(path):
        f = fields(path, number, line, OLD, (*OLD[:6],))
        where = f"{path}:{number}"
        relation, stated = qualified(f["Qualifier"], where)
        filled.update(name for name, value in f.items() if value)
        yield _annotation(f, f"{f['DB']}:{f['DB Object ID']}", relation, stated, where)
    tell(account, OLD, filled, (*OLD[:6], "Extension"))


def _new(path: Path, account: Account) -> Iterator[Annotation]:
    filled = Counter[str]()
    for number, line in body(path):
        f = fields(path, number, line, NEW, (NEW[0], *NEW[2:6]))
        where = f"{path}:{number}"
        if f["Negation"] not in ("", "NOT"):
            raise UserError(f"{where}: the negation is 'NOT' or empty, not {f['Negation']!r}.")
        filled.update(name for name, value in f.items() if value)
        yield _annotation(f, f["DB:DB Object ID"], identifier(f["Relation"], where), not f["Negation"], where)
    tell(account, NEW, filled, (*NEW[:6], "Extension"))


def _annotation(f: dict[str, str], head: str, relation: str, stated: bool, where: str) -> Annotation:
    narrow = "an extended annotation" if f["Extension"] else ""
    head, tail = identifier(head, where), identifier(f["GO ID"], where)
    return Annotation(head, relation, tail, stated, f["Evidence Code"], f["Reference"], narrow)
