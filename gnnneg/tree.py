"""A config as it is written: reading and writing the YAML, and what the command line says over it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnneg.documents import dump, parse_yaml, read_yaml
from gnnneg.errors import UserError, echo, nearest

__all__ = ["Tree", "dump", "long_form", "override", "put", "read"]

Tree = dict[str, Any]
TUNE = "tune"  # the section that is for `gnnneg tune` alone; its keys have dots


def read(path: str | Path) -> Tree:
    """The mapping that a YAML file holds.

    Raises:
        UserError: If it is missing, empty, too large, not YAML (with the line), or not a mapping.
    """
    content = read_yaml(path, "config ")
    if content is None:
        raise UserError(f"{path} is empty: a config says at least data, task and optimizer.")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, but a config is a mapping with keys such as data.")
    other = [key for key in content if not isinstance(key, str)]
    if other:
        raise UserError(f"{path} has the key {echo(other[0])}, but keys of a config are words such as data.")
    return content


def long_form(tree: Tree) -> Tree:
    """A config whose ``evaluation``, if it is a bare list, is the mapping that this is short for."""
    bare = tree.get("evaluation")
    return {**tree, "evaluation": {"evaluators": bare}} if isinstance(bare, list) else tree


def override(tree: Tree, arguments: Sequence[str]) -> None:
    """Writes ``--fit.epochs 5 --optimizer.lr=0.1 --task.loss MarginRanking`` into ``tree``.

    A key is a path of parameter names (``init_args`` between them may be left out) and positions in lists. Naming
    another class drops the arguments of the one before.
    """
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise UserError(f"What is {echo(word)}? Settings of the config are written as --KEY VALUE.")
        key, given, value = word[2:].partition("=")
        if not given:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key} needs a value: --{key} VALUE.")
            value = rest.pop(0)
        if not value.strip():
            raise UserError(f"--{key} is empty: give a value, or null for none.")
        put(tree, key, parse_yaml(value, f"--{key}"), f"--{key}")


def put(tree: Tree, key: str, value: object, where: str) -> None:
    """Writes a piece of config at a dotted key of ``tree``; ``where`` it is asked for is told in errors.

    Raises:
        UserError: If there is no such place.
    """
    if key.startswith(f"{TUNE}."):
        _put_dotted(tree, key.removeprefix(f"{TUNE}."), value, where)
        return
    _put(tree, [step for step in key.split(".") if step != "init_args"], value, where)


def _put(tree: Tree, steps: Sequence[str], value: object, where: str) -> None:
    """The same at a path of steps."""
    node: Any = tree
    *path, last = steps
    for step in path:
        node = _arguments(node)
        here = _item(node, step, where)
        if not isinstance(here, dict | list):
            here = {} if here is None else {"class_path": here}
            node[_place(node, step, where)] = here
        node = here
    if last == "class_path" and isinstance(node, dict):
        if node.get("class_path") != value:
            node.pop("init_args", None)
        node["class_path"] = value
        return
    node = _arguments(node)
    here = _item(node, last, where)
    same = isinstance(here, dict) and "class_path" in here and here["class_path"] == value
    if not same:
        node[_place(node, last, where)] = value


def _put_dotted(tree: Tree, key: str, value: object, where: str) -> None:
    """The same in the section whose keys have dots: ``optimizer.lr`` there, or ``low`` of what stands at it."""
    section = tree.get(TUNE)
    section = tree[TUNE] = dict(section) if isinstance(section, dict) else {}
    names = [name for name in section if isinstance(name, str) and f"{key}.".startswith(f"{name}.")]
    name = max(names, key=len, default=key)
    if name == key:
        section[name] = value
        return
    there = {name: section[name]}
    _put(there, [name, *key.removeprefix(f"{name}.").split(".")], value, where)
    section[name] = there[name]


def no_key(here: str, name: str, known: Sequence[str]) -> str:
    """What to say of a key that is none, with those that ``here`` takes."""
    near = nearest(name, known) if known else ""
    near = near[0].upper() + near[1:] + " " if near.startswith("did") else ""
    return f"{here} has no {name!r}. {near}" + (f"Known: {', '.join(known)}." if known else "It takes none.")


def _arguments(node: Any) -> Any:
    """Where the arguments of a node stand: under ``init_args`` if it names a class."""
    if isinstance(node, dict) and "class_path" in node:
        if node.get("init_args") is None:
            node["init_args"] = {}
        return node["init_args"]
    return node


def _place(node: Any, step: str, where: str) -> Any:
    if isinstance(node, list):
        if not step.isdecimal() or int(step) >= len(node):
            raise UserError(f"{where}: {echo(step)} is no position in a list of {len(node)}.")
        return int(step)
    if not isinstance(node, dict):
        raise UserError(f"{where}: there is no {echo(step)} within {echo(node)}.")
    # keys of a mapping may be numbers, such as the steps of a schedule
    return int(step) if step.isdecimal() and int(step) in node else step


def _item(node: Any, step: str, where: str) -> Any:
    place = _place(node, step, where)
    return node[place] if isinstance(node, list) else node.get(place)
