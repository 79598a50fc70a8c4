"""Reads and writes the files of a run folder, and checks them."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from torch_geometric.data import HeteroData

from gnnneg.data.texts import Texts
from gnnneg.errors import UserError
from gnnneg.experiment.lock import LOCK, held
from gnnneg.plain import to_json
from gnnneg.run_files import (
    ATTRIBUTES,
    CHECKPOINTS,
    CONFIG,
    DATA,
    ENTITIES,
    ENVIRONMENT,
    FORMAT,
    METRICS,
    MODEL,
    MODEL_CONFIG,
    RELATIONS,
    RESULT,
    STATEMENTS,
    TEST_GRAPH,
    TRACKED,
    WEIGHTS,
)
from gnnneg.run_folder import read_json, refuse_used
from gnnneg.training.atomic import Unwritable, replacing, sweep
from gnnneg.training.checkpoint import PART

FIRST = "000000000.pt"  # the checkpoint of step 0, before any training
MEASURED = {"time": ("train_s", "evaluate_s", "triples_per_s"), "memory": ("peak_rss_mib",)}  # of a result


def write_json(path: Path, content: dict[str, Any], versioned: bool = False) -> None:
    """Writes a JSON file atomically. Numbers that are not finite become null, because JSON cannot express them.

    Args:
        path (Path): The file.
        content (dict): Its content.
        versioned (bool): Whether it contains the format of the folder. (default: :obj:`False`)
    """
    with replacing(path) as temporary:
        said = {"format": FORMAT, **content} if versioned else content
        temporary.write_text(to_json(said) + "\n", encoding="utf-8")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Adds the name of the file to errors in the block."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def refuse_links(folder: Path) -> None:
    """Refuses links that lead out of a run folder: a folder from somebody else may contain any link.

    Raises:
        UserError: If one of its folders is such a link.
    """
    for name in (MODEL, CHECKPOINTS, TEST_GRAPH):
        if (folder / name).is_symlink() and not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"{folder / name} is a link to a place outside the run, which would be written to: move the files here."
            )


def read_result(folder: Path) -> dict[str, Any]:
    """The result of a run; empty if it is not finished.

    Raises:
        UserError: If it is damaged.
    """
    if not (folder / RESULT).exists():
        return {}
    result = read_json(folder / RESULT)
    parts = [result.get(name) for name in ("metrics", "time", "memory")]
    splits = list(parts[0].values()) if isinstance(parts[0], dict) else [None]
    whole = all(isinstance(part, dict) for part in (*parts, *splits)) and all(
        name in result[part] and _number(result[part][name]) for part, names in MEASURED.items() for name in names
    )
    others = (result.get(name, {}) for name in ("data", "test_graph"))
    if not whole or not all(_numbers(splits)) or not all(isinstance(other, dict) for other in others):
        raise UserError(
            f"{folder / RESULT} is damaged (a part is missing): copy the run again, or delete it, and 'gnnneg resume' "
            "makes it anew."
        )
    return result


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _numbers(values: Iterable[Any]) -> Iterator[bool]:
    """Whether each value in a tree of metrics is a number."""
    for value in values:
        if isinstance(value, dict):
            yield from _numbers(value.values())
        else:
            yield _number(value)


def weights(folder: Path) -> str:
    """A digest of the weights in a model folder. Values computed from these weights are valid only for them."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def claim(folder: Path) -> None:
    """Refuses the folder of a new run if it is not empty. The folder is not created.

    Files of a process that was killed before its run began are removed; they are recognised by its lock file.

    Raises:
        UserError: If the folder is not empty, or another process uses it.
    """
    if (folder / LOCK).is_file():
        with held(folder) as left:
            if left and not (folder / CONFIG).exists() and not _learnt(folder):
                _clear(folder)
    refuse_used(folder)


def made(folder: Path, option: str = "--out") -> bool:
    """Creates a folder. Returns whether it is new.

    Args:
        folder (pathlib.Path): The folder.
        option (str): Where another one is chosen. (default: :obj:`"--out"`)

    Raises:
        Unwritable: If it cannot be created.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise Unwritable(
            f"{folder} could not be made ({error.strerror}): choose another folder with {option}."
        ) from error
    return True


@contextmanager
def begun(folder: Path) -> Iterator[None]:
    """Creates the folder of a new run for the block and locks it.

    If the block fails before anything was learnt, the files of the run and the new folder are removed. So the corrected
    command can use the same folder. Other files stay, and so does a folder that existed before. After an interruption,
    a run that can be resumed stays too.

    Raises:
        UserError: If the folder is not empty, or another process uses it.
    """
    claim(folder)
    ours = made(folder)
    try:
        with held(folder):
            refuse_used(folder)
            try:
                yield
            except BaseException as error:
                resumable = not isinstance(error, Exception) and (folder / CONFIG).exists()
                if not resumable and not _learnt(folder):
                    _clear(folder)
                raise
    except BaseException:
        if ours:
            with suppress(OSError):  # a run is in it, or somebody else's files
                folder.rmdir()
        raise


def logged(folder: Path) -> bool:
    """Whether there is anything in the log."""
    return (folder / METRICS).exists() and (folder / METRICS).stat().st_size > 0


def _learnt(folder: Path) -> bool:
    """Whether there is a log entry, a result, or a checkpoint after step 0."""
    checkpoints = {path.name for path in (folder / CHECKPOINTS).glob("*.pt")}
    return logged(folder) or bool(checkpoints - {FIRST}) or (folder / RESULT).exists()


def _clear(folder: Path) -> None:
    """Removes the files that a run writes before it has learnt anything, and incomplete files."""
    model, other = folder / MODEL, folder / TEST_GRAPH
    files = [folder / name for name in (CONFIG, ENVIRONMENT, METRICS, DATA, STATEMENTS, ATTRIBUTES, TRACKED)]
    files += [model / part for part in (MODEL_CONFIG, WEIGHTS, ENTITIES, RELATIONS)]
    files += [other / part for part in (STATEMENTS, ATTRIBUTES, ENTITIES, RELATIONS)]
    first = folder / CHECKPOINTS / FIRST
    for file in (*files, first, *first.parent.glob(f"{first.stem}.*{PART}")):  # with those of other processes
        file.unlink(missing_ok=True)
        sweep(file.parent, f"{file.name}.*")
    for part in (model, other, folder / CHECKPOINTS):
        with suppress(OSError):
            part.rmdir()


def write_names(folder: Path, data: HeteroData) -> None:
    """Writes the names of entities and relations, in the order of the model's tables."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, names in ((ENTITIES, data["entity"].names), (RELATIONS, data.relation_names)):
        with replacing(folder / file) as temporary:
            pyarrow.parquet.write_table(pa.table({"name": Texts.of(names).array}), temporary)


def read_names(folder: Path) -> tuple[Texts, list[str]]:
    """The names of entities and of relations, in the order of the model's tables."""
    entities, relations = (table(folder / file, ["name"])["name"] for file in (ENTITIES, RELATIONS))
    return Texts.of(pa.array(entities, from_pandas=True)), list(relations)


def table(path: Path, columns: list[str]) -> pd.DataFrame:
    """A parquet file that has these columns."""
    try:
        found = pd.read_parquet(path)
        found[columns]  # each must exist
        return found
    except FileNotFoundError:
        raise UserError(f"{path} is missing: the folder is not a run, or a part of it was not copied.") from None
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{path} is damaged ({reason}): copy the run again or train again.") from error
