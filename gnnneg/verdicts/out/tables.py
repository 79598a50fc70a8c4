"""Verdicts as tables: labelled statements, and mappings as SSSOM writes them."""

from collections.abc import Sequence

from gnnneg.verdicts.agreed import ROLES
from gnnneg.verdicts.out.outcome import BLANKS, Outcome, Row, Written, breaks, one_line, parted

LABELS = {"accept": "stated", "deny": "denied", "unsure": "unsure"}
LABELLED = (*ROLES, "label", "confidence", "source", "when", "why")
SSSOM = (
    *("subject_id", "subject_label", "predicate_id", "predicate_modifier", "object_id", "object_label"),
    *("mapping_justification", "author_label", "mapping_date", "confidence", "comment"),
)
CURATED = "semapv:ManualMappingCuration"
UNSURE = "unsure, which the format cannot say"


def labelled(outcome: Outcome) -> Written:
    """Statements labelled stated, denied or unsure, with the share of judges who said so, who they were, when and why.

    ``gnnneg train CONFIG --data.verdicts FILE`` reads it.
    """
    rows, left_out = parted(outcome.rows, lambda row: BLANKS if breaks(row) else "")
    lines = [
        [
            *(row[role] for role in ROLES),
            LABELS[row["verdict"]],
            f"{row['confidence']:g}",
            f"verdict of {one_line(row['who'])}",
            row["when"],
            one_line(row["why"]),
        ]
        for row in rows
    ]
    said = "--label label --labels stated=stated denied=denied unknown=unsure --confidence confidence --source source"
    return Written(_table(LABELLED, lines), len(rows), left_out, options=f"--columns head,relation,tail {said}")


def sssom(outcome: Outcome) -> Written:
    """Rows as in `SSSOM <https://mapping-commons.github.io/sssom/>`_: what is denied has the modifier ``Not``.

    The header of a mapping set (its identifier, licence and prefixes) is not written: the record does not know them.
    """

    def why_not(row: Row) -> str:
        return UNSURE if row["verdict"] == "unsure" else BLANKS if breaks(row) else ""

    rows, left_out = parted(outcome.rows, why_not)
    lines = [
        [
            *(row["head"], outcome.label(row["head"]), row["relation"], "Not" if row["verdict"] == "deny" else ""),
            *(row["tail"], outcome.label(row["tail"]), CURATED, one_line(row["who"]).replace("; ", "|")),
            *(row["when"][:10], f"{row['confidence']:g}", one_line(row["why"])),
        ]
        for row in rows
    ]
    notes = ["SSSOM asks for the identifier and the licence of a mapping set, which a record of verdicts has not."]
    said = "--columns subject_id,predicate_id,object_id --label predicate_modifier"
    options = f"{said} --confidence confidence --source author_label"
    return Written(_table(SSSOM, lines), len(rows), left_out, notes, options)


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in [columns, *lines])
