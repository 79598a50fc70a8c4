"""The verdicts on one statement, as a page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from gnnneg.verdicts import Row

JUDGING = ("accept", "deny", "unsure")


@dataclass(frozen=True)
class Said:
    """The history of a statement.

    Args:
        rows (list[tuple[Row, bool]]): Every verdict and note, and whether it was taken back.
        conflict (bool): Whether people disagree.
    """

    rows: list[tuple[Row, bool]]
    conflict: bool


def of_statement(rows: Sequence[Row]) -> Said:
    """The history of a statement from all its rows in the record."""
    gone = {row.undoes for row in rows}
    return Said([(row, row.id in gone) for row in rows if row.undoes is None], differ(rows))


def differ(rows: Sequence[Row]) -> bool:
    """Whether people disagree about a statement, by the last verdict of each that was not taken back."""
    gone = {row.undoes for row in rows}
    last = {row.who: row.verdict for row in rows if row.verdict in JUDGING and row.id not in gone}
    return len(set(last.values())) > 1
