"""The parameters of a constructor, and whether a plain value is of their type."""

import collections.abc
import inspect
import sys
import types
import typing
from typing import Any

from torch import nn

from gnnneg.config.values import NoFitError, fitted
from gnnneg.errors import UserError, echo

MISSING = inspect.Parameter.empty
# classes of these modules are read as plain values, all others are built from arguments
PLAIN_MODULES = {"builtins", "collections", "datetime", "enum", "numpy", "pathlib", "types", "typing"}


def parameters(cls: type) -> dict[str, tuple[Any, Any]]:
    """The parameters of a constructor: annotation and default by name."""
    # some of torch's signatures name types that only type checkers import
    names = {**vars(collections.abc), **vars(typing), **vars(sys.modules[cls.__module__])}
    init: Any = inspect.getattr_static(cls, "__init__")
    try:
        hints = typing.get_type_hints(init, localns=names) if inspect.isfunction(init) else {}
    except NameError:  # of a name that nobody imports, in another library: its values are checked by its constructor
        hints = {}
    many = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {
        name: (hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in many
    }


def declares(cls: type, attribute: str) -> bool:
    """Whether a class or one of its bases declares an attribute of that name."""
    return any(attribute in vars(base).get("__annotations__", {}) for base in cls.__mro__)


def is_foreign(cls: type) -> bool:
    """Whether a class is from PyG. Its parameters have PyG's meaning, and get no facts."""
    return issubclass(cls, nn.Module) and cls.__module__.split(".")[0] == "torch_geometric"


def hands_on(cls: type) -> bool:
    """Whether a PyG network takes further arguments and passes them on to its layers."""
    kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}
    return is_foreign(cls) and inspect.Parameter.VAR_KEYWORD in kinds


def mirrored(cls: type) -> tuple[str, ...]:
    """The parameters of a constructor for which stated and denied are swapped."""
    return tuple(getattr(cls, "mirrored", ()))


def gone(cls: type) -> dict[str, str]:
    """The parameters that a constructor no longer has, and advice for a config that still has them."""
    return dict(getattr(cls, "gone", {}))


def renamed(cls: type) -> dict[str, str]:
    """The parameters of a constructor that had another name in earlier versions, old name to new."""
    return dict(getattr(cls, "renamed", {}))


def options(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the annotation alone."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def is_built(annotation: Any) -> bool:
    """Whether a value of this type is built from arguments, and is not a plain value."""
    if not inspect.isclass(annotation) or typing.get_origin(annotation) is not None:
        return False
    if annotation.__module__ in ("torch", "torch._C") or issubclass(annotation, str | int | float):
        return False  # tensors, devices and number types
    return annotation.__module__.split(".")[0] not in PLAIN_MODULES


def elements(annotation: Any) -> tuple[type, Any] | None:
    """``(list, item)`` or ``(dict, value)`` if the annotation is a collection of parts."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if not inspect.isclass(origin) or not inner:
        return None
    mapping = issubclass(origin, collections.abc.Mapping)
    if not any(is_built(option) for option in options(inner[-1] if mapping else inner[0])):
        return None
    if mapping:
        return dict, inner[-1]
    return (list, inner[0]) if issubclass(origin, collections.abc.Iterable) else None


def check(annotation: Any, value: Any, key: str) -> Any:
    """A plain value as ``annotation`` has it: ``"3"`` becomes 3 and a list a tuple.

    Raises:
        UserError: If it is of another type.
    """
    try:
        return fitted(annotation, value)
    except NoFitError:
        hint = ": put it in quotes" if annotation is str and isinstance(value, bool | int | float) else ""
        raise UserError(f"{key} should be {name(annotation)}, not {echo(value)}{hint}.") from None


def name(annotation: Any) -> str:
    """An annotation in words: ``float or null``."""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(repr(option) for option in typing.get_args(annotation))
    if len(options(annotation)) > 1:
        return " or ".join(name(option) for option in options(annotation))
    if annotation is type(None):
        return "null"
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if inspect.isclass(origin) and issubclass(origin, collections.abc.Iterable) and inner:
        if issubclass(origin, collections.abc.Mapping):
            return f"a mapping of {name(inner[0])} to {name(inner[-1])}"
        if issubclass(origin, tuple) and Ellipsis not in inner:
            return f"a list of {len(inner)}: {', '.join(name(one) for one in inner)}"
        return f"a list of {name(inner[0])}"
    plain = inspect.isclass(annotation) and not typing.get_args(annotation)
    return annotation.__name__ if plain else str(annotation)
