"""Work beside the server that ends when the server does."""

import ctypes
from collections.abc import Callable
from threading import Thread

PATIENCE = 60  # seconds until a step of the work is over: between two steps it can be ended


class Ended(BaseException):
    """Raised within the work when the server ends."""


class Background(Thread):
    """A thread that can be ended.

    Python ends a process by stopping the threads that are left wherever they are, and those within C++ code take the
    process down with an abort. So the work is interrupted, and waited for.

    Args:
        work (callable): What is done.
    """

    def __init__(self, work: Callable[[], None]):
        super().__init__(name="queues", daemon=True)
        self.work = work

    def run(self) -> None:
        """Does the work."""
        try:
            self.work()
        except Ended:
            return

    def end(self) -> None:
        """Interrupts the work at the next line of Python, and waits for that."""
        if self.is_alive() and self.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(Ended))
            self.join(PATIENCE)
