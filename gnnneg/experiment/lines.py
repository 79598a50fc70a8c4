"""A file of lines that several processes add to, and any of them may be killed while it writes."""

import os
from pathlib import Path
from typing import BinaryIO

from gnnneg.experiment.lock import awaited

BLOCK = 4096


def append(path: Path, text: str, sync: bool = True) -> int:
    """Adds whole lines at the end of a file, one process at a time.

    A last line without its break was cut short by a kill. It is removed first.

    Args:
        path (pathlib.Path): The file, which is made if it is missing.
        text (str): The lines, each with its break.
        sync (bool): Whether they are on the disk when the call returns. (default: :obj:`True`)

    Returns:
        int: How many bytes of a cut line were removed.
    """
    with awaited(path.with_name(f"{path.name}.lock")), path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        whole = end_of_lines(file, end)
        if whole < end:
            file.truncate(whole)
        file.write(text.encode())
        file.flush()
        if sync:
            os.fsync(file.fileno())
        return end - whole


def end_of_lines(file: BinaryIO, end: int) -> int:
    """Where the last whole line before ``end`` ends."""
    while end > 0:
        begin = max(0, end - BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
