"""The cache folder of compiled kernels, and notices while a kernel is compiled.

Compiled kernels are cached next to their source. If that folder cannot be written, as in an installation for all users,
the cache is ``~/.cache/gnnneg/numba``, and if that cannot be written either, a folder that exists until the process
ends. ``NUMBA_CACHE_DIR`` sets another folder.
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
    """Passes on numba's compile events of gnnneg's kernels."""

    def on_start(self, event: Any) -> None:
        if self._ours(event):
            compiling.begin(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event: Any) -> None:
        if self._ours(event):
            compiling.end()

    def _ours(self, event: Any) -> bool:
        return str(event.data["dispatcher"].py_func.__module__).startswith("gnnneg.")


def keep() -> None:
    """Sets numba's cache folder, unless the user has set one, and listens to compile events."""
    if not numba.config.CACHE_DIR and not writable(Path(__file__).parent):  # type: ignore[attr-defined]
        home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "gnnneg" / "numba"
        numba.config.CACHE_DIR = str(home if writable(home) else _passing())  # type: ignore[attr-defined]
    event.register("numba:compile", Ours())


def writable(folder: Path) -> bool:
    """Whether files can be created in a folder. The folder is created if it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _passing() -> str:
    """A folder for the lifetime of the process; no other user can write to it."""
    folder = tempfile.mkdtemp("-gnnneg")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


keep()
