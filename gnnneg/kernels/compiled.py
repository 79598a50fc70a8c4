"""Where compiled kernels are kept, and who is told while one is compiled.

They are kept beside their source. Where that cannot be written, as in an installation for all users, they are in
``~/.cache/gnnneg/numba``, and where that cannot be either, they are kept until the process ends. ``NUMBA_CACHE_DIR``
says another place.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from gnnneg import compiling


class Ours(event.Listener):
    """Hands on what numba tells of kernels of gnnneg."""

    def on_start(self, event: Any) -> None:
        if self._ours(event):
            compiling.begin(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event: Any) -> None:
        if self._ours(event):
            compiling.end()

    def _ours(self, event: Any) -> bool:
        return str(event.data["dispatcher"].py_func.__module__).startswith("gnnneg.")


def keep() -> None:
    """Has numba keep kernels where it can, unless the user says where, and tell of them."""
    if not numba.config.CACHE_DIR and not writable(Path(__file__).parent):  # type: ignore[attr-defined]
        home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "gnnneg" / "numba"
        numba.config.CACHE_DIR = str(home if writable(home) else _passing())  # type: ignore[attr-defined]
    event.register("numba:compile", Ours())


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _passing() -> str:
    """A folder that is there while the process is; nobody else can put anything into it."""
    folder = tempfile.mkdtemp("-gnnneg")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


keep()
