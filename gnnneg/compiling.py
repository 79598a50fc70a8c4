"""Kernels that have to be compiled for this machine before their first use: who is told, and how long it took.

Numba keeps what it has compiled (:mod:`gnnneg.kernels.compiled`), so that this happens once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], object]

_said: list[Say] = []
_count, _depth, _began, _seconds = 0, 0, 0.0, 0.0


def seconds() -> float:
    """How long this process has compiled kernels."""
    return _seconds + (time.perf_counter() - _began if _depth else 0.0)


def clock() -> float:
    """A clock that stands while kernels are compiled: how long something took that will be as long on each machine."""
    return time.perf_counter() - seconds()


@contextmanager
def told(say: Say) -> Iterator[None]:
    """Within the block ``say`` is handed a line before each kernel that is compiled, instead of whoever was before."""
    _said.append(say)
    try:
        yield
    finally:
        _said.remove(say)


def begin(kernel: str) -> None:
    """A kernel, or one within it, starts to be compiled."""
    global _count, _depth, _began
    _depth += 1
    if _depth > 1:
        return
    _began = time.perf_counter()
    _count += 1
    if _said:
        _said[-1](f"compiling kernel {_count} for this machine, once: {kernel.strip('_')}")


def end() -> None:
    """The one that started last is done."""
    global _depth, _seconds
    _depth -= 1
    if not _depth:
        _seconds += time.perf_counter() - _began
