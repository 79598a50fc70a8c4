"""``metrics.jsonl``: the log of training, one JSON object a line, which is never rewritten during training."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from torch import nn

from gnnneg.errors import UserError
from gnnneg.interfaces import Part
from gnnneg.plain import finite
from gnnneg.training.atomic import replacing


class Log:
    """The records of a run, in memory and, given a path, in a file.

    Args:
        path (pathlib.Path, optional): Where the file is. (default: :obj:`None`, memory alone)
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self.records: list[dict[str, Any]] = []

    def write(self, record: dict[str, Any]) -> None:
        """Appends one line. Numbers that are not finite become ``null``, because JSON has no such numbers."""
        record = finite(record)
        self.records.append(record)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def sync(self) -> None:
        """Flushes the file to the disk, so that a checkpoint never counts lines that a power cut could remove."""
        if self.path is not None and self.path.exists():
            with self.path.open("a", encoding="utf-8") as file:
                os.fsync(file.fileno())

    def rewind(self, lines: int) -> None:
        """Goes back to the first ``lines`` lines of the file. Those after the checkpoint will be written again.

        Warns if there are fewer.

        Raises:
            UserError: If one of them is damaged.
        """
        self.records = []
        if self.path is None:
            return
        content = self.path.read_bytes() if self.path.exists() else b""
        *whole, _ = content.split(b"\n")  # behind the last break is what a kill cut short
        for number, line in enumerate(whole[:lines], 1):
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("it is no JSON object")
            except (ValueError, RecursionError) as error:  # no JSON, no text, or too many levels
                raise UserError(
                    f"{self.path} is damaged in line {number} ({error}): mend the line, or delete the file to go on "
                    "without its history."
                ) from error
            self.records.append(record)
        if len(self.records) < lines:
            warnings.warn(
                f"{self.path} has {len(self.records)} lines of the {lines} that were written: the history goes on, and "
                "the others are lost.",
                stacklevel=2,
            )
        if content or self.path.is_symlink():  # a link may lead to a file of somebody else's: it is replaced
            with replacing(self.path) as temporary:
                temporary.write_bytes(b"".join(line + b"\n" for line in whole[:lines]))


def told(task: nn.Module) -> dict[str, float]:
    """The values of every part that reports some, such as a discriminator's: ``{"generators.0.rank": 6.3}``."""
    found = {}
    for path, part in task.named_modules():
        if isinstance(part, Part):
            found.update({f"{path}.{name}" if path else name: float(value) for name, value in part.monitored().items()})
    return found
