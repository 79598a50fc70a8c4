"""A record in numbers."""

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
    """What a record holds, of :func:`summary`.

    Args:
        statements (dict): How many statements are accepted, denied, unsure and in conflict.
        people (DataFrame): Of each person how many verdicts of each kind stand, and the time of the last.
        agreement (DataFrame): How well each two agree: see :func:`~gnnneg.verdicts.agreed.kappa`.
        undone (int): How many verdicts were taken back.
        notes (int): How many notes there are.
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
    """A record in numbers.

    Args:
        verdicts (Verdicts): The record.
        whose (tuple of str): See :func:`~gnnneg.verdicts.agreed.agreed`. (default: nobody's)
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
