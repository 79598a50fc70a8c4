"""Checks that the model in a run folder is the one that was trained there: two runs may have been mixed up."""

import hashlib
import json
from pathlib import Path
from typing import Any

from gnnneg import run_files
from gnnneg.experiment import folder

KEY = "model"  # its key in environment.json, which is written once


def digest(model: Any) -> str:
    """A digest of a model's config. Only the last names of its classes count, because modules may move.

    It is computed from :data:`~gnnneg.run_files.MODEL_CONFIG`, not from the run's config, because a task may build
    another model than its config names, as Dual does.

    Args:
        model (dict): The config of the model, as it is read from the file.
    """
    return hashlib.sha256(json.dumps(_plain(model), sort_keys=True).encode()).hexdigest()[:16]


def keep(path: Path, mark: str) -> None:
    """Writes the digest of a model whose config was written again, if it has changed."""
    file = path / run_files.ENVIRONMENT
    about = folder.read_json(file, versioned=True)
    if about.get(KEY) != mark:
        folder.write_json(file, {**about, KEY: mark}, versioned=True)


def another(path: Path, model: Any) -> bool:
    """Whether a run folder was begun with another model. Runs of earlier versions have no digest and pass.

    Args:
        path (Path): The run folder.
        model (dict): The config of its current model.
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
