"""Numbers with units, as they are written on the command line."""

import math
import re

from gnnneg.errors import UserError, echo

BYTES = {
    f"{letter}{end}": base**power for power, letter in enumerate("KMGT", 1) for end, base in (("iB", 1024), ("B", 1000))
}
BITS = {f"{letter}bit": 1000**power for power, letter in enumerate("KMGT", 1)}


def count(text: str, option: str) -> int:
    """A whole number of at least 1, such as ``90e6`` or ``4600000``."""
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = math.nan
    if not (1 <= value < 1 << 53 and value == int(value)):
        raise UserError(f"{option} {echo(text)}: give a whole number of at least 1, such as 4600000 or 90e6.")
    return int(value)


def size(text: str, option: str) -> int:
    """A size in bytes, such as ``64GiB``."""
    return int(_united(text, BYTES, option, "64GiB"))


def speed(text: str, option: str) -> float:
    """A speed in bytes a second, from bits such as ``10Gbit``."""
    return _united(text, BITS, option, "10Gbit") / 8


def _united(text: str, units: dict[str, int], option: str, example: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", text.strip())
    known = {unit.lower(): unit for unit in units}
    if not found or found[2].lower() not in known or not float(found[1]):
        raise UserError(
            f"{option} {echo(text)}: give a number above 0 with its unit ({', '.join(units)}), such as {example}."
        )
    return float(found[1]) * units[known[found[2].lower()]]
