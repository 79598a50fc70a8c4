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


def refuse_source(out: str | None, *sources: str | None) -> None:
    """Refuses to write over a file that the command reads, under whatever name.

    Args:
        out (str, optional): The file to write.
        sources (str, optional): The files to read.

    Raises:
        UserError: If one is the same file.
    """
    from gnnneg.errors import UserError

    for source in filter(None, sources):
        if out and Path(out).is_file() and Path(source).is_file() and Path(out).samefile(source):
            raise UserError(f"--out {out} is the file {source} that is read here: write to another.")
