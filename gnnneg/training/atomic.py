"""Writes files atomically: a reader finds either the old file or the new one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnnneg.errors import UserError

TEMPORARY = ".tmp"


class Unwritable(UserError):
    """A file could not be written: the disk is full, or the folder is not writable."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``. The block writes it; then it is flushed to the disk and renamed to ``path``.

    The name contains the process id, so two processes can write the same file: the last one stays. If the block, the
    flush or the rename fails, the temporary file is removed and the old file stays. After a kill the temporary file
    remains. Nothing reads it, and :func:`sweep` removes it.

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
    """Removes the temporary files that a killed writer of ``name`` left."""
    for temporary in folder.glob(name + TEMPORARY):
        _remove(temporary)


def _remove(temporary: Path) -> None:
    with suppress(OSError):  # it was never made, or the disk can only be read
        temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Makes the rename itself survive a power cut, if the system allows to open a folder."""
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
