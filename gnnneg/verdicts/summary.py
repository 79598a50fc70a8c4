"""The counts of a record."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gnnneg.plain import records
from gnnneg.verdicts.agreed import CONFLICT, SAID, agreed, kappa
from gnnneg.verdicts.record import NOTE, UNDO, Verdicts
from gnnneg.verdicts.statement import VERDICTS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Summary:
    """The counts of a record, from :func:`summary`.

    Args:
        statements (dict): The numbers of accepted, denied, unsure and conflicting statements.
        people (DataFrame): For each person, the number of valid verdicts of each kind, and the time of the last.
        agreement (DataFrame): Pairwise agreement; see :func:`~gnnneg.verdicts.agreed.kappa`.
        undone (int): The number of cancelled verdicts.
        notes (int): The number of notes.
    """

    statements: dict[str, int]
    people: "pd.DataFrame"
    agreement: "pd.DataFrame"
    undone: int
    notes: int

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        tables = {"people": records(self.people), "agreement": records(self.agreement)}
        return {"statements": self.statements, **tables, "undone": self.undone, "notes": self.notes}


def summary(verdicts: Verdicts, whose: tuple[str, ...] = ()) -> Summary:
    """The counts of a record.

    Args:
        verdicts (Verdicts): The record.
        whose (tuple of str): See :func:`~gnnneg.verdicts.agreed.agreed`. (default: nobody)
    """
    import pandas as pd

    standing = verdicts.standing()
    counts = agreed(standing, whose)["verdict"].value_counts()
    people = pd.crosstab(standing["who"], standing["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    people["last"] = standing.groupby("who")["when"].max()
    people = people.reset_index()
    people.columns.name = None
    kinds = [row.verdict for row in verdicts.rows()]
    return Summary(
        {verdict: int(counts.get(verdict, 0)) for verdict in (*SAID, CONFLICT)},
        people,
        kappa(standing),
        kinds.count(UNDO),
        kinds.count(NOTE),
    )
