"""Checkpoints hold everything that a run needs to resume. A kill can damage only the newest one."""

import io
import pickle
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import torch

from gnnneg import distributed
from gnnneg.errors import UserError
from gnnneg.training.atomic import replacing, sweep
from gnnneg.training.best import HELD, Best, where
from gnnneg.training.parted import joined

T = TypeVar("T")
FORMAT = 2
READ = (1, 2)  # checkpoints of the first format hold the best weights, those of the second their checksum
KEPT = 2
TIMES = 10  # as long as a checkpoint takes passes at least before the next
BRIEF = 1.0  # seconds: one that takes less comes as often as is asked for
PART = ".part"  # ends the files of all processes but the first


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes one checkpoint, atomically.

    Raises:
        UserError: If the disk is full or cannot be written; older checkpoints stay unchanged.
    """
    with replacing(path) as temporary, _Told(temporary, "wb") as file:
        try:
            torch.save({"format": FORMAT, **state}, file)
        except RuntimeError as error:  # its writer's complaint that fewer bytes arrived than it sent
            raise file.reason or OSError(str(error).splitlines()[0]) from error


class _Told(io.FileIO):
    """A file that remembers why a write failed, because torch's writer does not report it."""

    reason: OSError | None = None

    def write(self, content: Any) -> int:
        """Writes everything, or raises the reason."""
        left = memoryview(content).cast("B")
        size = len(left)
        try:
            while left:  # a disk that is nearly full takes a part
                left = left[super().write(left) :]
        except OSError as error:
            self.reason = error
            raise
        return size


def load(path: Path, mapped: bool = False) -> dict[str, Any]:
    """Reads one checkpoint, which can hold only tensors, numbers, strings and containers of them.

    Args:
        path (pathlib.Path): The file.
        mapped (bool): Whether tensors stay in the file until they are read. (default: :obj:`False`)

    Raises:
        UserError: If the file holds anything else (which is not executed) or has another format.
        OSError: If the file is damaged.
    """
    return _read(path, zipfile.ZipFile.testzip, mapped)  # torch.load checks no sums and would take changed weights


def peek(path: Path) -> dict[str, Any]:
    """The numbers of one checkpoint. Its tensors stay in the file, and their sums are not checked.

    Raises:
        UserError: As :func:`load`.
        OSError: If the file is cut off, or its numbers are damaged.
    """
    return _read(path, _numbers, mapped=True)


def _numbers(archive: zipfile.ZipFile) -> None:
    """Checks the sum of all but the tensors."""
    archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))


def _read(path: Path, check: Callable[[zipfile.ZipFile], str | None], mapped: bool) -> dict[str, Any]:
    """Reads a file after a check, which gives the name of what is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = check(archive)
    except Exception as error:  # zipfile says broken in as many ways as a file can be
        raise OSError(f"{path} is cut off or no checkpoint") from error
    if wrong is not None:
        raise OSError(f"{path} is damaged in {wrong}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds more than numbers, which a checkpoint never does, and was not opened: somebody has changed "
            "it, or a part of the task keeps Python objects in its state_dict."
        ) from error
    except Exception as error:  # a whole archive that is none of ours
        raise OSError(f"{path} is no checkpoint ({(str(error) or type(error).__name__).splitlines()[0]})") from error
    found = state.get("format") if isinstance(state, dict) else None
    if found not in READ:
        raise UserError(
            f"{path} is in checkpoint format {found!r} and this version reads formats {READ[0]} and {READ[1]}: "
            "go on with the version of gnnneg that the run's environment.json names, or train again."
        )
    return state


def part(path: Path, rank: int, size: int) -> Path:
    """The file of one process's part of a checkpoint."""
    return path if rank == 0 else path.with_suffix(f".{rank}of{size}{PART}")


def names(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("*.pt"))


def latest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that is complete for this process, or None if none was ever written. Warns about skipped
    ones.

    Args:
        folder (pathlib.Path): Their folder.

    Raises:
        UserError: If there are checkpoints but none is complete, or one was changed or has another version.
    """
    found = _newest(reversed(names(folder)), _parts)
    return None if found is None else (found[0], _whole(found[1]))


def glance(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The numbers of the newest checkpoint of which no part is missing or cut off. Tensors are not read, nor checked.

    Args:
        folder (pathlib.Path): Their folder.

    Raises:
        UserError: As :func:`latest`.
    """
    return _newest(reversed(names(folder)), _numbers_of)


