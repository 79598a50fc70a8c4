"""Names of earlier versions: they work for one version more, and a warning says the new name.

A class lists its own former names in ``former``, and those of its options in ``renamed``, old to new: ``group.name`` is
an option of the dataclass that the option ``group`` is.
"""

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from gnnneg.errors import UserError

Class = TypeVar("Class", bound=type)
INSIDE = ("gnnneg", "abc", "jaxtyping", "beartype")  # the latter two call our functions where tests check their types


class FormerName(DeprecationWarning):
    """A name of an earlier version was used."""


def warn(old: str, new: str, where: str = "") -> None:
    """Warns the line outside this package that used the old name; ``where`` begins the sentence."""
    words = f"{old!r} is now called {new!r}: use the new name, since the next version does not know the old one."
    _say(f"{where}: {words}" if where else words)


def _say(words: str) -> None:
    level = 1
    while sys._getframe(level).f_globals["__name__"].partition(".")[0] in INSIDE:
        level += 1
    warnings.warn(words, FormerName, stacklevel=level + 1)


def current(given: Mapping[str, Any], renamed: Mapping[str, str], where: str) -> dict[str, Any]:
    """Options by the names that they have now, with a warning for each former one.

    Raises:
        UserError: If an option is given by both names.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        new = renamed.get(name, name)
        group, _, option = new.rpartition(".")
        if new in found or (new != name and (group or new) in given):
            old = next(old for old in renamed if renamed[old] == new and old in given)
            raise UserError(f"{where}: {new!r} was once called {old!r}, and both are given: leave {old!r} out.")
        if new != name:
            warn(name, new, where)
        if group:
            found[group] = {**found.get(group, {}), option: value}
        else:
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
    groups = {new.rpartition(".")[0] for new in renamed.values()}

    @functools.wraps(first)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not renamed.keys().isdisjoint(kwargs):
            found = current(kwargs, renamed, cls.__name__)
            moved = {name: replace(own[name].default, **found[name]) for name in groups & found.keys() - kwargs.keys()}
            kwargs = found | moved
            if type(self).__init__ is init and hasattr(self, "made_with"):
                object.__setattr__(self, "made_with", (args, kwargs))
        first(self, *args, **kwargs)

    cls.renamed, cls.__init__ = renamed, init  # type: ignore[attr-defined, misc]
    return cls


def takes_record(method: Callable[..., Any], record: type, where: str) -> Callable[..., Any]:
    """A method that takes a record, of one that takes the fields of it one by one, as in earlier versions."""
    if len(inspect.signature(method).parameters) < 3:  # itself and the record
        return method
    names = [field.name for field in fields(record)]
    _say(
        f"{where}.{method.__name__} should take one {record.__name__}, which has {', '.join(names)}: the next version "
        "hands over nothing else."
    )
    return functools.wraps(method)(lambda part, given: method(part, *(getattr(given, name) for name in names)))


class Former:
    """An attribute or a method by its former name, as in ``figures = Former("monitored")``."""

    old: str

    def __init__(self, new: str):
        self.new = new

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = name

    def __get__(self, thing: Any, cls: type) -> Any:
        if thing is None:
            return self
        warn(self.old, self.new, cls.__name__)
        return getattr(thing, self.new)

    def __set__(self, thing: Any, value: object) -> None:
        warn(self.old, self.new, type(thing).__name__)
        setattr(thing, self.new, value)


def takes_former_attributes(cls: type) -> None:
    """Has what a class defines by a former name of its bases stand for the new one."""
    for base in cls.__mro__[1:]:
        for old, thing in vars(base).items():
            if isinstance(thing, Former) and old in vars(cls):
                warn(old, thing.new, cls.__name__)
                setattr(cls, thing.new, vars(cls)[old])
                delattr(cls, old)


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
