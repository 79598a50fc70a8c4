"""Whether a plain value is of an annotation's type. No name in the value is ever looked up or imported."""

import collections.abc
import enum
import inspect
import pathlib
import types
import typing
from typing import Any

UNIONS = (typing.Union, types.UnionType)
WORDS = {"true": True, "false": False}


class NoFitError(ValueError):
    """A value is not of the required type."""


def fitted(annotation: Any, value: Any) -> Any:
    """A plain value in the type of ``annotation``: ``"3"`` becomes 3, and a list a tuple, if that is the type.

    Functions, classes and tensors cannot be written in a config, so nothing fits such an annotation.

    Raises:
        NoFitError: If it is of another type.
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value
    if origin is typing.Annotated:
        return fitted(inner[0], value)
    if origin in UNIONS:
        return _one_of(inner, value)
    if origin is typing.Literal:
        for option in inner:
            if type(option) is type(value) and option == value:
                return option
        raise NoFitError
    kind = origin or annotation
    if kind is types.NoneType or kind is None:
        if value is None:
            return None
        raise NoFitError
    if not inspect.isclass(kind):
        raise NoFitError
    if kind in (bool, int, float, str):
        return _scalar(kind, value)
    if issubclass(kind, enum.Enum):
        return _member(kind, value)
    if issubclass(kind, pathlib.PurePath) and isinstance(value, str):
        return kind(value)
    if issubclass(kind, tuple):
        return _tuple(inner, value)
    if issubclass(kind, collections.abc.Mapping):
        return _mapping(inner, value)
    # str is iterable, too, but is never meant as a list of its letters
    if issubclass(kind, collections.abc.Iterable) and (origin or kind in (list, set, frozenset)):
        return _list(kind, inner, value)
    if kind is object:
        return value
    raise NoFitError


def _one_of(options: tuple[Any, ...], value: Any) -> Any:
    """Unchanged if one option has its very type, otherwise in the type of the first option that fits."""
    found = []
    for option in options:
        try:
            found.append(fitted(option, value))
        except NoFitError:
            continue
    if not found:
        raise NoFitError
    return next((one for one in found if type(one) is type(value)), found[0])


def _scalar(kind: type, value: Any) -> Any:
    if kind is str:
        if isinstance(value, str):
            return value
        raise NoFitError
    if kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in WORDS:
            return WORDS[value.lower()]
        raise NoFitError
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NoFitError
    try:
        if kind is int:
            if isinstance(value, float):
                raise NoFitError
            return int(value)
        return float(value)
    except (ValueError, OverflowError):
        raise NoFitError from None


def _member(kind: type[enum.Enum], value: Any) -> Any:
    for member in kind:
        if value in (member.name, member.value):
            return member
    raise NoFitError


def _items(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    raise NoFitError


def _tuple(inner: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _items(value)
    if not inner:
        return tuple(items)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(fitted(inner[0], item) for item in items)
    if len(inner) != len(items):
        raise NoFitError
    return tuple(fitted(one, item) for one, item in zip(inner, items))


def _mapping(inner: tuple[Any, ...], value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise NoFitError
    of, to = inner if len(inner) == 2 else (Any, Any)
    return {fitted(of, key): fitted(to, item) for key, item in value.items()}


def _list(kind: type, inner: tuple[Any, ...], value: Any) -> Any:
    items = [fitted(inner[0] if inner else Any, item) for item in _items(value)]
    return kind(items) if kind in (set, frozenset) else items
