"""Type checks that are made when a function is first called: most are never called in one process of tests."""

from collections.abc import Callable
from typing import Any

from beartype import beartype


def at_first_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with ``beartype`` around it, as the option ``--jaxtyping-packages`` wants it."""
    check: Callable[..., Any] | None = None

    def checked(*args: Any, **kwargs: Any) -> Any:
        nonlocal check
        if check is None:
            check = beartype(function)
        return check(*args, **kwargs)

    return checked
