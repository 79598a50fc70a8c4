"""Ctrl-C and SIGTERM, handled only between steps, when nothing is half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside and can be resumed; the message says how."""


class Interruption:
    """While open, a first SIGINT or SIGTERM only sets :attr:`wanted`, which the loop reads between steps.

    A second one raises :class:`KeyboardInterrupt` immediately, for a step that never ends. Only Python's main thread
    gets signals, so in other threads this does nothing.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.wanted = False
        self._impatient = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._strike) for number in self.signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _strike(self, number: int, frame: FrameType | None) -> None:
        if self.wanted or self._impatient:
            raise KeyboardInterrupt
        self.wanted = True

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this block (validation) nothing is half done, so the first signal already raises."""
        if self.wanted:
            raise KeyboardInterrupt
        self._impatient = True
        try:
            yield
        finally:
            self._impatient = False
