"""Whether a run is finished, and the clean-up before it is resumed."""

from pathlib import Path

import pyarrow.parquet as pq
import torch
from pyarrow import ArrowException
from safetensors import SafetensorError, safe_open

from gnnneg import distributed, run_files
from gnnneg.errors import UserError
from gnnneg.experiment import folder
from gnnneg.training import Fit
from gnnneg.training.atomic import sweep
from gnnneg.training.checkpoint import glance
from gnnneg.training.state import Position

MORE = "its config asks for more"


def unfinished(path: Path, fit: Fit) -> str | None:
    """Why a run must be resumed: its result is incomplete, or its config now asks for more; None if it is finished.

    Args:
        path (Path): The run folder.
        fit (Fit): The training settings of its current config.

    Raises:
        UserError: If it has checkpoints and none can be read.
    """
    if not (path / run_files.RESULT).exists():
        return "it was not finished"
    try:
        result = folder.read_result(path)
    except UserError:
        return f"its {run_files.RESULT} is damaged"
    if run_files.PENDING in result:
        return "its evaluation was not finished"
    for file in (f"{run_files.MODEL}/{run_files.WEIGHTS}", f"{run_files.MODEL}/{run_files.MODEL_CONFIG}"):
        if not whole(path / file):
            return f"its {file} is damaged"
    if "mrr" in result["metrics"].get("test", {}) and not whole(path / run_files.RANKS):
        return f"its {run_files.RANKS} is damaged"
    at = stand(path)
    return None if at is None or fit.over(at) else MORE


def stand(path: Path) -> Position | None:
    """The position of a run's newest checkpoint; None if there is none. All processes get the first one's answer.

    Its tables are not read. If they are damaged, training resumes from the checkpoint before it.

    Raises:
        UserError: If it has checkpoints and none can be read.
    """
    return distributed.agreed(None if distributed.rank() else _stand(path / run_files.CHECKPOINTS))


def _stand(checkpoints: Path) -> Position | None:
    found = glance(checkpoints)
    if found is None:
        return None
    checkpoint, state = found
    try:
        return Position.of(state["position"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{checkpoint} lacks a part of a checkpoint ({error}): train again.") from error


def whole(path: Path) -> bool:
    """Whether a file of a run exists and can be read completely."""
    try:
        if path.suffix == ".json":
            folder.read_json(path)
        elif path.suffix == ".parquet":
            pq.read_table(path)
        else:
            with safe_open(path, framework="pt") as file:
                return bool(all(isinstance(file.get_tensor(name), torch.Tensor) for name in file.keys()))  # noqa: SIM118
    except (UserError, OSError, ArrowException, SafetensorError):
        return False
    return True


def tidy(path: Path, reason: str) -> None:
    """Removes incomplete files of a killed process.

    Raises:
        UserError: If the run has lost its checkpoints, because a new start would discard what it has learnt.
    """
    if folder.logged(path) and not any((path / run_files.CHECKPOINTS).glob("*.pt")):
        raise UserError(
            f"{path} cannot be resumed ({reason}), because its checkpoints are missing: train in a new folder."
        )
    for name in (run_files.CONFIG, run_files.METRICS, run_files.RESULT, run_files.RANKS):
        sweep(path, f"{name}.*")
    sweep(path / run_files.MODEL)
