"""Files that are either the old one or the new one, never half of one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnnneg.errors import UserError

TEMPORARY = ".tmp"


class Unwritable(UserError):
    """A file could not be written: the disk is full, or the folder is somebody else's."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, to be written by the block, then flushed to the disk and renamed to ``path``.

    The name has the process in it, so that two who write one file do not meet: the last one wins. If the block, the
    flush or the rename fails, the temporary file is removed and what was at ``path`` stays. A kill in between leaves
    the temporary file behind, which nothing reads and :func:`sweep` removes.

    Raises:
        Unwritable: If the disk is full or cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(3)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # what the user's umask gives; some writers take it away
        yield temporary
        temporary.chmod(mode)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise Unwritable(
            f"{path} could not be written ({error.strerror or error}); what was saved before is whole: "
            "make room or mend the folder, and give the command again."
        ) from error
    except BaseException:
        _remove(temporary)
        raise
    _sync(path.parent)


def sweep(folder: Path, name: str = "*") -> None:
    """Removes what a killed writer of the files called ``name`` left behind."""
    for temporary in folder.glob(name + TEMPORARY):
        _remove(temporary)


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # it was never made, or the disk can only be read
        temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Makes the rename itself survive a power cut, where the system lets a folder be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(handle)
    except OSError:  # some network file systems
        pass
    finally:
        os.close(handle)
