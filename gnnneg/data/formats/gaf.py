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
SHORT = 15  # columns of version 1.0, which many files with another version have too
# what older versions mean where they name no relation, as rule 59 of the Gene Ontology says
BY_ASPECT = {"F": "enables", "P": "acts_upstream_of_or_within", "C": "located_in"}


def read_gaf(path: str | Path, evidence: Mapping[str, float] | None = None) -> Statements:
    """Reads `GAF 2.2 <https://geneontology.org/docs/go-annotation-file-gaf-format-2.2/>`_ and its older versions 2.1,
    2.0 and 1.0: gene product, relation, GO term, denied where ``NOT`` stands before or after the relation.

    Where an older version names no relation, the aspect tells it: ``enables`` (F), ``acts_upstream_of_or_within`` (P)
    or ``located_in`` (C). The same is done where no line tells the version. A line of 15 columns is one of 17 whose
    last two are empty.

    The source of a statement is its evidence code and reference; the symbol of a gene product is its label, its name
    and synonyms are what it is called besides. A denied annotation with an extension (column 16), of one gene product
    form (column 17), with another organism (a second taxon in column 13) or of binding one partner (column 8 of
    evidence ``IPI``) denies no more than that, so it is left out; one without data (``ND``) says nothing and is left
    out too.

    Args:
        path (str or Path): The file.
        evidence (dict, optional): Confidence by evidence code, such as ``{"IEA": 0.5}``; all others have 1.

    Raises:
        UserError: For another version, a line without 17 or 15 columns, an empty identifier, a negation in another
            form, and an evidence code that does not occur.
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
