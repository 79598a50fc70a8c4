"""Turns errors of SQLite into messages that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gnnneg.errors import UserError

# keyed by the beginning of the name of SQLite's error
SENTENCES = {
    "SQLITE_NOTADB": "{path} is no record of verdicts: name another file.",
    "SQLITE_CORRUPT": "{path} is damaged: put a whole copy in its place, or name another file.",
    "SQLITE_READONLY": "{path} can only be read, so nothing was recorded: give a file that can be written, in such a "
    "folder.",
    "SQLITE_CANTOPEN": "{path} cannot be opened: give a file, in a folder that can be written.",
    "SQLITE_FULL": "The disk of {path} is full, so nothing was recorded: make room, and judge again.",
    "SQLITE_IOERR": "{path} could not be read or written ({error}), so nothing was recorded: mend the disk, and judge "
    "again.",
    "SQLITE_BUSY": "{path} is held by another program, so nothing was recorded: end that, and judge again.",
    "SQLITE_PERM": "{path} is somebody else's: give a file that can be written.",
    "SQLITE_TOOBIG": "A text is too long for {path}, so nothing was recorded: shorten it.",
    "SQLITE_ERROR": "{path} is no whole record of verdicts ({error}): put a whole copy in its place, or name another "
    "file.",
}


@contextmanager
def sentence(path: Path) -> Iterator[None]:
    """Turns an error of SQLite, or of the folder of its file, into one sentence.

    Raises:
        UserError: Instead of the error that the block raises.
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        found = next((text for begin, text in SENTENCES.items() if name.startswith(begin)), None)
        if found is None:
            raise
        raise UserError(found.format(path=path, error=error)) from error
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror or error}): give another file.") from error
