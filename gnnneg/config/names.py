"""Short names of classes: the subclasses of an annotation's class, without a registry."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import gnnneg
from gnnneg.errors import UserError, echo, nearest
from gnnneg.former import formerly
from gnnneg.trust import VARIABLE, load

# where the classes of the large libraries are defined that a file may name
HARMLESS = (
    "torch.nn.modules.",
    "torch.optim.",
    *(f"torch_geometric.nn.{part}." for part in ("aggr", "attention", "conv", "dense", "encoding", "lr_scheduler")),
    *(f"torch_geometric.nn.{part}." for part in ("models", "norm", "pool")),
)

LIBRARIES = ("gnnneg", "torch", "torch_geometric")


def members(family: type) -> dict[str, type]:
    """The finished subclasses of ``family`` that have been imported, by name. A finished class has no subclasses."""
    found: dict[str, type] = {}
    for cls in _below(family):
        if cls.__name__.startswith("_") or inspect.isabstract(cls) or "<locals>" in cls.__qualname__:
            continue
        if not _harmless(cls):
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


def _harmless(cls: type) -> bool:
    """Whether a file may name a class. Of torch and PyG, these are classes that compute, and do not read files."""
    module = f"{cls.__module__}."
    return module.split(".")[0] not in ("torch", "torch_geometric") or module.startswith(HARMLESS)


def find(family: type, name: object, key: str) -> type:
    """The class of ``family`` with this name or dotted path.

    A dotted path leads through loaded modules. Only modules that the user has allowed (:mod:`gnnneg.trust`) are
    imported for it. These may also lie in the working directory.

    Raises:
        UserError: If there is none, or its module is not loaded and not allowed.
    """
    known = members(family)
    if not known and not inspect.isabstract(family):
        known = {family.__name__: family}
    if not isinstance(name, str):
        raise UserError(f"{key}: class_path should be the name of a class, not {echo(name)}.")
    if name in known:
        return known[name]
    once = formerly(name.rpartition(".")[2] if name.startswith("gnnneg.") else name, known.values())
    if once is not None:
        return once
    steps = name.split(".")
    if len(steps) == 1 or not all(step.isidentifier() for step in steps):
        raise UserError(f"{key}: there is no {family.__name__} called {echo(name)}; {nearest(name, known)}")
    try:
        cls = _follow(steps)
    except UserError as error:
        raise UserError(f"{key}: cannot import {echo(name)}: {error}") from error
    except NotAllowedError as error:
        module = error.args[0]
        if module in LIBRARIES:
            raise UserError(
                f"{key}: there is no {family.__name__} called {echo(name)}; {nearest(steps[-1], known)}"
            ) from None
        raise UserError(
            f"{key}: {echo(name)} is no class of gnnneg's, and reading a config or a run imports nothing else: if you "
            f"trust the module {module}, add --allow {module}, set {VARIABLE}={module}, or in Python say "
            f"allow={module!r}."
        ) from None
    if cls is None and len(steps) == 2 and steps[0] not in LIBRARIES and steps[1] not in vars(_module(steps[0])):
        there = [of for of, one in vars(_module(steps[0])).items() if inspect.isclass(one) and issubclass(one, family)]
        near = nearest(steps[1], there) if there else f"it has no {family.__name__} at all."
        raise UserError(f"{key}: the module {steps[0]} has no {echo(steps[1])[1:-1]}; {near}")
    if not (inspect.isclass(cls) and issubclass(cls, family) and _harmless(cls)) or inspect.isabstract(cls):
        raise UserError(f"{key}: {echo(name)[1:-1]} is not a {family.__name__}; {nearest(steps[-1], known)}")
    return cls


class NotAllowedError(Exception):
    """A module is not loaded, and the user has not allowed it."""


def _follow(steps: list[str]) -> object:
    """The object at a dotted path; None if its last step is not there."""
    here: object = _module(steps[0])
    for place, step in enumerate(steps[1:], 2):
        if step in vars(here):
            here = vars(here)[step]
        elif here is gnnneg and step in dir(gnnneg):
            here = getattr(gnnneg, step)  # which comes from one of gnnneg's own modules
        elif isinstance(here, ModuleType) and place < len(steps):
            here = _module(".".join(steps[:place]))
        else:
            return None
        if not isinstance(here, ModuleType | type):
            return None
    return here


def _module(name: str) -> ModuleType:
    found = load(name)
    if found is None:
        raise NotAllowedError(name.split(".")[0])
    return found


def path(cls: type) -> str:
    """The name by which :func:`find` finds ``cls`` again, also in another process."""
    return cls.__name__ if _trusted(cls) else f"{cls.__module__}.{cls.__qualname__}"
