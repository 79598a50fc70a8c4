"""Reading and writing the YAML, and what the command line says over it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gnnneg.errors import UserError

Tree = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Safe, reads 1e-3 as a number (YAML 1.1 takes it for a word), and refuses a key that is written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, list | dict):
                raise yaml.constructor.ConstructorError(None, None, "a key is not a name", key.start_mark)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} is written twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read(path: str | Path) -> Tree:
    """The mapping that a YAML file holds.

    Raises:
        UserError: If it is missing, empty, not YAML (with the line), or not a mapping.
    """
    path = Path(path)
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file, so it cannot be a config.") from None
    except OSError as error:
        raise UserError(f"Cannot read config {path}: {error.strerror}.") from None
    content = parse(text, str(path))
    if content is None:
        raise UserError(f"{path} is empty: a config says at least data, task and optimizer.")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, but a config is a mapping with keys such as data.")
    return content


def parse(text: str, where: str) -> Any:
    """What a piece of YAML says; ``where`` it stands is told in errors."""
    try:
        return _unshared(yaml.load(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{where}{line}: this is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{where}: this is not YAML: {' '.join(str(error).split())}.") from None


def _unshared(value: Any) -> Any:
    """A copy in which what stood there by an anchor (``&name``, ``*name``) is each place's own."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def dump(tree: Tree) -> str:
    """The tree as YAML, keys in the order they were given."""
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120)


def override(tree: Tree, arguments: Sequence[str]) -> None:
    """Writes ``--fit.epochs 5 --optimizer.lr=0.1 --task.loss MarginRanking`` into ``tree``.

    A key is a path of parameter names (``init_args`` between them may be left out) and positions in lists. Naming
    another class drops the arguments of the one before.
    """
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise UserError(f"What is {word!r}? Settings of the config are written as --KEY VALUE.")
        key, given, value = word[2:].partition("=")
        if not given:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key} needs a value: --{key} VALUE.")
            value = rest.pop(0)
        _put(tree, key, parse(value, f"--{key}"))


def _put(tree: Tree, key: str, value: object) -> None:
    node: Any = tree
    *path, last = [step for step in key.split(".") if step != "init_args"]
    for step in path:
        node = _arguments(node)
        here = _item(node, step, key)
        if not isinstance(here, dict | list):
            here = {} if here is None else {"class_path": here}
            node[_place(node, step, key)] = here
        node = here
    if last == "class_path" and isinstance(node, dict):
        if node.get("class_path") != value:
            node.pop("init_args", None)
        node["class_path"] = value
        return
    node = _arguments(node)
    here = _item(node, last, key)
    same = isinstance(here, dict) and here.get("class_path") == value
    if not same:
        node[_place(node, last, key)] = value


def _arguments(node: Any) -> Any:
    """Where the arguments of a node stand: under ``init_args`` if it names a class."""
    if isinstance(node, dict) and "class_path" in node:
        if node.get("init_args") is None:
            node["init_args"] = {}
        return node["init_args"]
    return node


def _place(node: Any, step: str, key: str) -> Any:
    if isinstance(node, list):
        if not step.isdecimal() or int(step) >= len(node):
            raise UserError(f"--{key}: {step!r} is no position in a list of {len(node)}.")
        return int(step)
    if not isinstance(node, dict):
        raise UserError(f"--{key}: there is no {step!r} within {node!r}.")
    # keys of a mapping may be numbers, such as the steps of a schedule
    return int(step) if step.isdecimal() and int(step) in node else step


def _item(node: Any, step: str, key: str) -> Any:
    place = _place(node, step, key)
    return node[place] if isinstance(node, list) else node.get(place)
