"""What a record, or a file of labelled statements, says of statements in the end."""

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
    """What was said of statements.

    Args:
        table (DataFrame): The accepted and denied statements: ``head``, ``relation``, ``tail``; ``stated``, whether it
            was accepted; ``confidence``, the share of its judges who said so; and ``source``, who they were.
        unsure (int): Of how many statements people are unsure.
        conflicts (int): Of how many they differ.
        name (str): What the record or file is called.
    """

    table: "pd.DataFrame"
    unsure: int
    conflicts: int
    name: str


def judged(verdicts: Verdicts | str | Path, whose: Sequence[str] = ()) -> Judged:
    """What a record, or a file of labelled statements, says of statements in the end.

    Args:
        verdicts (Verdicts, str or Path): A record or its file, or a table with the columns ``head``, ``relation``,
            ``tail`` and ``label`` (``stated``, ``denied``, or ``unsure``), such as ``gnnneg verdicts --format tsv``
            writes.
        whose (list of str): Whose verdicts win where people differ; see :func:`~gnnneg.verdicts.agreed.agreed`.
            (default: nobody's)

    Raises:
        UserError: If the file is neither, or ``whose`` is given with a table.
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
        raise UserError(f"{path} is a table, which does not say whose its verdicts are: leave out whose wins.")
    return _of_table(path)


def refuse_absent(path: Path) -> None:
    """Refuses a path at which there is no file.

    Raises:
        UserError: If there is none.
    """
    if path.is_dir() or not path.exists():
        raise UserError(f"There is no file of verdicts at {path}: give a record, or a table of labelled statements.")


def conclusive(found: "pd.DataFrame") -> "pd.DataFrame":
    """What is accepted or denied of a frame of :func:`~gnnneg.verdicts.agreed.agreed`, in the columns of ``table``."""
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
