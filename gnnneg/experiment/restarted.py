"""Recognises a run that the same call of ``torchrun`` began, before it restarted the processes."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from gnnneg import distributed, run_files
from gnnneg.config import Plan
from gnnneg.errors import UserError
from gnnneg.run_folder import read_json

KEY = "launch"  # in environment.json


def mark() -> dict[str, Any]:
    """The entry of a new run about who began it; empty without ``torchrun``. All processes call this."""
    calls = distributed.launch()
    return {KEY: {"torchrun": calls, "process": distributed.PROCESS}} if calls else {}


def begun(path: Path, means: Plan) -> bool:
    """Whether the run in a folder was begun by this call of ``torchrun``, in processes that it has replaced since. All
    processes call this, and get the first one's answer.

    Args:
        path (pathlib.Path): The folder.
        means (Plan): The config of the run that would be begun now.

    Raises:
        UserError: If this call began a run of another config there.
    """
    calls = distributed.launch()
    ours = distributed.agreed(distributed.rank() == 0 and _ours(path, calls))
    if ours:
        from gnnneg.experiment.trainer import refuse_other  # imported late because it imports what asks here

        refuse_other(path, means)
    return ours


def _ours(path: Path, calls: list[str]) -> bool:
    if not calls or not (path / run_files.CONFIG).is_file():
        return False
    before: Any = None
    with suppress(UserError):  # what cannot be read is not ours
        before = read_json(path / run_files.ENVIRONMENT, versioned=True).get(KEY)
    if not isinstance(before, dict) or before.get("process") == distributed.PROCESS:
        return False
    return not set(calls).isdisjoint(before.get("torchrun", ()))
