"""Numbers that a constructor is given: one line each refuses what is out of range, with the range.

``None`` stands for *not given* and passes, where the constructor's annotation has it: :func:`kinds` looks at that.
"""

import collections.abc
import functools
import inspect
import math
import numbers
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from gnnneg.errors import UserError, echo

WIDEST = 1 << 16  # channels of a vector
DEEPEST = 1000  # layers
FASTEST = 100  # learning rate
FARTHEST = 100  # steps from one entity to another
LONGEST = 1_000_000  # steps or batches that one call takes or remembers
FOREVER = 1 << 53  # steps of training
DRAWN = 1 << 24  # candidates of a query
MOST = 1 << 31  # entities, relations
LARGEST = 1 << 36  # numbers of a table
SINGLE = (2 - 2**-23) * 2.0**127  # the largest number of single precision, in which models compute
TINY = 2.0**-126  # and the smallest above 0 that it holds in full
LEAST = 1e-6  # of a share, and of what it leaves


# what an annotation may ask for that is told by the value alone
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", types.NoneType: "nothing"}
MANY = {int: "a list of whole numbers", float: "a list of numbers"}


def kinds(cls: type, args: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Refuses what is of another kind than the annotation of its parameter: a text for a number, nothing for something.

    Only numbers, texts, truth values and lists of numbers are looked at; all else is the constructor's own matter.

    Args:
        cls (type): What is constructed.
        args (sequence): Its arguments by position.
        given (dict): Its arguments by name.

    Raises:
        UserError: If one is of another kind.
    """
    wanted = _wanted(cls)
    for name, value in {**dict(zip(wanted, args)), **given}.items():
        options = wanted.get(name, ())
        if options and not any(_is_of(option, value) for option in options):
            words = [MANY[option[0]] if isinstance(option, tuple) else WORDS[option] for option in options]
            raise _wrong(cls.__name__, name, value, " or ".join(words))


@functools.cache
def _wanted(cls: type) -> dict[str, tuple[Any, ...]]:
    """The kinds that each parameter may have, in their order; none where that is not to be told by the value alone."""
    found = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        union = typing.get_origin(parameter.annotation) in (typing.Union, types.UnionType)
        options = typing.get_args(parameter.annotation) if union else (parameter.annotation,)
        plain = tuple(_plain(option) for option in options)
        known = None not in plain and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        found[name] = plain if known else ()
    return found


def _plain(option: Any) -> Any:
    """A kind of :data:`WORDS`, or a tuple of the kind of which there is a list; None for anything else."""
    if option is None:
        return types.NoneType
    if isinstance(option, type) and option in WORDS:
        return option
    origin, inner = typing.get_origin(option), [one for one in typing.get_args(option) if one is not ...]
    listed = origin in (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
    return (inner[0],) if listed and len({*inner}) == 1 and inner[0] in MANY else None


def _is_of(option: Any, value: Any) -> bool:
    if isinstance(option, tuple):
        few = isinstance(value, list | tuple)
        many = (
            hasattr(value, "__len__") and not isinstance(value, str | bytes | dict) and getattr(value, "ndim", 1) == 1
        )
        return all(_is_of(option[0], one) for one in value) if few else many
    if option is bool:
        return isinstance(value, bool) or (type(value).__module__, type(value).__name__[:4]) == ("numpy", "bool")
    if option is int:
        return _is_whole(value)
    if option is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    return isinstance(value, option)


def finite(part: str, **given: Any) -> None:
    """Refuses what is no finite number.

    Args:
        part (str): The class, for the error.
        given: Numbers by the name of their parameter.

    Raises:
        UserError: If one is out of range.
    """
    for name, value in given.items():
        if value is not None and not _is_finite(value):
            raise _wrong(part, name, value, "a finite number")


def positive(part: str, **given: Any) -> None:
    """Refuses what is no finite number above 0, also in single precision."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and float(value) >= TINY):
            raise _wrong(part, name, value, "a finite number above 0")


def not_negative(part: str, **given: Any) -> None:
    """Refuses what is no finite number from 0 on."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and float(value) >= 0):
            raise _wrong(part, name, value, "a finite number, 0 or more")


def fraction(part: str, **given: Any) -> None:
    """Refuses what does not lie between 0 and 1, both included."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and 0 <= float(value) <= 1):
            raise _wrong(part, name, value, "a number between 0 and 1")


def below_one(part: str, **given: Any) -> None:
    """Refuses what is not at least 0 and below 1, such as a dropout that leaves nothing."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and 0 <= float(value) < 1):
            raise _wrong(part, name, value, "a number from 0 to below 1")


def ratio(part: str, **given: Any) -> None:
    """Refuses what is no fraction, and what is so near to none or all that no draw would tell it from them."""
    fraction(part, **given)
    for name, value in given.items():
        if 0 < value < LEAST or 0 < 1 - value < LEAST:
            raise _wrong(part, name, value, f"{round(value)} itself, or keep {LEAST:g} away from it")


def step_size(part: str, **given: Any) -> None:
    """Refuses what no optimiser can learn with."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and 0 <= float(value) <= FASTEST):
            raise _wrong(part, name, value, f"a number from 0 to {FASTEST}")


def whole(part: str, least: int = 1, most: int = MOST, **given: Any) -> None:
    """Refuses what is no whole number between two bounds, both included."""
    for name, value in given.items():
        if value is not None and not (_is_whole(value) and least <= int(value) <= most):
            raise _wrong(part, name, value, f"a whole number from {least:,} to {most:,}")


def widths(part: str, **given: Any) -> None:
    """Refuses what is no number of channels."""
    whole(part, 1, WIDEST, **given)


def draws(part: str, **given: Any) -> None:
    """Refuses what is no number of candidates that a query can be given."""
    whole(part, 1, DRAWN, **given)


def table(part: str, **given: Any) -> None:
    """Refuses the sizes of a table, one by one, and all of them if together they are more than any memory holds."""
    whole(part, **given)
    size = math.prod(value for value in given.values() if value is not None)
    if size > LARGEST:
        sizes = ", ".join(f"{name}={value:,}" for name, value in given.items())
        raise UserError(f"{part}({sizes}): a table of {size:,} numbers fits no memory: give smaller ones.")


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return abs(float(value)) <= SINGLE
    except OverflowError:
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _wrong(part: str, name: str, value: object, wanted: str) -> UserError:
    beyond = isinstance(value, float) and math.isfinite(value) and (abs(value) > SINGLE or 0 < abs(value) < TINY)
    return UserError(f"{part}({name}={echo(value)}): give {wanted}{' that single precision holds' if beyond else ''}.")
