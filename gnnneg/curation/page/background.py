"""Background work that ends with the server."""

import ctypes
from collections.abc import Callable
from threading import Thread

PATIENCE = 60  # seconds to wait for the current step: the work can only end between two steps


class Ended(BaseException):
    """Raised in the work when the server ends."""


class Background(Thread):
    """A thread that can be ended.

    At exit, Python stops the remaining threads wherever they are. A thread in C++ code then aborts the whole process.
    So the work is interrupted first, and the server waits until it has stopped.

    Args:
        work (callable): The work.
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
        """Interrupts the work at the next line of Python, and waits until it has stopped."""
        if self.is_alive() and self.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(Ended))
            self.join(PATIENCE)
