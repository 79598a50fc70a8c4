"""A module that is executed late is executed whole, whoever strikes in between."""

import importlib
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from gnnneg.postponed import _Later

SOURCE = """
import os, signal, time
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.01)
done = True
"""


def strike(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_strike_comes_after_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised within, it would be dropped by Python's import, and half of the module would stay for the whole."""
    (tmp_path / "executed_late.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    later = _Later({"executed_late"})
    monkeypatch.setattr(sys, "meta_path", [later, *sys.meta_path])
    before = signal.signal(signal.SIGTERM, strike)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - wherever it comes
            module = importlib.import_module("executed_late")
            assert "done" not in object.__getattribute__(module, "__dict__")
            assert module.done
            time.sleep(10)
        assert sys.modules["executed_late"].done
        assert signal.getsignal(signal.SIGTERM) is strike
    finally:
        signal.signal(signal.SIGTERM, before)
        sys.modules.pop("executed_late", None)
