"""The best weights so far: on the disk if there is a run folder, otherwise in memory."""

import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gnnneg import distributed
from gnnneg.run_files import MODEL, WEIGHTS
from gnnneg.training.atomic import replacing
from gnnneg.training.weights import load_model, save_model, snapshot

HELD = ".best"  # ends the files that checkpoints hold their best weights in
PIECE = 1 << 24  # bytes read at once


class Best:
    """The best weights of a model.

    With a run folder they are in ``model/``. A checkpoint keeps the checksum of that file and, beside itself, a second
    name for it (a hard link, which takes no space). A run may be killed after ``model/`` got better weights and before
    the next checkpoint. It then resumes with the weights of its last checkpoint.

    Args:
        model (torch.nn.Module): The model.
        folder (pathlib.Path, optional): The run folder. (default: :obj:`None`, memory)
    """

    def __init__(self, model: nn.Module, folder: Path | None = None):
        self.model, self.home = model, None if folder is None else folder / MODEL
        self.mark: int | None = None
        self._copy: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        """Whether any were kept."""
        return self.mark is not None or self._copy is not None

    def keep(self, weights: Mapping[str, Any] | None = None) -> None:
        """Keeps the model's current weights, or the ``weights`` of an older checkpoint."""
        if self.home is None:
            self._copy = snapshot(self.model)
            return
        path = save_model(self.home, self.model if weights is None else weights, distributed.tables(self.model))
        self.mark = distributed.agreed(checksum(path) if distributed.rank() == 0 else 0)

    def restore(self) -> None:
        """Puts them into the model."""
        if self.home is not None:
            load_model(self.home, self.model)
        elif self._copy is not None:
            self.model.load_state_dict(self._copy)

    def hold(self, checkpoint: Path) -> None:
        """Gives the file a second name beside the checkpoint that is written next."""
        if self.home is None or self.mark is None or distributed.rank():
            return
        held = checkpoint.with_suffix(HELD)
        held.parent.mkdir(parents=True, exist_ok=True)
        held.unlink(missing_ok=True)
        _second(self.home / WEIGHTS, held)

    def back(self, checkpoint: Path, mark: int | None) -> None:
        """Restores the file as it was at the complete checkpoint that training resumes from."""
        self.mark = mark
        if self.home is None or mark is None or distributed.rank():
            return
        found = where(checkpoint, mark, self.home / WEIGHTS)
        if found != self.home / WEIGHTS:
            with replacing(self.home / WEIGHTS) as temporary:
                temporary.unlink()
                _second(found, temporary)


def where(checkpoint: Path, mark: int, weights: Path | None = None) -> Path:
    """The file with the best weights of a checkpoint.

    Raises:
        OSError: If there is none with that checksum.
    """
    weights = checkpoint.parent.parent / MODEL / WEIGHTS if weights is None else weights
    for path in (weights, checkpoint.with_suffix(HELD)):
        if path.is_file() and checksum(path) == mark:
            return path
    raise OSError(f"the best weights of {checkpoint}, which are {checkpoint.with_suffix(HELD).name}, are damaged")


def checksum(path: Path) -> int:
    """The CRC-32 of a file, as in a zip archive. Cost: one pass, little memory."""
    found = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found


def _second(path: Path, other: Path) -> None:
    """A second name for a file or, on a disk without hard links, a copy."""
    try:
        os.link(path, other)
    except OSError:
        with replacing(other) as temporary:
            shutil.copyfile(path, temporary)
