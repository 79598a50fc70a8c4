"""The final verdicts of a record, or of a file of labelled statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnneg.errors import UserError
from gnnneg.verdicts.agreed import CONFLICT, ROLES, agreed
from gnnneg.verdicts.record import SQLITE, Verdicts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judged:
    """The final verdicts on statements.

    Args:
        table (DataFrame): The accepted and denied statements: ``head``, ``relation``, ``tail``; ``stated``, whether it
            was accepted; ``confidence``, the fraction of judges with this verdict; and ``source``, the judges.
        unsure (int): The number of statements on which people are unsure.
        conflicts (int): The number of statements on which people differ.
        name (str): The name of the record or file.
    """

    table: "pd.DataFrame"
    unsure: int
    conflicts: int
    name: str


def judged(verdicts: Verdicts | str | Path, whose: Sequence[str] = ()) -> Judged:
    """The final verdicts of a record, or of a file of labelled statements.

    Args:
        verdicts (Verdicts, str or Path): A record or its file, or a table with the columns ``head``, ``relation``,
            ``tail`` and ``label`` (``stated``, ``denied``, or ``unsure``), such as ``gnnneg verdicts --format tsv``
            writes.
        whose (list of str): People whose verdict decides if people differ; see :func:`~gnnneg.verdicts.agreed.agreed`.
            (default: nobody)

    Raises:
        UserError: If the file is neither of these, or ``whose`` is given with a table.
    """
    if isinstance(verdicts, Verdicts):
        return _of_record(verdicts, whose)
    path = Path(verdicts)
    refuse_absent(path)
    with path.open("rb") as file:
        begins = file.read(len(SQLITE))
    if begins == SQLITE:
        return _of_record(Verdicts(path, writing=False), whose)
    if whose:
        raise UserError(f"{path} is a table, which does not name the judges: leave out whose wins.")
    return _of_table(path)


def refuse_absent(path: Path) -> None:
    """Refuses a path without a file.

    Raises:
        UserError: If there is no file.
    """
    if path.is_dir() or not path.exists():
        raise UserError(f"There is no file of verdicts at {path}: give a record, or a table of labelled statements.")


def conclusive(found: "pd.DataFrame") -> "pd.DataFrame":
    """The accepted and denied statements of a frame of :func:`~gnnneg.verdicts.agreed.agreed`, with the columns of
    ``table``.
    """
    said = found[found["verdict"].isin(["accept", "deny"])].reset_index(drop=True)
    source = "verdict of " + said["who"]
    return said[ROLES].assign(stated=said["verdict"] == "accept", confidence=said["confidence"], source=source)


def _of_record(verdicts: Verdicts, whose: Sequence[str]) -> Judged:
    found = agreed(verdicts.standing(), whose)
    counts = found["verdict"].value_counts()
    return Judged(
        conclusive(found), int(counts.get("unsure", 0)), int(counts.get(CONFLICT, 0)), Path(verdicts.path).name
    )


def _of_table(path: Path) -> Judged:
    from gnnneg.data.formats.given import read_given

    read = read_given(path, ("label", "confidence", "source"))
    table: Any = read.table.to_pandas()
    columns = {role: table[role].astype(object) for role in ROLES}
    sure = table["confidence"].astype("float64") if "confidence" in table else 1.0
    source = table["source"].astype(object) if "source" in table else f"verdict in {path.name}"
    frame = table[[]].assign(**columns, stated=table["label"].astype(bool), confidence=sure, source=source)
    return Judged(frame, int(read.left_out.get("labelled unknown", 0)), 0, path.name)
