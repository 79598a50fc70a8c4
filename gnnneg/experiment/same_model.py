"""Whether the model in a run folder is the one that was trained there: a folder may be put together from two runs."""

import hashlib
import json
from pathlib import Path
from typing import Any

from gnnneg import run_files
from gnnneg.experiment import folder

KEY = "model"  # in the file of the environment, which is written once


def digest(model: Any) -> str:
    """A mark of a model's config: its classes by their last names, since modules may move, and all other values.

    It is taken of what :data:`~gnnneg.run_files.MODEL_CONFIG` holds, not of the run's config: a task may build another
    model than its config names, as Dual does.

    Args:
        model (dict): The config of the model, as it is read from the file.
    """
    return hashlib.sha256(json.dumps(_plain(model), sort_keys=True).encode()).hexdigest()[:16]


def keep(path: Path, mark: str) -> None:
    """Keeps the mark of a model that was described again, if it is another one."""
    file = path / run_files.ENVIRONMENT
    about = folder.read_json(file, versioned=True)
    if about.get(KEY) != mark:
        folder.write_json(file, {**about, KEY: mark}, versioned=True)


def another(path: Path, model: Any) -> bool:
    """Whether a run folder was begun with another model. Runs of earlier versions have no mark, so they are believed.

    Args:
        path (Path): The run folder.
        model (dict): The config of the model that it holds now.
    """
    file = path / run_files.ENVIRONMENT
    kept = folder.read_json(file, versioned=True).get(KEY) if file.is_file() else None
    return kept is not None and kept != digest(model)


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {
            name: str(inner).rpartition(".")[2] if name == "class_path" else _plain(inner)
            for name, inner in tree.items()
        }
    return [_plain(inner) for inner in tree] if isinstance(tree, list) else tree
