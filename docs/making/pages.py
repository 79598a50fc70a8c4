"""Generated pages: written where they changed, removed where nothing makes them any more."""

from collections.abc import Iterable, Sequence
from pathlib import Path

MADE = "generated"  # the folder of all pages that no person wrote, below docs/


class Pages:
    """The generated pages of one build.

    Args:
        source (Path): The folder of the pages that people write.
    """

    def __init__(self, source: Path):
        self.source = source
        self.written: dict[Path, str] = {}

    def add(self, name: str, text: str) -> None:
        """A page by its path below ``generated/``. One that says the same as before keeps its time, for Sphinx."""
        path = self.source / MADE / name
        assert path not in self.written, f"two pages are called {name}"
        self.written[path] = text
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    def clear(self) -> None:
        """Removes the pages of earlier builds."""
        for path in (self.source / MADE).rglob("*.*"):
            if path not in self.written:
                path.unlink()


def heading(text: str, sign: str = "=") -> str:
    """A heading of reStructuredText."""
    return f"{text}\n{sign * len(text)}\n\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], widths: str = "auto", kind: str = "") -> str:
    """A table of reStructuredText, whose cells may hold paragraphs and roles."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}"]
    lines += [f"   :class: {kind}"] if kind else []
    lines.append("")
    for row in [header, *rows]:
        for place, cell in enumerate(row):
            first, *rest = cell.splitlines() or [""]
            lines.append(f"   {'* -' if place == 0 else '  -'} {first}".rstrip())
            lines += [f"       {line}".rstrip() for line in rest]
    return "\n".join(lines) + "\n\n"


def contents(names: Iterable[str], depth: int = 1, hidden: bool = True) -> str:
    """A table of contents."""
    options = ["   :hidden:"] if hidden else []
    return (
        "\n".join([".. toctree::", f"   :maxdepth: {depth}", *options, "", *(f"   {name}" for name in names)]) + "\n\n"
    )
