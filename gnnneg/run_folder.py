"""A run folder as a command finds it: whether it is one, and what its config says."""

from pathlib import Path
from typing import Any

from gnnneg import documents, tree
from gnnneg.errors import UserError
from gnnneg.run_files import CONFIG, ENVIRONMENT, FORMAT, RESULT

CONFIGURED = ("data", "task", "optimizer", "fit", "evaluation", "seed", "device")  # what the config of every run has


def opened(folder: Path) -> tree.Tree:
    """The config of a run folder.

    Raises:
        UserError: If it is no run folder, damaged, or of another version.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise UserError(f"{folder} is not a run folder: it has no {CONFIG}.")
    read_json(folder / ENVIRONMENT, versioned=True)
    config = tree.read(file)
    refuse_cut(file, config)
    return config


def read_json(path: Path, versioned: bool = False) -> dict[str, Any]:
    """Reads a JSON file of a run folder.

    Args:
        path (Path): The file.
        versioned (bool): Whether it says in which format the folder is. (default: :obj:`False`)

    Raises:
        UserError: If it is missing, damaged or of another version of gnnneg.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: the folder is no run, or the run was not finished.")
    try:
        content = documents.read_json(path)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ").rstrip(".")
        remedy = "delete it, and 'gnnneg resume' makes it anew" if path.name == RESULT else "train again"
        raise UserError(f"{path} is damaged ({reason}): copy the run again, or {remedy}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged (no JSON object): copy the run again or train again.")
    found = content.get("format")
    if versioned and found != FORMAT:
        raise UserError(
            f"{path} is in run format {found!r} and this version of gnnneg reads format {FORMAT}: "
            f"use the version that the run's {ENVIRONMENT} names, or train again."
        )
    return content


def refuse_cut(path: Path, config: dict[str, Any]) -> None:
    """Refuses the config of a run that lacks what every one has.

    What was cut off would be taken for left out, and its defaults for what was trained with.

    Raises:
        UserError: If a part is missing.
    """
    lacks = [name for name in CONFIGURED if name not in config]
    if lacks:
        raise UserError(
            f"{path} is damaged (it lacks {', '.join(lacks)}): copy the run again, or add what it was trained with."
        )
