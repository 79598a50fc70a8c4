"""A task in its state after training, including its samplers and generators."""

from pathlib import Path

from torch import nn

from gnnneg.errors import UserError
from gnnneg.training.checkpoint import latest
from gnnneg.training.weights import completed, misfit


def load_task(folder: Path, task: nn.Module) -> None:
    """Puts the newest checkpoint's state into a task; without checkpoints nothing happens.

    Args:
        folder (pathlib.Path): A run's ``checkpoints/`` folder.
        task (torch.nn.Module): The task, built from its config.

    Raises:
        UserError: If a checkpoint is damaged or belongs to another task.
    """
    kept = latest(folder)
    if kept is None:
        return
    path, state = kept
    given = completed(state["task"], task)
    difference = misfit(given, task.state_dict())
    if difference is not None:
        raise UserError(f"{path} belongs to another run or version: {difference}; train again, or remove {folder}.")
    task.load_state_dict(given)
