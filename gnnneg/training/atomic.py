"""Files that are either the old one or the new one, never half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gnnneg.errors import UserError

TEMPORARY = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``, to be written by the block, then flushed to the disk and renamed to ``path``.

    If the block, the flush or the rename fails, the temporary file is removed and what was at ``path`` stays. A kill in
    between leaves the temporary file behind, which nothing reads and :func:`sweep` removes.

    Raises:
        UserError: If the disk is full or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        temporary.unlink(missing_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # what the user's umask gives; some writers take it away
        yield temporary
        temporary.chmod(mode)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"{path} could not be written ({error.strerror or error}); what was saved before is whole: "
            "make room or mend the folder, and go on from there."
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def sweep(folder: Path) -> None:
    """Removes what a killed writer left behind."""
    for temporary in folder.glob("*" + TEMPORARY):
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
