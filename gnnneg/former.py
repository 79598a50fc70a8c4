"""Names of earlier versions: they work for one version more, and a warning says the new name.

A class lists its own former names in ``former``, and those of its options in ``renamed``, old to new.
"""

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from gnnneg.errors import UserError

Class = TypeVar("Class", bound=type)
INSIDE = ("gnnneg", "jaxtyping", "beartype")  # the latter two call our functions where tests check their types


class FormerName(DeprecationWarning):
    """A name of an earlier version was used."""


def warn(old: str, new: str, where: str = "") -> None:
    """Warns the line outside this package that used the old name; ``where`` begins the sentence."""
    words = f"{old!r} is now called {new!r}: use the new name, since the next version does not know the old one."
    level = 1
    while sys._getframe(level).f_globals["__name__"].partition(".")[0] in INSIDE:
        level += 1
    warnings.warn(f"{where}: {words}" if where else words, FormerName, stacklevel=level + 1)


def current(given: Mapping[str, Any], renamed: Mapping[str, str], where: str) -> dict[str, Any]:
    """Options by the names that they have now, with a warning for each former one.

    Raises:
        UserError: If an option is given by both names.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        new = renamed.get(name, name)
        if new in found or (new != name and new in given):
            old = next(old for old in renamed if renamed[old] == new and old in given)
            raise UserError(f"{where}: {new!r} was once called {old!r}, and both are given: leave {old!r} out.")
        if new != name:
            warn(name, new, where)
        found[new] = value
    return found


def takes_former_options(cls: Class) -> Class:
    """Has the constructor take the options that ``cls.renamed`` lists by their old names too.

    An old name that the constructor takes as an option of its own is that option.
    """
    listed: list[dict[str, str]] = [vars(base).get("renamed", {}) for base in reversed(cls.__mro__)]
    if not any(listed) or not {"renamed", "__init__"} & vars(cls).keys():
        return cls
    first = cls.__init__  # type: ignore[misc]
    own = inspect.signature(first).parameters
    renamed = {old: new for some in listed for old, new in some.items() if old not in own}

    @functools.wraps(first)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        first(self, *args, **(kwargs if renamed.keys().isdisjoint(kwargs) else current(kwargs, renamed, cls.__name__)))

    cls.renamed, cls.__init__ = renamed, init  # type: ignore[attr-defined, misc]
    return cls


def formerly(name: str, among: Iterable[object]) -> type | None:
    """The class that was once called ``name``, with a warning; None if there is none."""
    for thing in among:
        if isinstance(thing, type) and name in vars(thing).get("former", ()):
            warn(name, thing.__name__)
            return thing
    return None


def former_names(module: str) -> Callable[[str], object]:
    """The ``__getattr__`` of a module, which finds its classes by their former names.

    Raises:
        AttributeError: If none was called so.
    """

    def found(name: str) -> object:
        thing = formerly(name, list(vars(sys.modules[module]).values()))
        if thing is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return thing

    return found
