"""One process at a time in a run folder."""

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from gnnneg.errors import UserError
from gnnneg.run_files import LOCK
from gnnneg.training.atomic import Unwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a link in somebody else's run folder must not overwrite another file
POLL, LONGEST = 0.002, 60.0  # seconds between two attempts to take a lock, and the longest wait
PATIENCE = 1.0  # seconds within which a new file gets the name of its owner


class Elsewhere(UserError):
    """A lock that a process on another machine has, or had when it died: here nobody can tell."""


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Locks a run folder for the block. Yields whether the last process died while it had the lock.

    The file ``in-use.lock`` is locked by the operating system. The system releases the lock when the process dies, also
    by ``kill -9``, so the lock of a dead process on this machine is taken over.

    If the file system does not support locks, the process that creates the file owns it. The file names the process and
    its start time, so a dead process is recognised even if its number is in use again. The state of a process on
    another machine is unknown here, so its file must be deleted by hand.

    Raises:
        UserError: If another process has the lock.
        Elsewhere: If a process on another machine has it, or had it when it died.
        Unwritable: If the folder cannot be written, or the file is a link.
    """
    with alone(folder / LOCK) as before:
        yield before


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """The same with a lock file of any name, which exists during the block."""
    try:
        handle, before = _taken(path)
    except OSError as error:
        raise Unwritable(f"{path} could not be written ({error.strerror}): check the folder.") from error
    try:
        yield before
    finally:
        mine = _is_there(handle, path)
        if fcntl is None:  # Windows does not remove open files
            os.close(handle)
        if mine:
            with suppress(OSError):
                path.unlink()
        if fcntl is not None:
            os.close(handle)


@contextmanager
def awaited(path: Path) -> Iterator[bool]:
    """The same, but waits while another process has the lock.

    Raises:
        UserError: If it is not free within a minute.
    """
    end = time.monotonic() + LONGEST
    with ExitStack() as stack:
        while True:
            try:
                before = stack.enter_context(alone(path))
                break
            except UserError as error:
                if isinstance(error, Unwritable) or time.monotonic() > end:
                    raise
                time.sleep(POLL)
        yield before


def _taken(path: Path) -> tuple[int, bool]:
    """A handle of the locked file, and whether a dead process had left the file there."""
    before = False
    while True:
        handle, new = _opened(path)
        ours = False
        try:
            locked, owner = _locked(handle), _owner(handle)
            if not _is_there(handle, path):  # the last owner has just removed its file
                continue
            if locked is None and not new:
                owner = _signed(handle)
                if not _gone(owner):
                    raise _refusal(owner)(_occupied(path, owner, deletable=True))
                _clear(handle, path, owner)
                before = before or bool(owner)
                continue
            if locked is False or (owner and owner.get("host") != socket.gethostname()):
                raise _refusal(owner)(_occupied(path, owner, deletable=locked is True))
            _sign(handle)
            ours = _is_there(handle, path)  # no other process considered us dead before we signed
            if ours:
                return handle, before or bool(owner)
        finally:
            if not ours:
                with suppress(OSError):
                    os.close(handle)


def _opened(path: Path) -> tuple[int, bool]:
    """A handle of the file, and whether it is new. If several processes create it at once, one succeeds."""
    for _ in range(100):
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK, 0o666), True
        except FileExistsError:
            with suppress(FileNotFoundError):  # it was just removed
                return os.open(path, os.O_RDWR | NO_LINK), False
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _locked(handle: int) -> bool | None:
    """Whether the system gave us the lock; None if it has no locks, as on some network file systems."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_there(handle: int, path: Path) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError:
        return False


def _sign(handle: int) -> None:
    mine = {"host": socket.gethostname(), "process": os.getpid(), "started": _started(os.getpid())}
    content = json.dumps(mine).encode()
    os.pwrite(handle, content, 0)  # overwritten in place, so that a kill in between leaves no empty file
    os.ftruncate(handle, len(content))


def _signed(handle: int) -> dict[str, Any]:
    """The owner named in the file. A process that has just created the file gets time to write its name."""
    end = time.monotonic() + PATIENCE
    while not (owner := _owner(handle)) and time.monotonic() < end:
        time.sleep(0.01)
    return owner


def _gone(owner: dict[str, Any]) -> bool:
    """Whether the process named in a file has ended, or was killed before it was named."""
    if fcntl is None:  # unknown on Windows
        return False
    if not owner:
        return True
    if owner.get("host") != socket.gethostname():
        return False
    return not _alive(owner.get("process"), owner.get("started"))


def _clear(handle: int, path: Path, owner: dict[str, Any]) -> None:
    """Removes the file of a dead process, if the system has no locks.

    One process does this at a time, and only if the file is still the same. Otherwise it could remove the file of the
    next owner.
    """
    with alone(path.with_name(f"{path.name}.clearing")):
        if _is_there(handle, path) and _owner(handle) == owner:
            path.unlink()


def _alive(process: Any, started: Any) -> bool:
    """Whether a process with this number and start time exists, as far as the system knows."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, TypeError, ValueError, OverflowError):
        return True
    return started is None or _started(int(process)) in (None, started)


def _started(process: int) -> str | None:
    """The start of a process, in ticks since boot, with the id of the boot; None if unknown."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[19]
        return f"{int(ticks)} {Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()}"
    except (OSError, IndexError, ValueError):
        return None


def _owner(handle: int) -> dict[str, Any]:
    """The owner named in the file; empty for a new or incomplete file."""
    try:
        said = json.loads(os.pread(handle, 1000, 0))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(owner: dict[str, Any]) -> type[UserError]:
    return Elsewhere if owner and owner.get("host") != socket.gethostname() else UserError


def _occupied(path: Path, owner: dict[str, Any], deletable: bool) -> str:
    who = f"process {owner['process']} on {owner.get('host')}" if "process" in owner else "another process"
    ending = f", or delete {path.name} in it if that process is no more" if deletable else " or stop it"
    return f"{path.parent} is in use by {who}: wait until it has ended{ending}."
