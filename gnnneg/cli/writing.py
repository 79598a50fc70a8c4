"""Files that a command writes where its user says."""

from collections.abc import Callable
from pathlib import Path


def write(path: Path, make: Callable[[Path], object]) -> None:
    """A whole file or the old one; what is no file, such as a pipe, is written as it is.

    Args:
        path (pathlib.Path): Where to.
        make (callable): Writes it to the path that it is given.

    Raises:
        Unwritable: If the disk is full or cannot be written.
    """
    from gnnneg.training.atomic import replacing

    if path.exists() and not path.is_file():
        make(path)
        return
    with replacing(path) as temporary:
        make(temporary)


def write_text(path: Path, text: str) -> None:
    """The same of a text, in UTF-8."""
    write(path, lambda place: place.write_bytes(text.encode("utf-8", "surrogatepass")))
