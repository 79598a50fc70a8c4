"""Files of records: one JSON object a line, appended by the run that produced it, and never rewritten."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnnneg.errors import UserError
from gnnneg.experiment.lines import append
from gnnneg.plain import finite
from gnnneg.training.atomic import Unwritable

FORMAT = 1
TRAINING, TUNING = "training", "tuning"
NEEDED = ("kind", "data", "model", "variant", "definition", "config", "config_hash", "fingerprint", "seconds")

Record = dict[str, Any]


def lacks(record: Record) -> list[str]:
    """The keys that the record of a training or a tuning must have, and this one has not."""
    seed = ["seed"] if record.get("kind") == TRAINING and "seed" not in record else []
    return [*(key for key in NEEDED if key not in record), *seed]


class Records:
    """A file of records.

    Args:
        path (pathlib.Path): The file. It is created with the first record.
        lacks (callable): Returns the keys that a record lacks. (default: those of a training or a tuning)
    """

    def __init__(self, path: Path, lacks: Callable[[Record], list[str]] = lacks):
        self.path, self.lacks = path, lacks
        self._read: tuple[tuple[int, int], list[Record]] | None = None
        self._told = False

    def append(self, record: Record) -> None:
        """Adds a record, which is on disk when the call returns. Numbers that are not finite become null.

        Raises:
            Unwritable: If the disk is full or cannot be written. What was written before is whole.
        """
        line = json.dumps(finite({"format": FORMAT, **record}), allow_nan=False, separators=(",", ":"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            cut = append(self.path, f"{line}\n")
        except OSError as error:
            raise Unwritable(
                f"{self.path} could not be written ({error.strerror or error}): make room, and give the command again."
            ) from error
        if cut:
            self._tell("was removed before the next was written")

    def read(self) -> list[Record]:
        """All complete records, in the order in which they were written.

        Warns about an incomplete last line: a kill cut it off, or another process is writing it.

        Raises:
            UserError: If a line is damaged.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return []
        mark = stat.st_mtime_ns, stat.st_size
        if self._read is not None and self._read[0] == mark:
            return self._read[1]
        *lines, rest = self.path.read_bytes().split(b"\n")
        if rest:
            self._tell("is left out, and what it was of must be recorded again")
        found = [self._parsed(line, number) for number, line in enumerate(lines, 1)]
        self._read = mark, found
        return found

    def _parsed(self, line: bytes, number: int) -> Record:
        try:
            found = json.loads(line)
            if not isinstance(found, dict):
                raise ValueError("it is no JSON object")
            if gone := self.lacks(found):
                raise ValueError(f"it lacks {', '.join(gone)}")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.path} is damaged in line {number} ({error}): fix or delete the line.") from error
        return found

    def _tell(self, what: str) -> None:
        if not self._told:
            self._told = True
            why = "a kill cut it short, or it is being written"
            warnings.warn(f"{self.path}: the last line is not whole ({why}): it {what}.", stacklevel=3)
