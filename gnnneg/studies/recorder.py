"""Keeps the rows that a benchmark prints: a record of each in a file that only grows."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gnnneg.errors import UserError
from gnnneg.experiment.environment import commit, environment, version
from gnnneg.studies.machine import machine
from gnnneg.studies.measured import BEGIN, MEASUREMENT, lacks
from gnnneg.studies.records import Records
from gnnneg.training.atomic import Unwritable

PEERS = ("pykeen", "torchbiggraph", "torchrec")  # whose versions a record names, if they are installed
ROOM = 1 << 16  # bytes that must be free before anything is measured


class Recorder:
    """Adds a record to a file for each row that a benchmark prints.

    A row is a mapping with ``suite``, ``case``, ``unit``, ``ours`` and, if something stands beside it, ``peer``,
    ``peer_name`` and ``ratio``. The record has it whole, and the command, the commit of the beginning, the machine,
    the versions, the time and the seconds since the row before. ``dirty`` is true if files were changed at the
    beginning, or another commit was made since.

    Args:
        path (pathlib.Path): The file, which is made with the first row.
        threads (int): Threads of each process that is measured.

    Raises:
        UserError: If the file has something else than measurements.
        Unwritable: If the disk is full or cannot be written.
    """

    def __init__(self, path: Path, threads: int):
        self.records = Records(path, lacks)
        _refuse_other(self.records)
        _refuse_unwritable(path)
        about = environment(torch.device("cpu"), 0)
        peers = {name: found for name in PEERS if (found := version(name)) is not None}
        self.about = {**about, "threads": threads, "versions": {**about["versions"], **peers}}
        self.since = time.perf_counter()

    def __call__(self, row: dict[str, Any]) -> None:
        """Adds the record of a row.

        Raises:
            Unwritable: If the disk is full or cannot be written.
        """
        now = time.perf_counter()
        where = machine(self.about)
        if where["dirty"] is False and (commit() or "").removesuffix("+") != where["commit"]:
            where["dirty"] = True
        seconds = {"wall": round(now - self.since, 3)}
        self.records.append({"kind": MEASUREMENT, "row": row, **where, "seconds": seconds})
        self.about["started"], self.since = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()


def _refuse_other(records: Records) -> None:
    """Refuses a file that is there and is none of measurements: a record would spoil it."""
    path = records.path
    try:
        why = _other(records) if path.exists() else None
    except OSError as error:
        raise _unwritable(path, error) from error
    if why is not None:
        raise UserError(f"--record {path} is no file of measurements ({why}): name another file.")


def _other(records: Records) -> str | None:
    """Why a file is none of measurements; None if it is one."""
    if not records.path.is_file():
        return "it is a folder or a device"
    rest = records.path.read_bytes().rpartition(b"\n")[2]  # if a kill cut it short, it will be removed
    if rest[: len(BEGIN)] != BEGIN[: len(rest)]:
        return "its last line is none"
    try:
        records.read()
    except UserError as error:
        return str(error)
    return None


def _refuse_unwritable(path: Path) -> None:
    """Refuses a file that cannot be written, before anything is measured. It leaves nothing behind."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as room:
            room.write(bytes(ROOM))
            room.flush()
        there = path.exists()
        path.open("ab").close()
        if not there:
            path.unlink()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> Unwritable:
    why = getattr(error, "strerror", None) or error
    return Unwritable(f"--record {path} cannot be written ({why}): make room, or name another file.")
