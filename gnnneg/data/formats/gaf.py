"""GAF, the annotation file of the Gene Ontology."""

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
from gnnneg.data.labels import Called
from gnnneg.errors import UserError

COLUMNS = (
    *("DB", "DB Object ID", "DB Object Symbol", "Relation", "GO ID", "DB:Reference", "Evidence Code", "With/From"),
    *("Aspect", "DB Object Name", "DB Object Synonym", "DB Object Type", "Taxon", "Date", "Assigned By"),
    *("Annotation Extension", "Gene Product Form ID"),
)
NEEDED = ("DB", "DB Object ID", "GO ID", "DB:Reference", "Evidence Code")
USED = (
    *("DB", "DB Object ID", "DB Object Symbol", "Relation", "GO ID", "DB:Reference", "Evidence Code"),
    *("DB Object Name", "DB Object Synonym", "Annotation Extension", "Gene Product Form ID"),
)
VERSIONS = ("gaf 2.2", "gaf 2.1", "gaf 2.0", "gaf 1.0")
SHORT = 15  # columns of version 1.0; many files of other versions have only these, too
# the relation in older versions that name none, by rule 59 of the Gene Ontology
BY_ASPECT = {"F": "enables", "P": "acts_upstream_of_or_within", "C": "located_in"}


def read_gaf(path: str | Path, evidence: Mapping[str, float] | None = None) -> Statements:
    """Reads `GAF 2.2 <https://geneontology.org/docs/go-annotation-file-gaf-format-2.2/>`_ and its older versions 2.1,
    2.0 and 1.0: gene product, relation, GO term. A statement is denied if ``NOT`` is before or after the relation.

    If an older version names no relation, the aspect decides: ``enables`` (F), ``acts_upstream_of_or_within`` (P) or
    ``located_in`` (C). The same applies if no line gives the version. In a line of 15 columns, the last two of 17 are
    taken as empty.

    The source of a statement is its evidence code and reference. The symbol of a gene product is its label; its name
    and synonyms are synonyms. Some denied annotations are narrower than the plain statement and are left out: those
    with an extension (column 16), of one gene product form (column 17), with another organism (a second taxon in column
    13), or about binding one partner (column 8 with evidence ``IPI``). Annotations without data (``ND``) state nothing
    and are left out too.

    Args:
        path (str or Path): The file.
        evidence (dict, optional): Confidence by evidence code, such as ``{"IEA": 0.5}``. Other codes have confidence 1.

    Raises:
        UserError: For another version, a line without 17 or 15 columns, an empty identifier, another form of negation,
            or an evidence code that does not occur.
    """
    path, called, account = Path(path), Called(), Account()
    version = announced(path, VERSIONS)
    found = weighed(_annotations(path, version == VERSIONS[0], called, account), path, evidence, account)
    return found._replace(labels=called.table())


def _annotations(path: Path, strict: bool, called: Called, account: Account) -> Iterator[Annotation]:
    filled = Counter[str]()
    for number, line in body(path):
        where = f"{path}:{number}"
        padded = line + "\t\t" if line.count("\t") == SHORT - 1 else line
        f = fields(path, number, padded, COLUMNS, (*NEEDED, "Relation") if strict else (*NEEDED, "Aspect"))
        if not strict and f["Aspect"] not in BY_ASPECT:
            raise UserError(f"{where}: the aspect is one of {', '.join(BY_ASPECT)}, not {f['Aspect']!r}.")
        relation, stated = qualified(f["Relation"], where, "" if strict else BY_ASPECT[f["Aspect"]])
        filled.update(name for name, value in f.items() if value)
        head = identifier(f"{f['DB']}:{f['DB Object ID']}", where)
        called.add(head, f["DB Object Symbol"], f["DB Object Name"], *f["DB Object Synonym"].split("|"))
        narrow = PARTNER if f["Evidence Code"] in PHYSICAL and f["With/From"] else ""
        narrow = INTERACTING if "|" in f["Taxon"] else narrow
        narrow = "an extended annotation" if f["Annotation Extension"] else narrow
        narrow = "one gene product form" if f["Gene Product Form ID"] else narrow
        tail = identifier(f["GO ID"], where)
        if relation not in f["Relation"]:
            account.used("aspects, for the relation that is not named")
        yield Annotation(head, relation, tail, stated, f["Evidence Code"], f["DB:Reference"], narrow)
    tell(account, COLUMNS, filled, USED if strict else (*USED, "Aspect"))
