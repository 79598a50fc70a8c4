"""Kernels that are compiled first: who is told, that it is no time of training, and where they are kept."""

import os
import stat
import time

import numba
import numpy as np
import pytest
from training.toy import train

from gnnneg import compiling
from gnnneg.kernels import compiled
from gnnneg.training import Fit


def fresh():
    """A kernel of gnnneg's that nobody has compiled, with one within it."""
    scope = {"__name__": "gnnneg.kernels.fresh", "np": np}
    exec("def inner(x):\n    return x + 1\n", scope)
    scope["inner"] = numba.njit(scope["inner"])
    exec("def outer_(x):\n    return inner(x) * 2\n", scope)
    return numba.njit(scope["outer_"])


def test_a_kernel_is_told_of_once_and_its_time_is_taken_off_the_clock():
    kernel, said = fresh(), []
    before, began, clock = compiling.seconds(), time.perf_counter(), compiling.clock()
    with compiling.told(said.append):
        assert kernel(np.int64(3)) == 8
        assert kernel(np.int64(4)) == 10
    took = compiling.seconds() - before
    assert [line.partition(" for ")[2] for line in said] == ["this machine, once: outer"]
    assert said[0].startswith("compiling kernel ")
    assert 0 < took <= time.perf_counter() - began
    assert compiling.clock() - clock == pytest.approx(time.perf_counter() - began - took, abs=0.05)


def test_training_time_is_without_it():
    """Neither of training nor of validation, and looks at the loss go on at their pace."""

    def slow(*_):
        compiling.begin("slow")
        time.sleep(0.3)
        compiling.end()
        return 1.0

    *_, history = train(None, Fit(epochs=2, batch_size=25), watch=slow)
    assert 0 < history.train_s < 0.6  # four steps of 0.3 s


def test_kernels_are_kept_where_files_can_be_made(tmp_path, monkeypatch):
    """Beside the source, else in the user's cache, else until the process ends; or where the user says."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled.event, "register", lambda *_: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiled.keep()
    assert numba.config.CACHE_DIR == ""
    monkeypatch.setattr(compiled, "writable", lambda folder: "cache" in str(folder))
    compiled.keep()
    assert str(tmp_path / "cache" / "gnnneg" / "numba") == numba.config.CACHE_DIR
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled, "writable", lambda folder: False)
    compiled.keep()
    assert stat.S_IMODE(os.stat(numba.config.CACHE_DIR).st_mode) == 0o700
    monkeypatch.setattr(numba.config, "CACHE_DIR", "mine")
    compiled.keep()
    assert numba.config.CACHE_DIR == "mine"


def test_what_can_be_written(tmp_path):
    assert compiled.writable(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    assert not compiled.writable(tmp_path / "file" / "c")
