"""What people have concluded, and a file that says it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gnnneg.verdicts.agreed import CONFLICT, ROLES, agreed

if TYPE_CHECKING:
    import pandas as pd

ROWS = re.compile(r"[\t\n\r\0\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # what would end a field or a line
BLANKS = "with tabs or breaks of lines in names, which a line of a table cannot hold"
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What people have concluded of statements.

    Args:
        rows (list): The statements that are accepted, denied or unsure, each a row of
            :func:`~gnnneg.verdicts.agreed.agreed`.
        conflicts (int): Of how many people differ; they are in no file.
        name (str): What the record is called.
        labels (dict): What people call the things that have other names, if somebody says.
    """

    rows: list[Row]
    conflicts: int
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """What a thing is called, on one line; nothing if nobody says."""
        return one_line(self.labels.get(name, ""))


@dataclass(frozen=True)
class Written:
    """The text of a file, and what it does not say.

    Args:
        text (str): The file.
        said (int): How many statements it holds.
        left_out (dict): How many it does not, by why not.
        notes (list): What else it cannot say, or was made up for it.
        options (str): With what ``gnnneg data import`` reads it again; nothing if it cannot.
    """

    text: str
    said: int
    left_out: dict[str, int]
    notes: Sequence[str] = ()
    options: str | None = None


def outcome(
    standing: "pd.DataFrame", name: str, whose: Sequence[str] = (), labels: Mapping[str, str] | None = None
) -> Outcome:
    """What people have concluded.

    Args:
        standing (DataFrame): What stands, of :meth:`~gnnneg.verdicts.Verdicts.standing`.
        name (str): What the record is called.
        whose (list of str): Whose verdict wins where people differ; see :func:`~gnnneg.verdicts.agreed.agreed`.
            (default: nobody's)
        labels (dict, optional): What people call things, by name.
    """
    found = agreed(standing, whose)
    clear = found[found["verdict"] != CONFLICT]
    rows = [{str(key): value for key, value in row.items()} for row in clear.to_dict("records")]
    return Outcome(rows, len(found) - len(clear), name, labels or {})


def parted(rows: Sequence[Row], why_not: Callable[[Row], str]) -> tuple[list[Row], dict[str, int]]:
    """The rows of which ``why_not`` says nothing, and how many others there are by what it says."""
    kept, left_out = [], dict[str, int]()
    for row in rows:
        reason = why_not(row)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            kept.append(row)
    return kept, left_out


def breaks(row: Row) -> bool:
    """Whether a name holds what would end a field or a line."""
    return any(ROWS.search(row[role]) for role in ROLES)


def one_line(text: str) -> str:
    """Words on one line, without signs that nobody sees."""
    return " ".join(ROWS.sub(" ", text).split())
