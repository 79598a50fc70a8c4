"""GPAD, the more compact annotation file of the Gene Ontology."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gnnneg.data.account import Account
from gnnneg.data.formats.annotations import (
    INTERACTING,
    PARTNER,
    PHYSICAL,
    Annotation,
    announced,
    body,
    identifier,
    qualified,
    tell,
    weighed,
)
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
    """Reads GPAD 1.1, 1.2 and `2.0 <https://geneontology.org/docs/gene-product-association-data-gpad-format-2.0/>`_:
    gene product, relation, GO term. A statement is denied if ``NOT`` is before or after the relation (1.1) or in the
    negation column (2.0).

    If no line gives the version, the second column tells it: a negation in 2.0, an identifier in older versions.
    Relations are words in 1.1 (``enables``) and identifiers in 2.0 (``RO:0002327``). Sources and the annotations left
    out are the same as in :func:`gnnneg.data.formats.gaf.read_gaf`.

    Args:
        path (str or Path): The file.
        evidence (dict, optional): Confidence by evidence code, such as ``{"ECO:0000501": 0.5}``. Other codes have
            confidence 1.

    Raises:
        UserError: For another version, a line without 12 columns, an empty identifier, another form of negation, or an
            evidence code that does not occur.
    """
    path = Path(path)
    version = announced(path, VERSIONS)
    second = next((line.split("\t")[1:2] for _, line in body(path)), []) if version is None else []
    old = version != VERSIONS[-1] if version is not None else second not in ([""], ["NOT"])
    account = Account()
    return weighed(_annotations(path, old, account), path, evidence, account)


def _annotations(path: Path, old: bool, account: Account) -> Iterator[Annotation]:
    filled, columns = Counter[str](), OLD if old else NEW
    for number, line in body(path):
        f = fields(path, number, line, columns, OLD[:6] if old else (NEW[0], *NEW[2:6]))
        where = f"{path}:{number}"
        if old:
            head, (relation, stated) = f"{f['DB']}:{f['DB Object ID']}", qualified(f["Qualifier"], where)
        elif f["Negation"] not in ("", "NOT"):
            raise UserError(f"{where}: the negation is 'NOT' or empty, not {f['Negation']!r}.")
        else:
            head, relation, stated = f["DB:DB Object ID"], identifier(f["Relation"], where), not f["Negation"]
        filled.update(name for name, value in f.items() if value)
        narrow = PARTNER if f["Evidence Code"] in PHYSICAL and f["With/From"] else ""
        narrow = INTERACTING if f["Interacting Taxon"] else narrow
        narrow = "an extended annotation" if f["Extension"] else narrow
        ends = identifier(head, where), relation, identifier(f["GO ID"], where)
        yield Annotation(*ends, stated, f["Evidence Code"], f["Reference"], narrow)
    tell(account, columns, filled, (*columns[:6], "Interacting Taxon", "Extension"))
