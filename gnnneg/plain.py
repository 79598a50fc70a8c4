"""Plain JSON, as every reader of it understands it."""

import json
import math
from typing import Any


def to_json(value: Any, ensure_ascii: bool = True) -> str:
    """Indented JSON; numbers that are not finite become null, since JSON has none."""
    return json.dumps(finite(value), indent=2, ensure_ascii=ensure_ascii, allow_nan=False)


def finite(value: Any) -> Any:
    """The same with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
