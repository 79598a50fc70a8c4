"""Optuna's study in one file of the study's folder, which several processes write and any of which may be killed."""

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
    """A file of one operation a line.

    Optuna's own waits half a minute for the lock of a process that was killed, and cannot read on behind a line that a
    kill cut short. Here the system forgets the lock with its process, and such a line is cut off before the next.

    Args:
        path (pathlib.Path): Where the file is.
    """

    def __init__(self, path: Path):
        self.path = path
        self._begins = [0]  # of each line that was read, and of the one behind them

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The operations from that number on."""
        if not self.path.exists():
            return
        number = min(log_number_from, len(self._begins) - 1)
        with self.path.open("rb") as file:
            file.seek(self._begins[number])
            *lines, _ = file.read().split(b"\n")  # behind the last break is what a kill cut short, or half written
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
        """Adds operations; those that begin or end a trial, and all before them, are on the disk then."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        sync = any("state" in log or "datetime_start" in log for log in logs)
        append(self.path, text, sync)


def opened(home: Path) -> optuna.Study:
    """The study of a folder, a new one if there is none; the greater the value of a trial, the better."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(Journal(home / JOURNAL))
    with suppress(KeyError):
        return optuna.load_study(study_name=NAME, storage=storage)
    with awaited(home / f"{JOURNAL}.new"):
        return optuna.create_study(study_name=NAME, storage=storage, direction="maximize", load_if_exists=True)
