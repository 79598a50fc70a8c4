"""One process at a time in a run folder."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gnnneg.errors import UserError
from gnnneg.training.atomic import Unwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "in-use.lock"


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keeps every other process out of a run folder for the block; says whether the one before died in it.

    The file ``in-use.lock`` is made and locked by the system, which forgets the lock when its process dies, by
    ``kill -9`` too. So what a dead process of this machine left behind is taken over. Of a process on another machine
    nobody here can tell, so that its file has to be deleted by hand.

    Raises:
        UserError: If another process is in it, or was on another machine.
        Unwritable: If the folder cannot be written.
    """
    path = folder / LOCK
    handle, before = _taken(path)
    try:
        yield before
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _taken(path: Path) -> tuple[int, bool]:
    """A handle of the locked file, and whether somebody had left it there."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise Unwritable(f"{path} could not be written ({error.strerror}): mend the folder.") from error
        try:
            free = _locked(handle)
            if os.fstat(handle).st_nlink == 0:  # the one before has just gone, and its file with it
                os.close(handle)
                continue
            owner = _owner(handle)
            if not free or (owner and owner.get("host") != socket.gethostname()):
                raise UserError(_occupied(path, owner, free))
            content = json.dumps({"host": socket.gethostname(), "process": os.getpid()}).encode()
            os.pwrite(handle, content, 0)  # over the old one, so that a kill in between does not empty it
            os.ftruncate(handle, len(content))
            return handle, bool(owner)
        except BaseException:
            with suppress(OSError):
                os.close(handle)
            raise


def _locked(handle: int) -> bool:
    """Whether the system gave us the lock; where it has none, whether the process that is named in it is no more."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:  # some network file systems
            pass
    owner = _owner(handle)
    return not owner or (fcntl is not None and not _alive(owner.get("process")))


def _alive(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, TypeError, ValueError, OverflowError):
        return True
    return True


def _owner(handle: int) -> dict[str, Any]:
    """Who says to be in the folder; nobody in a new file, or in one that a kill cut short."""
    try:
        said = json.loads(os.pread(handle, 1000, 0))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _occupied(path: Path, owner: dict[str, Any], free: bool) -> str:
    who = f"process {owner['process']} on {owner.get('host')}" if "process" in owner else "another process"
    ending = f", or delete {path.name} in it if that process is no more" if free else " or stop it"
    return f"{path.parent} is in use by {who}: wait until it has ended{ending}."
