"""Appends lines to a file that several processes use. Each of them may be killed while it writes."""

import os
from pathlib import Path
from typing import BinaryIO

from gnnneg.experiment.lock import awaited

BLOCK = 4096


def append(path: Path, text: str, sync: bool = True) -> int:
    """Adds whole lines at the end of a file, one process at a time.

    An incomplete last line, without a line break, is from a killed process. It is removed first.

    Args:
        path (pathlib.Path): The file. It is created if it is missing.
        text (str): The lines, each with its line break.
        sync (bool): Whether to wait until they are on the disk. (default: :obj:`True`)

    Returns:
        int: The number of removed bytes of an incomplete line.
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
    """The end of the last complete line before ``end``."""
    while end > 0:
        begin = max(0, end - BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
