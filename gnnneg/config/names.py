"""Short names of classes: what may stand where an annotation asks for a family, without a registry."""

import importlib
import inspect
import os
import sys
from collections.abc import Iterator

from gnnneg.errors import UserError, nearest


def members(family: type) -> dict[str, type]:
    """The finished classes below ``family`` that have been imported, by name; none below a finished class."""
    found: dict[str, type] = {}
    for cls in _below(family):
        if cls.__name__.startswith("_") or inspect.isabstract(cls) or "<locals>" in cls.__qualname__:
            continue
        if cls.__name__ not in found or _trusted(cls):
            found[cls.__name__] = cls
    return found


def _below(cls: type) -> Iterator[type]:
    children: list[type] = cls.__subclasses__()
    for child in children:
        yield child
        yield from _below(child)


def _trusted(cls: type) -> bool:
    return cls.__module__.split(".")[0] in ("gnnneg", "torch")


def find(family: type, name: object, key: str) -> type:
    """The class of ``family`` that is called ``name``, or that the dotted path ``name`` leads to.

    A user's own class lies beside the config: dotted paths are also looked up from the working directory.

    Raises:
        UserError: If there is none.
    """
    known = members(family)
    if not known and not inspect.isabstract(family):
        known = {family.__name__: family}
    if not isinstance(name, str):
        raise UserError(f"{key}: class_path should be the name of a class, not {name!r}.")
    if name in known:
        return known[name]
    module, _, last = name.rpartition(".")
    if not module:
        raise UserError(f"{key}: there is no {family.__name__} called {name!r}; {nearest(name, known)}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        cls = getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{key}: cannot import {name!r}: {error}.") from error
    if not (inspect.isclass(cls) and issubclass(cls, family)) or inspect.isabstract(cls):
        raise UserError(f"{key}: {name} is not a {family.__name__}; {nearest(last, known)}")
    return cls


def path(cls: type) -> str:
    """The name by which :func:`find` finds ``cls`` again, also in another process."""
    return cls.__name__ if _trusted(cls) else f"{cls.__module__}.{cls.__qualname__}"
