"""Checkpoints hold everything that a run needs to resume. A kill can damage only the newest one."""

import io
import pickle
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from gnnneg import distributed
from gnnneg.errors import UserError
from gnnneg.training.atomic import replacing, sweep
from gnnneg.training.best import HELD, Best, where
from gnnneg.training.parted import joined

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
        mapped (bool): Whether tensors stay in the file until they are read, to look into a checkpoint only.
            (default: :obj:`False`)

    Raises:
        UserError: If the file holds anything else (which is not executed) or has another format.
        OSError: If the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load itself checks no sums and would take changed weights
            wrong = archive.testzip()
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


def _loaded(path: Path, mapped: bool = False) -> dict[str, Any]:
    """A checkpoint for this process, written by any number of processes."""
    state = load(path, mapped)
    if state.get("best_file") is not None and not mapped:  # all processes look, and come to the same
        where(path, state["best_file"])
    before, tables = state.get("processes", 1), state.get("tables", {})
    if before == distributed.size():
        return state if not distributed.rank() else load(part(path, distributed.rank(), before))
    return joined([state, *(load(part(path, rank, before)) for rank in range(1, before))], tables)


def names(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob("*.pt"))


def latest(folder: Path, mapped: bool = False) -> tuple[Path, dict[str, Any]] | None:
    """The newest complete checkpoint, or None if none was ever written. Warns about skipped ones.

    Args:
        folder (pathlib.Path): Their folder.
        mapped (bool): As for :func:`load`; the best weights are then not checked. (default: :obj:`False`)

    Raises:
        UserError: If there are checkpoints but none is complete, or one was changed or has another version.
    """
    damaged = []
    for path in reversed(names(folder)):
        try:
            state = _loaded(path, mapped)
        except OSError as error:
            damaged.append(str(error))
            continue
        if damaged:
            warnings.warn(f"{'; '.join(damaged)}: going on from {path.name}.", stacklevel=2)
        return path, state
    if damaged:
        raise UserError(f"No checkpoint in {folder} is whole ({'; '.join(damaged)}): train again.")
    return None


class Checkpoints:
    """The checkpoints of one run; the newest two are kept.

    Args:
        folder (pathlib.Path, optional): Their folder; :obj:`None` keeps none.
        seconds (float): The shortest time between two. If writing one takes a second or more, the shortest time is ten
            times as long as the last one took, so checkpoints take at most a tenth of the time.
        best (Best, optional): The best weights; each checkpoint keeps a second name for their file.
            (default: :obj:`None`)
    """

    def __init__(self, folder: Path | None, seconds: float, best: Best | None = None):
        self.folder, self.seconds, self.best = folder, seconds, best
        self._last: float | None = None
        self._cost = 0.0

    def due(self) -> bool:
        """Whether it is time for another. In a new run the first is due at once, so that a state that cannot be saved
        fails early.
        """
        if self.folder is None:
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
        """The newest complete checkpoint, as :func:`latest`; damaged newer ones and half-written files are removed."""
        if self.folder is None:
            return None
        found = latest(self.folder)
        if found is not None:
            self._last = time.monotonic()  # what was read needs not be written again before the first step
        distributed.wait()  # all have looked
        if distributed.rank():
            return found
        sweep(self.folder)
        if found is not None:
            for path in names(self.folder):
                if path.name > found[0].name:
                    path.unlink()
        return found
