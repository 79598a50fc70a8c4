"""From objects made in Python to the config that makes them again."""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from gnnneg.config.names import path
from gnnneg.config.recover import recovered
from gnnneg.config.signature import MISSING, is_built, is_foreign, mirrored, parameters
from gnnneg.errors import UserError, echo


def describe(thing: Any, facts: Mapping[str, Any], key: str = "task") -> Any:
    """The piece of config that makes ``thing`` again, without facts of the data set.

    A part remembers its arguments (:class:`gnnneg.interfaces.Part`). For other objects, the attributes with the names
    of constructor parameters are its arguments.

    Args:
        thing: A part, a plain value, or a list or dict of them.
        facts (Mapping): Values by parameter name, as for :meth:`~gnnneg.config.resolve.Plan.build`.
        key (str): Where it would stand, for errors.

    Raises:
        UserError: If it was made for another data set, or does not keep one of its arguments.
    """
    if thing is None or isinstance(thing, str | int | float | bool):
        return thing
    if isinstance(thing, Mapping):
        return {place: describe(item, facts, f"{key}.{place}") for place, item in thing.items()}
    if isinstance(thing, Sequence) and not isinstance(thing, str):
        return [describe(item, facts, f"{key}.{place}") for place, item in enumerate(thing)]
    cls = type(thing)
    if not is_built(cls):
        return str(thing)
    if on_the_spot(cls):
        raise UserError(
            f"{key}: {cls.__name__} was defined on the spot, so that the run could not be read again: "
            "put it into a module of its own and import it from there."
        )
    written = {}
    for name, value in arguments(thing, key).items():
        seen = facts["mirror"] if name in mirrored(cls) else facts
        if not is_foreign(cls) and name in seen and isinstance(value, type(seen[name]) | None):
            if isinstance(value, int) and value != seen[name]:
                raise UserError(f"{key} ({cls.__name__}) was made for {name}={value}, but the data has {seen[name]}.")
            continue
        said, default = describe(value, seen, f"{key}.{name}"), parameters(cls).get(name, (Any, MISSING))[1]
        if default is MISSING or said != describe(default, facts):  # defaults are filled in when it is read
            written[name] = said
    if dataclasses.is_dataclass(thing):
        return written
    return {"class_path": path(cls), **({"init_args": written} if written else {})}


def on_the_spot(cls: type) -> bool:
    """Whether a class is defined in a script or a function, so that other processes cannot import it."""
    return "<locals>" in cls.__qualname__ or cls.__module__ == "__main__"


def arguments(thing: Any, key: str, without: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of an object's constructor by parameter name, except those in ``without``.

    Raises:
        UserError: If the object does not keep them.
    """
    made_with = getattr(thing, "made_with", None)
    if made_with is not None:
        return _bound(thing, made_with, key)
    if isinstance(thing, nn.Module) and type(thing).__module__.split(".")[0] in ("torch", "torch_geometric"):
        found = recovered(thing)
        if found is None:
            name = type(thing).__name__
            raise UserError(
                f"{key} ({name}) does not keep all that it was made with, so the run could not be read again: write it "
                f"down, as in module.made_with = ((), {{...}}) with the arguments of {name}, make it from a config, or "
                "train without a run folder."
            )
        return found
    names = [name for name in parameters(type(thing)) if name not in without]
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        raise UserError(
            f"{key} ({type(thing).__name__}) does not keep its argument {missing[0]!r}, so the run could not be read "
            f"again: train from a config, or without a run folder; in a class of your own add "
            f"self.{missing[0]} = {missing[0]}."
        )
    return {name: getattr(thing, name) for name in names}


def _bound(thing: Any, made_with: Any, key: str) -> dict[str, Any]:
    """Arguments by name, including those that a constructor takes as ``**kwargs``."""
    signature = inspect.signature(type(thing))
    try:
        args, kwargs = made_with
        found = dict(signature.bind(*args, **kwargs).arguments)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{key} ({type(thing).__name__}) cannot have been made with {echo(made_with)} ({error}): made_with should "
            "be a tuple of its positional arguments, and a dict of its named ones."
        ) from None
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD and name in found:
            found |= found.pop(name)
        elif parameter.kind is parameter.VAR_POSITIONAL and name in found:
            raise UserError(
                f"{key} ({type(thing).__name__}) was made with arguments that have no names, which a config cannot "
                "say: put it into a class of your own."
            )
    return found
