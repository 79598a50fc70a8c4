"""A run folder as a command finds it: whether it is one, and what its config says."""

from pathlib import Path
from typing import Any

from gnnneg import documents, tree
from gnnneg.errors import UserError
from gnnneg.run_files import CONFIG, ENVIRONMENT, FORMAT, LOCK, RESULT, STUDY

CONFIGURED = ("data", "task", "optimizer", "fit", "evaluation", "seed", "device")  # what the config of every run has


def opened(folder: Path) -> tree.Tree:
    """The config of a run folder.

    Raises:
        UserError: If it is no run folder, damaged, or of another version.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise no_run(folder)
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


def chosen(out: str | Path | None, data: str, config: str | Path, seed: object) -> Path:
    """The folder of a new run: ``out``, or one under ``runs`` that is called by what is trained.

    Args:
        out (str or Path, optional): What the user says.
        data (str): The name of the data set, or its folder.
        config (str or Path): The YAML.
        seed (int): Of all draws.
    """
    return Path(out) if out is not None else Path("runs") / f"{Path(data).name}-{Path(config).stem}-{seed}"


def refuse_used(folder: Path) -> None:
    """Refuses the folder of a new run if there is something in it.

    Raises:
        UserError: If there is.
    """
    if folder.exists() and (not folder.is_dir() or any(path.name != LOCK for path in folder.iterdir())):
        resumable = (folder / CONFIG).exists()
        goes_on = f"go on with 'gnnneg resume {folder}' or " if resumable else ""
        raise UserError(f"{folder} is not empty: {goes_on}choose another folder with --out.")


def no_run(folder: Path) -> UserError:
    """The error that a folder is no run's. Of a study it says where its runs are."""
    if (folder / STUDY).is_file():
        return UserError(f"{folder} is a study, not a run: give a run in it, such as {folder}/seeds/*.")
    return UserError(f"{folder} is not a run folder: it has no {CONFIG}.")
