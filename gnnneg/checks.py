"""Numbers that a constructor is given: one line each refuses what is out of range, with the range.

``None`` stands for *not given* and passes.
"""

import math
import numbers
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
LEAST = 1e-6  # of a share, and of what it leaves


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
    """Refuses what is no finite number above 0."""
    for name, value in given.items():
        if value is not None and not (_is_finite(value) and float(value) > 0):
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
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _wrong(part: str, name: str, value: object, wanted: str) -> UserError:
    return UserError(f"{part}({name}={echo(value)}): give {wanted}.")
