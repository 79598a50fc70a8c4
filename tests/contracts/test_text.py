"""Text is UTF-8 on every machine: nothing is read or written in the encoding of the locale."""

import ast
from pathlib import Path

import pytest

import gnnneg

ROOT = Path(gnnneg.__file__).parent
MACHINE = {"experiment/environment.py"}  # reads what the system writes, in ASCII


def in_the_locale(tree: ast.AST) -> list[int]:
    """Lines that open text without saying how it is encoded."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = (
            node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        )
        inside = [part for value in (*node.args, *(w.value for w in node.keywords)) for part in ast.walk(value)]
        modes = [part.value for part in inside if isinstance(part, ast.Constant)]
        text = not any(isinstance(mode, str) and "b" in mode for mode in modes)
        method = isinstance(node.func, ast.Attribute) and name in ("read_text", "write_text")
        if method or (name in ("open", "fdopen") and owner not in OTHERS and text):
            found.append(node.lineno)
    return found


OTHERS = {"os", "gzip", "bz2", "lzma", "archive", "zipfile", "webbrowser", "Image"}  # of bytes, or of no file


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_says_its_encoding(file: Path) -> None:
    if file.relative_to(ROOT).as_posix() not in MACHINE:
        assert in_the_locale(ast.parse(file.read_text(encoding="utf-8"))) == []


def test_what_is_looked_for() -> None:
    wrong = "p.read_text()\np.write_text(x)\nopen(p)\nopen(p, 'w')\np.open()\np.open('a')\np.open(mode='r')\n"
    assert in_the_locale(ast.parse(wrong)) == [1, 2, 3, 4, 5, 6, 7]
    right = (
        "p.read_text(encoding='utf-8')\nopen(p, 'rb')\np.open('wb')\nos.open(p, 0)\nopen(p, 'w', encoding='utf-8')\n"
    )
    assert in_the_locale(ast.parse(right)) == []
