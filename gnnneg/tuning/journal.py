"""Optuna's study in one file of the study folder. Several processes write it, and any of them may be killed."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gnnneg.errors import MissingExtra, UserError
from gnnneg.experiment.lines import append
from gnnneg.experiment.lock import awaited
from gnnneg.tuning.files import JOURNAL

try:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import BaseJournalBackend
except ImportError as error:
    raise MissingExtra("tune", "Tuning") from error

NAME = "study"


class Journal(BaseJournalBackend):
    """A file with one operation a line.

    Optuna's own journal waits half a minute for the lock of a killed process, and cannot read past a line that a kill
    left incomplete. Here the operating system releases the lock of a killed process, and an incomplete line is removed
    before the next is written.

    Args:
        path (pathlib.Path): The path of the file.
    """

    def __init__(self, path: Path):
        self.path = path
        self._begins = [0]  # where each line that was read begins, and where the next one will

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The operations from this number on."""
        if not self.path.exists():
            return
        number = min(log_number_from, len(self._begins) - 1)
        with self.path.open("rb") as file:
            file.seek(self._begins[number])
            *lines, _ = file.read().split(b"\n")  # after the last line break there may be an incomplete line
        for line in lines:
            number += 1
            if number == len(self._begins):
                self._begins.append(self._begins[-1] + len(line) + 1)
            if number > log_number_from:
                yield self._read(line, number)

    def _read(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
            if not isinstance(found, dict):
                raise ValueError("it is no JSON object")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.path} is damaged in line {number} ({error}): begin another study.") from error
        return found

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends operations. Those that begin or end a trial are flushed to disk, with all before them."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        sync = any("state" in log or "datetime_start" in log for log in logs)
        append(self.path, text, sync)


def opened(home: Path) -> optuna.Study:
    """The study of a folder, or a new one. A greater value of a trial is better.

    Raises:
        UserError: If its journal is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = JournalStorage(Journal(home / JOURNAL))  # which reads it
    except (UserError, OSError):
        raise
    except Exception as error:  # Optuna checks nothing of what a line says
        raise UserError(
            f"{home / JOURNAL} is damaged ({type(error).__name__}: {error}): begin another study."
        ) from error
    with suppress(KeyError):
        return optuna.load_study(study_name=NAME, storage=storage)
    with awaited(home / f"{JOURNAL}.new"):
        return optuna.create_study(study_name=NAME, storage=storage, direction="maximize", load_if_exists=True)
