"""``phenotype.hpoa``: which diseases have which phenotypes, and which they do not have."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gnnneg.data.decode import lines
from gnnneg.data.formats.annotations import identifier
from gnnneg.data.formats.statements import Row, Statements, collected, fields
from gnnneg.errors import UserError

COLUMNS = (
    *("database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence", "onset", "frequency", "sex"),
    *("modifier", "aspect", "biocuration"),
)
ASPECTS = {
    "P": "has_phenotype",
    "I": "has_mode_of_inheritance",
    "C": "has_clinical_course",
    "M": "has_clinical_modifier",
    "H": "has_past_medical_history",
}
# the middles of the ranges that HPO gives these terms: always, 80-99 %, 30-79 %, 5-29 %, 1-4 %, never
FREQUENCIES = {
    **{"HP:0040280": 1.0, "HP:0040281": 0.895, "HP:0040282": 0.545},
    **{"HP:0040283": 0.17, "HP:0040284": 0.025, "HP:0040285": 0.0},
}


def read_hpoa(path: str | Path, frequency: bool = False) -> Statements:
    """Reads `phenotype.hpoa <https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/>`_:
    disease, ``has_phenotype``, HPO term (other relations for the other aspects: ``has_mode_of_inheritance``, ...).

    Denied is what the qualifier says ``NOT`` of, and what was found in nobody (``0/19``, ``0%``, ``HP:0040285``), the
    form that is to take the place of the qualifier. The source of a statement is its evidence code and reference.

    Args:
        path (str or Path): The file; ``.gz`` is decompressed.
        frequency (bool): Whether the frequency :math:`f` becomes the confidence: :math:`f` of a stated and
            :math:`1 - f` of a denied one; HPO's terms for frequencies count as the middles of their ranges, and what
            has no frequency counts fully. (default: :obj:`False`)

    Raises:
        UserError: For a line without 12 columns, an empty or malformed identifier, an unknown qualifier, aspect or
            frequency.
    """
    path = Path(path)
    return collected(_rows(path, frequency), path, Counter())


def _rows(path: Path, weigh: bool) -> Iterator[Row]:
    for number, line in lines(path):
        if not line.strip() or line.startswith("#") or line.split("\t")[0] == COLUMNS[0]:
            continue
        where = f"{path}:{number}"
        f = fields(path, number, line, COLUMNS, ("database_id", "hpo_id", "evidence", "aspect"))
        if f["qualifier"] not in ("", "NOT"):
            raise UserError(f"{where}: the qualifier is 'NOT' or empty, not {f['qualifier']!r}.")
        if f["aspect"] not in ASPECTS:
            raise UserError(f"{where}: the aspect is one of {', '.join(ASPECTS)}, not {f['aspect']!r}.")
        often = _frequency(f["frequency"], where)
        stated = f["qualifier"] != "NOT" and often != 0
        confidence = 1.0 if often is None or not weigh else often if stated else 1 - often
        head, tail = identifier(f["database_id"], where), identifier(f["hpo_id"], where)
        source = f"{f['evidence']} {f['reference']}".strip()
        yield Row(head, ASPECTS[f["aspect"]], tail, stated, confidence, source)


def _frequency(text: str, where: str) -> float | None:
    if not text:
        return None
    if text in FREQUENCIES:
        return FREQUENCIES[text]
    ratio, percent = re.fullmatch(r"(\d+)/(\d+)", text), re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text)
    if ratio and int(ratio[1]) <= int(ratio[2]) != 0:
        return int(ratio[1]) / int(ratio[2])
    if percent and float(percent[1]) <= 100:
        return float(percent[1]) / 100
    raise UserError(f"{where}: a frequency is n/m, a percentage or one of HPO's terms, not {text!r}.")
