"""The public names of gnnneg, and the room that each belongs to."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import gnnneg

INNER = {"cli", "config"}  # the command line has pages of its own; configs are read by what is public elsewhere


@dataclass(frozen=True)
class Name:
    """A public name.

    Args:
        name (str): As it is written.
        path (str): The module that offers it: ``gnnneg``, or one of its rooms.
        room (str): The room that it belongs to.
        thing: What it names.
    """

    name: str
    path: str
    room: str
    thing: object

    @property
    def full(self) -> str:
        """As it is imported."""
        return f"{self.path}.{self.name}"

    @property
    def page(self) -> str:
        """The file of its page, without suffix. ``Study`` and ``study`` are one file on some disks: two are made."""
        return self.name if inspect.isclass(self.thing) else f"{self.name}-"


def rooms() -> Iterator[str]:
    """The packages that say what they offer."""
    for module in pkgutil.iter_modules(gnnneg.__path__):
        if module.ispkg and module.name not in INNER and hasattr(room(module.name), "__all__"):
            yield module.name


def room(name: str) -> object:
    """A room by its name."""
    return importlib.import_module(f"gnnneg.{name}")


@cache
def public() -> tuple[Name, ...]:
    """All public names, those of ``gnnneg`` itself first, each once."""
    found = [Name(name, "gnnneg", _home(name), getattr(gnnneg, name)) for name in gnnneg.__all__]
    seen = {id(one.thing) for one in found}
    for here in rooms():
        for name in room(here).__all__:  # type: ignore[attr-defined]
            thing = getattr(room(here), name)
            if not name.startswith("_") and id(thing) not in seen:
                found.append(Name(name, f"gnnneg.{here}", here, thing))
                seen.add(id(thing))
    return tuple(found)


def _home(name: str) -> str:
    """The room of a name that ``gnnneg`` offers."""
    module = inspect.getmodule(getattr(gnnneg, name))
    assert module is not None, name
    return module.__name__.split(".")[1]
