"""Plain JSON, as every reader of it understands it."""

import json
import math
import unicodedata
from typing import Any

STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")  # categories of Unicode: control and format signs, breaks, halves of pairs
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
KEPT = "\n\t\u200c\u200d\u00ad"  # lines and columns, and joiners that scripts and emoji are written with


def to_json(value: Any, ensure_ascii: bool = True) -> str:
    """Indented JSON; numbers that are not finite become null, since JSON has none."""
    return json.dumps(finite(value), indent=2, ensure_ascii=ensure_ascii, allow_nan=False)


def visible(text: str) -> str:
    """The text for a terminal: what would steer it or turn the direction of writing is shown by its code instead."""
    return "".join(
        repr(sign)[1:-1] if unicodedata.category(sign) in STEERING and sign not in KEPT else sign for sign in text
    )


def finite(value: Any) -> Any:
    """The same with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def records(frame: Any) -> list[dict[str, Any]]:
    """The rows of a data frame for JSON: every digit, and None for what is missing."""
    rows = frame.astype(object).to_dict("records")
    return [{str(name): None if value != value else value for name, value in row.items()} for row in rows]


def harmless(frame: Any) -> Any:
    """A data frame for a spreadsheet: a text that one would work out as a formula has an apostrophe before it."""
    frame = frame.copy(deep=False)
    for name in frame.columns:
        column = frame[name]
        if column.dtype != object and not str(column.dtype).startswith(("str", "category")):
            continue
        sums = column.map(lambda value: isinstance(value, str) and value.startswith(FORMULA)).astype(bool)
        if sums.any():
            frame[name] = column.astype(object).where(~sums, "'" + column.astype(object).astype(str))
    return frame
