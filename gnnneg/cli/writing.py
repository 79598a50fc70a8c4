"""Files that a command writes to a path from the user."""

from collections.abc import Callable
from pathlib import Path


def write(path: Path, make: Callable[[Path], object]) -> None:
    """Writes a file completely, or leaves the old one. A pipe or a device is written directly.

    Args:
        path (pathlib.Path): The path.
        make (callable): Writes the content to the path that it gets.

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
    """The same for a text, in UTF-8."""
    write(path, lambda place: place.write_bytes(text.encode("utf-8", "surrogatepass")))
