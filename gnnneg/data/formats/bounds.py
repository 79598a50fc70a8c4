"""Refuses documents that would crash a parser: too deeply nested, or with entities that expand beyond a limit.

The parsers of ontologies and RDF are compiled code. If they run out of stack or memory, the whole process ends without
a message. So documents are checked first.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers import expat

from gnnneg.errors import UserError

DEEPEST = 1000  # levels; the parsers crash somewhere between five and twenty thousand
LONGEST = 64 << 20  # characters that one XML entity may expand to; all entities together may expand to 16 times as many

DECLARED = re.compile(r"\A(\s*<\?xml\b[^>]*?)\s+encoding\s*=\s*(?:\"[^\">]*\"|'[^'>]*')")
ENTITY = re.compile(r"<!ENTITY\s+([\w:.-]+)\s+(?:\"([^\"]*)\"|'([^']*)')")
REFERENCE = re.compile(r"&([\w:.-]+);")
STRING = r"\"[^\"\\]*(?:\\.[^\"\\]*)*\""
# patterns that open and close a level; strings, IRIs and comments are skipped
FUNCTIONAL = re.compile(rf"{STRING}|<[^<>]*>|#[^\n]*|(?P<open>\()|(?P<close>\))", re.DOTALL)
JSON = re.compile(rf"{STRING}|(?P<open>[\[{{])|(?P<close>[\]}}])", re.DOTALL)
TRIPLES = re.compile(rf"{STRING}|(?P<open><<)|(?P<close>>>)", re.DOTALL)


def one_line(said: object, longest: int = 200) -> str:
    """A parser's message as part of a sentence: on one line, without unprintable characters, and shortened if long."""
    text = "".join(c if c.isprintable() else " " for c in str(said)[: 4 * longest])
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


@contextmanager
def caught(path: Path) -> Iterator[None]:
    """Turns a panic of a compiled parser, which is not an ordinary Python exception, into a readable error.

    Raises:
        UserError: If the parser panics.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UserError(f"{path} cannot be read: its parser gave up ({one_line(error)}).") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Hides what a compiled parser prints to the terminal when it panics."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no terminal
        yield
        return
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def shallow(path: Path, content: str, levels: re.Pattern[str]) -> None:
    """Checks how deeply a text is nested.

    Raises:
        UserError: If it is nested deeper than :data:`DEEPEST`.
    """
    depth = 0
    for token in levels.finditer(content):
        if token.lastgroup == "open":
            depth += 1
            if depth > DEEPEST:
                _too_deep(path, content.count("\n", 0, token.start()) + 1)
        elif token.lastgroup == "close":
            depth -= 1


def sound_xml(path: Path, content: str) -> str:
    """Checks an XML document and returns it without its encoding declaration, because the text is already decoded.

    Raises:
        UserError: If it is not well-formed, nested deeper than :data:`DEEPEST`, or an entity expands beyond
            :data:`LONGEST`.
    """
    content = DECLARED.sub(r"\1", content, count=1)
    _entities(path, content)
    parser = expat.ParserCreate()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            _too_deep(path, parser.CurrentLineNumber)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise UserError(f"{path}:{error.lineno}: not well-formed XML ({what}).") from None
    return content


def _entities(path: Path, content: str) -> None:
    """Computes the expanded length of the entities without expanding them."""
    values = {match[1]: match[2] or match[3] or "" for match in ENTITY.finditer(content)}
    sizes: dict[str, int] = {}
    for _ in range(min(len(values), 64)):  # each round resolves one more level; 64 levels of doubling are enough
        new = {}
        for name, value in values.items():
            inner = Counter(match[1] for match in REFERENCE.finditer(value))
            new[name] = len(value) + sum(sizes.get(other, 0) * number for other, number in inner.items())
        if new == sizes or max(new.values()) > LONGEST:
            sizes = new
            break
        sizes = new
    if not sizes:
        return
    used = Counter(match[1] for match in REFERENCE.finditer(content))
    if (
        max(sizes.values()) > LONGEST
        or sum(sizes.get(name, 0) * number for name, number in used.items()) > 16 * LONGEST
    ):
        raise UserError(
            f"{path}: its XML entities expand to more than {LONGEST >> 20} MiB: write the text out instead."
        )


def _too_deep(path: Path, line: int) -> None:
    raise UserError(f"{path}:{line}: nested deeper than {DEEPEST:,} levels: no real ontology or RDF file is.")
