"""Verdicts on statements of Wikidata as commands of QuickStatements."""

import re

from gnnneg.verdicts.agreed import ROLES
from gnnneg.verdicts.out.outcome import Outcome, Row, Written, one_line, parted
from gnnneg.verdicts.out.tables import UNSURE

ENTITY = re.compile(r"(?:https?://www\.wikidata\.org/(?:entity/|wiki/)|wd:)?([QPL][1-9][0-9]*)")
PROPERTY = re.compile(r"(?:https?://www\.wikidata\.org/(?:prop/direct/|entity/|wiki/Property:)|wdt:)?(P[1-9][0-9]*)")
DENIED = "denied, which Wikidata cannot say: remove or deprecate by hand those that it states"
NOT_ONE = "that link no items of Wikidata"


def quickstatements(outcome: Outcome) -> Written:
    """Accepted statements as commands of version 1 of `QuickStatements
    <https://www.wikidata.org/wiki/Help:QuickStatements>`_: item, property and item, with tabs between them, and the
    words of whoever judged as the summary of the edit.

    Wikidata states; it cannot say that a statement is denied, so that those are counted and not written.
    """

    def why_not(row: Row) -> str:
        if row["verdict"] != "accept":
            return DENIED if row["verdict"] == "deny" else UNSURE
        return "" if None not in _ids(row) else NOT_ONE

    rows, left_out = parted(outcome.rows, why_not)
    lines = ["\t".join([*map(str, _ids(row)), *_summary(row)]) for row in rows]
    notes = (
        ["Who judged and how sure they are is not said, and no reference is given: add one to each."] if rows else []
    )
    return Written("".join(f"{line}\n" for line in lines), len(rows), left_out, notes)


def _ids(row: Row) -> list[str | None]:
    patterns = (ENTITY, PROPERTY, ENTITY)
    found = [pattern.fullmatch(row[role]) for pattern, role in zip(patterns, ROLES)]
    return [match[1] if match else None for match in found]


def _summary(row: Row) -> list[str]:
    words = one_line(row["why"]).replace("*/", "* /").replace("|", "/")
    return [f"/* {words} */"] if words else []
