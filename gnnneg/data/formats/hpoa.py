"""Reads ``phenotype.hpoa``: which diseases have which phenotypes, and which they do not have."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gnnneg.data.account import Account
from gnnneg.data.decode import lines
from gnnneg.data.formats.annotations import identifier, tell
from gnnneg.data.formats.statements import Row, Statements, collected, fields
from gnnneg.data.labels import Called
from gnnneg.data.rows import shown
from gnnneg.errors import UserError

COLUMNS = (
    *("database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence", "onset", "frequency", "sex"),
    *("modifier", "aspect", "biocuration"),
)
NARROW = ("sex", "onset", "modifier")
ASPECTS = {
    "P": "has_phenotype",
    "I": "has_mode_of_inheritance",
    "C": "has_clinical_course",
    "M": "has_clinical_modifier",
    "H": "has_past_medical_history",
}
# midpoints of the ranges that HPO gives these terms: always, 80-99 %, 30-79 %, 5-29 %, 1-4 %, never
FREQUENCIES = {
    **{"HP:0040280": 1.0, "HP:0040281": 0.895, "HP:0040282": 0.545},
    **{"HP:0040283": 0.17, "HP:0040284": 0.025, "HP:0040285": 0.0},
}


def read_hpoa(path: str | Path, frequency: bool = False) -> Statements:
    r"""Reads `phenotype.hpoa <https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/>`_:
    disease, ``has_phenotype``, HPO term (other relations for the other aspects: ``has_mode_of_inheritance``, ...).

    A statement is denied if its qualifier is ``NOT``, or if the phenotype was found in nobody (``0/19``, ``0%``,
    ``HP:0040285``), the form that is meant to replace the qualifier. A line that denies only for one sex, onset or
    modifier does not deny the plain statement, so it is left out.

    All lines of one disease and term are one statement. It is stated if any study found the term in somebody, and
    denied otherwise. It is a contradiction only if one line says ``NOT`` and a study found the term, or if one line has
    both ``NOT`` and a frequency above 0. The source lists the evidence codes and references. The name of a disease is
    its label.

    Args:
        path (str or Path): The file.
        frequency (bool): Whether the frequency :math:`f` becomes the confidence: :math:`f` for a stated and
            :math:`1 - f` for a denied statement. Studies that found the term in :math:`k_i` of :math:`n_i` cases are
            pooled,

            .. math::
                f = \sum_i k_i \Big/ \sum_i n_i ,

            and if one study gives no counts, :math:`f` is the mean over the studies. HPO's frequency terms count as the
            midpoints of their ranges, and a statement without a frequency has confidence 1. (default: :obj:`False`)

    Raises:
        UserError: For a line without 12 columns, wrong columns, an empty or malformed identifier, or an unknown
            qualifier, aspect or frequency.
    """
    path, account, called = Path(path), Account(), Called()
    found = collected(_rows(path, frequency, account, called), path, account)
    return found._replace(labels=called.table())


class Study(NamedTuple):
    """What one line says of a disease and a term: the frequency, and its two counts if they are given."""

    negated: bool
    frequency: float | None
    counted: tuple[int, int] | None
    source: str


def _rows(path: Path, weigh: bool, account: Account, called: Called) -> Iterator[Row]:
    studies: dict[tuple[str, str, str], list[Study]] = {}
    filled = Counter[str]()
    for number, line in lines(path):
        where = f"{path}:{number}"
        if _no_statement(line, where):
            continue
        f = fields(path, number, line, COLUMNS, ("database_id", "hpo_id", "evidence", "aspect"))
        if f["qualifier"] not in ("", "NOT"):
            raise UserError(f"{where}: the qualifier is 'NOT' or empty, not {f['qualifier']!r}.")
        if f["aspect"] not in ASPECTS:
            raise UserError(f"{where}: the aspect is one of {', '.join(ASPECTS)}, not {f['aspect']!r}.")
        filled.update(name for name, value in f.items() if value)
        often, counted = _frequency(f["frequency"], where)
        head, tail = identifier(f["database_id"], where), identifier(f["hpo_id"], where)
        called.add(head, f["disease_name"])
        narrow = [f"one {column}" for column in NARROW if f[column]]
        if narrow and (f["qualifier"] or often == 0):
            account.left_out(f"denied of {' and '.join(narrow)} only")
            continue
        if narrow:
            account.left_out(f"restrictions to {' and '.join(narrow)}", 1, "what is stated so is stated without, too")
        study = Study(f["qualifier"] == "NOT", often, counted, f"{f['evidence']} {f['reference']}".strip())
        studies.setdefault((head, ASPECTS[f["aspect"]], tail), []).append(study)
    tell(account, COLUMNS, filled, COLUMNS[:-1])
    pooled = sum(len(every) for every in studies.values()) - len(studies)
    if pooled:
        account.used("lines pooled with an earlier one of the same disease and term", pooled)
    for (head, relation, tail), every in studies.items():
        # "NOT" together with "found in 3 of 6" contradicts itself
        negated, found = [s for s in every if s.negated], [s for s in every if not s.negated or s.frequency]
        if all(s.frequency == 0 for s in found):
            negated, found = every, []
        for some, stated in ((found, True), (negated, False)):
            if some:
                often = _pooled(some) if stated else 1 - _pooled([s for s in some if s.frequency is not None])
                source = "; ".join(dict.fromkeys(s.source for s in some))
                yield Row(head, relation, tail, stated, often if weigh else 1.0, source)


def _no_statement(line: str, where: str) -> bool:
    """Whether a line is blank, a comment or the header. The header must name the columns in order."""
    first = [name.strip().lower().replace("_", "") for name in line.lstrip("#").split("\t")]
    named = [name.replace("_", "") for name in COLUMNS]
    if first[0] == named[0] and first != named:
        raise UserError(f"{where}: expected the columns {', '.join(COLUMNS)}, found {shown(line)}.")
    return first[0] == named[0] or not line.strip() or line.startswith("#")


def _pooled(studies: list[Study]) -> float:
    """The frequency from several studies. No study at all means that the term was found in nobody."""
    if not studies:
        return 0.0
    counted = [s.counted for s in studies if s.counted is not None]
    if len(counted) == len(studies):
        return sum(k for k, _ in counted) / sum(n for _, n in counted)
    return sum(1.0 if s.frequency is None else s.frequency for s in studies) / len(studies)


def _frequency(text: str, where: str) -> tuple[float | None, tuple[int, int] | None]:
    """A frequency, and the two counts that it was computed from, if they are given."""
    if not text:
        return None, None
    if text in FREQUENCIES:
        return FREQUENCIES[text], None
    ratio, percent = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text), re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*%", text)
    if ratio and int(ratio[1]) <= int(ratio[2]) != 0:
        return int(ratio[1]) / int(ratio[2]), (int(ratio[1]), int(ratio[2]))
    if percent and float(percent[1]) <= 100:
        return float(percent[1]) / 100, None
    raise UserError(f"{where}: a frequency is n/m, a percentage or one of HPO's terms, not {text!r}.")
