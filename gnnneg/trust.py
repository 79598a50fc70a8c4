"""Whose code may run: reading a config or a run imports no module that the user has not named."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

from gnnneg.errors import UserError, echo
from gnnneg.run_files import CONFIG, ENVIRONMENT

VARIABLE = "GNNNEG_ALLOW"  # names of modules, with commas or blanks between them
RUN = (CONFIG, ENVIRONMENT)  # what every run folder has

_named: ContextVar[tuple[str, ...]] = ContextVar("named", default=())


@contextmanager
def allowing(modules: str | Iterable[str]) -> Iterator[None]:
    """For the block, the modules of these names, and those below them, may be imported.

    Args:
        modules (str or list[str]): Such as ``"mine"``, ``"mine.samplers"`` or ``"mine,yours"``.

    Raises:
        UserError: If one is no name of a module.
    """
    token = _named.set((*_named.get(), *_split(modules, "--allow")))
    try:
        yield
    finally:
        _named.reset(token)


def allowed(module: str) -> bool:
    """Whether a module may be imported: it is named, lies below one that is named, or is the package of one."""
    named = (*_named.get(), *_split(os.environ.get(VARIABLE, ""), VARIABLE))
    return any(f"{module}.".startswith(f"{one}.") or f"{one}.".startswith(f"{module}.") for one in named)


def load(module: str) -> ModuleType | None:
    """The module of that name if it is loaded or may be imported; None if it would have to be imported and may not.

    The package that it is in has to be loaded already. The working directory is looked through last. A module that
    lies in a run folder is never imported.

    Raises:
        UserError: If it may be imported, but cannot.
    """
    if sys.modules.get(module) is not None:
        return sys.modules[module]
    if not allowed(module):
        return None
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    importlib.invalidate_caches()
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError) as error:
        raise UserError(f"Cannot find the module {echo(module)}: {_words(error)}.") from None
    if spec is None:
        raise UserError(f"There is no module {echo(module)} in {os.getcwd()} or where Python looks (PYTHONPATH).")
    for place in (spec.origin, *(spec.submodule_search_locations or ())):
        if place is not None and _in_a_run(Path(place)):
            raise UserError(
                f"The module {module} lies in a run folder ({place}), and a run never brings code of its own: read "
                "that file, and copy it elsewhere if you trust it."
            )
    try:
        return importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may do anything, sys.exit too
        raise UserError(
            f"Importing {module} ({spec.origin}) failed: {type(error).__name__}: {_words(error)}."
        ) from error


def _split(modules: str | Iterable[str], where: str) -> tuple[str, ...]:
    words = [modules] if isinstance(modules, str) else list(modules)
    names = [name for word in words for name in str(word).replace(",", " ").split()]
    for name in names:
        if not all(step.isidentifier() for step in name.split(".")):
            raise UserError(f"{where} takes names of modules, such as mine or mine.samplers, not {echo(name)}.")
    return tuple(names)


def _in_a_run(place: Path) -> bool:
    """Whether a file or folder lies in a run folder, by its path as it is given and as links lead to it."""
    ways = {place.absolute(), place.resolve()}
    return any(all((home / mark).exists() for mark in RUN) for way in ways for home in (way, *way.parents))


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or "it gave no reason"
