"""What an import is asked for, as far as it can be refused without reading a file."""

from pathlib import Path

from gnnneg.data.catalogue import names
from gnnneg.errors import UserError, echo


def refuse(path: Path, out: Path, denied: str | Path | None, seed: int, mirrored: str | None) -> None:
    """Refuses paths and options that do not go together.

    Args:
        path (Path): The file or folder to import.
        out (Path): The folder to write.
        denied (str or Path, optional): A second file, all of whose statements are denied.
        seed (int): Of a random split.
        mirrored (str, optional): What becomes of pairs that are linked both ways.

    Raises:
        UserError: If one is wrong.
    """
    refuse_used(out)
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    if path.is_dir() and denied is not None:
        raise UserError(f"{path} is a folder: what it denies lies in it, as train_denied.tsv and so on.")
    if not 0 <= seed < 1 << 63:
        raise UserError(f"A seed is a whole number from 0 to {(1 << 63) - 1}, not {echo(seed)}.")
    if mirrored not in (None, "together", "drop", "keep"):
        raise UserError(f"Mirrored pairs are kept 'together', or 'drop' or 'keep' is said, not {echo(mirrored)}.")
    if mirrored == "together" and path.is_dir():
        raise UserError(f"{path} has splits of its own: mirrored pairs can be dropped or kept, not put together.")


def refuse_used(out: Path) -> None:
    """Refuses a folder for a data set that holds something, or whose name means another one.

    Raises:
        UserError: If it does.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another folder, or remove it first.")
    if str(out) in names():
        raise UserError(f"{out} is the name of a data set of gnnneg's own, which would be meant by it: choose another.")