def _newest(
    paths: Iterable[Path], read: Callable[[Path], T], everyones: Callable[[str], list[str]] = lambda lost: [lost]
) -> tuple[Path, T] | None:
    """The first of some checkpoints that can be read, by all whose complaints are collected."""
    damaged: list[str] = []
    for path in paths:
        try:
            found, lost = read(path), ""
        except OSError as error:
            lost = str(error)
        told = [one for one in dict.fromkeys(everyones(lost)) if one]
        if not told:
            if damaged and not distributed.rank():
                warnings.warn(f"{'; '.join(damaged)}: going on from {path.name}.", stacklevel=3)
            return path, found
        damaged += told
    if damaged:
        raise UserError(f"No checkpoint in {path.parent} is whole ({'; '.join(damaged)}): train again.")
    return None


def _numbers_of(path: Path) -> dict[str, Any]:
    """The numbers of a checkpoint, if all its files can be opened."""
    first = peek(path)
    for rank in range(1, first.get("processes", 1)):
        peek(part(path, rank, first["processes"]))
    return first


def _parts(path: Path) -> list[dict[str, Any]]:
    """The parts of a checkpoint that this process needs, in their files: its own, or all if they are of another number
    of processes.
    """
    first = peek(path)
    if first.get("best_file") is not None and not distributed.rank():
        where(path, first["best_file"])
    before = first.get("processes", 1)
    needed = [distributed.rank()] if before == distributed.size() else range(before)
    return [load(part(path, rank, before), mapped=True) for rank in needed]


def _whole(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of this process, in memory."""
    other = parts[0].get("processes", 1) != distributed.size()
    return joined(parts, parts[0].get("tables", {}) if other else {})


class Checkpoints:
    """The checkpoints of one run; the newest two are kept.

    Args:
        folder (pathlib.Path, optional): Their folder; :obj:`None` keeps none.
        seconds (float): The shortest time between two. If writing one takes a second or more, the shortest time is ten
            times as long as the last one took, so checkpoints take at most a tenth of the time. Of several processes
            the first one's clock counts, because it writes last.
        best (Best, optional): The best weights; each checkpoint keeps a second name for their file.
            (default: :obj:`None`)
    """

    def __init__(self, folder: Path | None, seconds: float, best: Best | None = None):
        self.folder, self.seconds, self.best = folder, seconds, best
        self._last: float | None = None
        self._cost = 0.0

    def due(self) -> bool:
        """Whether this process says that it is time for another. In a new run the first is due at once, so that a state
        that cannot be saved fails early.
        """
        if self.folder is None or distributed.rank():
            return False
        return self._last is None or time.monotonic() - self._last >= self.interval

    @property
    def interval(self) -> float:
        """The shortest time from the end of one checkpoint to the next."""
        return max(self.seconds, TIMES * self._cost) if self._cost >= BRIEF else self.seconds

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes the checkpoint of a step, then removes all but the newest two.

        Each of several processes writes its own part. The first process writes last, so if its file exists, all exist.
        Memory: no copy of the written tensors.
        """
        if self.folder is None:
            return
        began = time.monotonic()
        whole = self.folder / f"{step:09d}.pt"
        path = part(whole, distributed.rank(), distributed.size())
        if self.best is not None:
            self.best.hold(whole)
        if distributed.rank():
            save(path, state)
        distributed.wait()
        if not distributed.rank():
            save(path, state)
        self._cost = time.monotonic() - began
        if self._last is None:
            try:  # find a part whose state cannot be read back now, not when it is needed
                load(path, mapped=True)
            except UserError:
                path.unlink()
                raise
        if not distributed.rank():
            self._clear()
        self._last = time.monotonic()

    def _clear(self) -> None:
        """Removes all but the newest two, and files that belong to no kept one."""
        assert self.folder is not None
        for path in names(self.folder)[:-KEPT]:
            path.unlink()
        left = {path.stem for path in names(self.folder)}
        for piece in (*self.folder.glob(f"*{HELD}"), *self.folder.glob(f"*{PART}")):
            if piece.name.split(".")[0] not in left:
                piece.unlink()

    def resume(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint that is complete for all processes; damaged newer ones and half-written files are
        removed.
        """
        if self.folder is None:
            return None
        there = distributed.agreed([path.name for path in reversed(names(self.folder))])
        newest = _newest((self.folder / name for name in there), _parts, distributed.of_all)
        found = None if newest is None else (newest[0], _whole(newest[1]))
        if found is not None:
            self._last = time.monotonic()  # what was read needs not be written again before the first step
        if distributed.rank():
            return found
        sweep(self.folder)
        if found is not None:
            for path in names(self.folder):
                if path.name > found[0].name:
                    path.unlink()
        return found
