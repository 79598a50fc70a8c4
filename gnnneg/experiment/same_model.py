"""Whether the model in a run folder is the one that its config says: a folder may be put together from two runs."""

from collections.abc import Iterator
from typing import Any


def described(model: Any, whole: Any) -> bool:
    """Whether a config has a model of these classes and numbers in some place.

    Args:
        model (dict): The config of the model itself, with what it needs to be made.
        whole (dict): The config of a run, with all defaults written out.
    """
    return any(_agree(model, part) for part in _parts(whole))


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """All that have a class, at any depth."""
    if isinstance(tree, dict):
        if "class_path" in tree:
            yield tree
        for inner in tree.values():
            yield from _parts(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _parts(inner)


def _agree(one: Any, other: Any) -> bool:
    """Whether two configs of a part name the same classes, and have the same numbers where both have one."""
    if isinstance(one, dict) and isinstance(other, dict):
        if _last(one.get("class_path")) != _last(other.get("class_path")):
            return False
        both = {*one} & {*other} - {"class_path"}
        return all(_agree(one[key], other[key]) for key in both)
    for part, short in ((one, other), (other, one)):
        if isinstance(part, dict) and isinstance(short, str):  # a class that is given nothing
            return _last(part.get("class_path")) == _last(short)
    if isinstance(one, bool | int | float) and isinstance(other, bool | int | float):
        return one == other
    return True


def _last(name: Any) -> str:
    return str(name).rpartition(".")[2]
