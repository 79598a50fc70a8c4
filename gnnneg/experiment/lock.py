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

NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a run folder of somebody else's must not have another file written over
POLL, LONGEST = 0.002, 60.0  # seconds between looks at a lock that is waited for, and of waiting for it
PATIENCE = 1.0  # seconds in which a new file comes to say whose it is


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keeps every other process out of a run folder for the block; says whether the one before died in it.

    The file ``in-use.lock`` is made and locked by the system, which forgets the lock when its process dies, by
    ``kill -9`` too. So what a dead process of this machine left behind is taken over. Where the file system locks
    nothing, who makes the file has it, and it says which process that is and when it began: a dead one's is taken over,
    also if its number has gone to another process. Of a process on another machine nobody here can tell, so that its
    file has to be deleted by hand.

    Raises:
        UserError: If another process is in it, or was on another machine.
        Unwritable: If the folder cannot be written, or the file is a link.
    """
    with alone(folder / LOCK) as before:
        yield before


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """The same with a lock file of any name: one process at a time has it, which is there for the block."""
    try:
        handle, before = _taken(path)
    except OSError as error:
        raise Unwritable(f"{path} could not be written ({error.strerror}): mend the folder.") from error
    try:
        yield before
    finally:
        mine = _is_there(handle, path)
        if fcntl is None:  # Windows removes nothing that is open
            os.close(handle)
        if mine:
            with suppress(OSError):
                path.unlink()
        if fcntl is not None:
            os.close(handle)


@contextmanager
def awaited(path: Path) -> Iterator[bool]:
    """The same, waiting for whoever has it now, who needs a moment of it.

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
    """A handle of the file, which is ours from now on, and whether somebody had left it there."""
    before = False
    while True:
        handle, new = _opened(path)
        ours = False
        try:
            locked, owner = _locked(handle), _owner(handle)
            if not _is_there(handle, path):  # the one before has just gone, and its file with it
                continue
            if locked is None and not new:
                owner = _signed(handle)
                if not _gone(owner):
                    raise UserError(_occupied(path, owner, deletable=True))
                _clear(handle, path, owner)
                before = before or bool(owner)
                continue
            if locked is False or (owner and owner.get("host") != socket.gethostname()):
                raise UserError(_occupied(path, owner, deletable=locked is True))
            _sign(handle)
            ours = _is_there(handle, path)  # nobody took us for dead before we had signed
            if ours:
                return handle, before or bool(owner)
        finally:
            if not ours:
                with suppress(OSError):
                    os.close(handle)


def _opened(path: Path) -> tuple[int, bool]:
    """A handle of the file, and whether it is new: of several who make one at once, one does."""
    for _ in range(100):
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK, 0o666), True
        except FileExistsError:
            with suppress(FileNotFoundError):  # it has just gone
                return os.open(path, os.O_RDWR | NO_LINK), False
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _locked(handle: int) -> bool | None:
    """Whether the system gave us the lock; None where it has none, as on some network file systems."""
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
    os.pwrite(handle, content, 0)  # over the old one, so that a kill in between does not empty it
    os.ftruncate(handle, len(content))


def _signed(handle: int) -> dict[str, Any]:
    """Who says to be in the folder; one who has just made the file is given time to say so."""
    end = time.monotonic() + PATIENCE
    while not (owner := _owner(handle)) and time.monotonic() < end:
        time.sleep(0.01)
    return owner


def _gone(owner: dict[str, Any]) -> bool:
    """Whether the process that is named in a file is no more, or was killed before it was named."""
    if fcntl is None:  # Windows does not tell
        return False
    if not owner:
        return True
    if owner.get("host") != socket.gethostname():
        return False
    return not _alive(owner.get("process"), owner.get("started"))


def _clear(handle: int, path: Path, owner: dict[str, Any]) -> None:
    """Removes a dead process's file, where the system locks nothing.

    One at a time, and only if it is still the one that was looked at: the next one's would be removed else.
    """
    with alone(path.with_name(f"{path.name}.clearing")):
        if _is_there(handle, path) and _owner(handle) == owner:
            path.unlink()


def _alive(process: Any, started: Any) -> bool:
    """Whether there is a process of this number that began then, as far as the system tells."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, TypeError, ValueError, OverflowError):
        return True
    return started is None or _started(int(process)) in (None, started)


def _started(process: int) -> str | None:
    """When a process began, in ticks since the system did, and which start of the system that was; None if unknown."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[19]
        return f"{int(ticks)} {Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()}"
    except (OSError, IndexError, ValueError):
        return None


def _owner(handle: int) -> dict[str, Any]:
    """Who says to be in the folder; nobody in a new file, or in one that a kill cut short."""
    try:
        said = json.loads(os.pread(handle, 1000, 0))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _occupied(path: Path, owner: dict[str, Any], deletable: bool) -> str:
    who = f"process {owner['process']} on {owner.get('host')}" if "process" in owner else "another process"
    ending = f", or delete {path.name} in it if that process is no more" if deletable else " or stop it"
    return f"{path.parent} is in use by {who}: wait until it has ended{ending}."
