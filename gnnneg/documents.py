"""Small YAML and JSON files that somebody else may have written, read within bounds of size, depth and time."""

import json
import os
import re
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from gnnneg.errors import UserError, echo

SMALL = 1 << 18  # bytes of a YAML file
LARGE = 1 << 24  # bytes of a JSON file
NODES = 20_000  # keys and values of a YAML file, those that stand there by an anchor counted each time
BREAKS = set("\x85\u2028\u2029\ufeff")
DIGITS = 100  # of an integer
DEPTH = 100  # collections within each other


class _TooMuch(yaml.MarkedYAMLError):
    """It may be YAML, but is out of bounds."""


class _Loader(yaml.SafeLoader):
    """Plain values by the rules of YAML 1.2: ``on``, ``1:30`` and dates are words, ``1e-3`` and ``010`` are numbers.

    A key that is written twice is refused, and so is what would grow out of bounds.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEPTH:
            raise _TooMuch(None, None, f"it has more than {DEPTH} levels", self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _size(node, {}) > NODES:
            raise _TooMuch(None, None, f"it has more than {NODES:,} values, anchors written out", node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key is not a name", key.start_mark)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{echo(name)} is written twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def whole(self, node: yaml.ScalarNode) -> int:
        """An integer; one that begins with 0 is decimal."""
        text = str(self.construct_scalar(node)).replace("_", "")
        sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
        if len(digits) > DIGITS:
            raise _TooMuch(None, None, f"a number has {len(digits):,} digits", node.start_mark)
        base = {"0x": 16, "0o": 8}.get(digits[:2].lower(), 10)
        return sign * int(digits if base == 10 else digits[2:], base)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.whole)


class _Dumper(yaml.SafeDumper):
    """Quotes every word that some reader of YAML, of version 1.1 or 1.2, would take for something else."""

    def words(self, data: str) -> yaml.ScalarNode:
        """A string; signs that some readers take for the end of a line are escaped."""
        style = '"' if BREAKS & set(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.words)
for _first, _rules in _Loader.yaml_implicit_resolvers.items():
    for _tag, _rule in _rules:
        _Dumper.add_implicit_resolver(_tag, _rule, [_first])


def dump(content: Any) -> str:
    """Plain values as YAML, keys in the order they were given."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def read_text(path: str | Path, largest: int = SMALL, kind: str = "") -> str:
    """The text of a file in UTF-8, of at most so many bytes; ``kind`` stands before its name in errors.

    Raises:
        UserError: If it cannot be read, is no ordinary file (a folder, a device, a pipe), is larger, or is not text.
    """
    path = Path(path)
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        )  # a pipe that nobody writes to is not waited for
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read {kind}{path}: {getattr(error, 'strerror', None) or error}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"{path} is not an ordinary file: give the name of one.")
    with os.fdopen(handle, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise UserError(f"{path} is larger than {largest >> 10:,} KiB, and no such file of gnnneg's is.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file in UTF-8.") from None


def parse_yaml(text: str, where: str) -> Any:
    """What a piece of YAML says; ``where`` it stands is told in errors.

    Raises:
        UserError: If it is no YAML, or grows out of bounds.
    """
    try:
        return _unshared(yaml.load(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        kind = "" if isinstance(error, _TooMuch) else "this is not YAML: "
        raise UserError(f"{where}{line}: {kind}{error.problem}.") from None
    except RecursionError:
        raise UserError(f"{where}: it has too many levels.") from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{where}: this is not YAML: {' '.join(str(error).split())}.") from None


def parse_json(text: str, where: str) -> Any:
    """What a piece of JSON says; ``where`` it stands is told in errors.

    Raises:
        UserError: If it is no JSON, or has too many levels.
    """

    def constant(word: str) -> float:
        raise ValueError(f"{word} is no number in JSON")

    try:
        return json.loads(text, parse_constant=constant)
    except RecursionError:
        raise UserError(f"{where}: it has too many levels.") from None
    except ValueError as error:
        raise UserError(f"{where}: {error}.") from None


def read_yaml(path: str | Path, kind: str = "") -> Any:
    """What a YAML file of at most 256 KiB says; ``kind`` stands before its name in errors."""
    return parse_yaml(read_text(path, SMALL, kind), str(path))


def read_json(path: str | Path) -> Any:
    """What a JSON file of at most 16 MiB says."""
    return parse_json(read_text(path, LARGE), str(path))


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node is with its anchors written out."""
    if id(node) in known:
        if known[id(node)] == 0:
            raise _TooMuch(None, None, "it holds itself", node.start_mark)
        return known[id(node)]
    known[id(node)] = 0  # not known yet
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known) + _size(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known) for item in node.value)
    known[id(node)] = size
    return size


def _unshared(value: Any) -> Any:
    """A copy in which what stood there by an anchor (``&name``, ``*name``) is each place's own."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value
