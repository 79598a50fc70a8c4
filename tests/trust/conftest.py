"""A small run, and modules that leave a mark if anybody imports them."""

import shutil
import sys
from pathlib import Path

import pytest

from gnnneg.cli import main
from gnnneg.experiment import train_config

SMALL = ["--fit.epochs", "1", "--task.model.encoder.hidden_channels", "8", "--device", "cpu"]
CONFIG = Path(__file__).parents[2] / "configs" / "synthetic" / "shared.yaml"


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A run folder; to be copied before it is changed."""
    return train_config(CONFIG, SMALL, tmp_path_factory.mktemp("trust") / "run", progress=False).path


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working directory of one's own, after which everything imported from it is forgotten."""
    loaded, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNNNEG_ALLOW", raising=False)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - loaded:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def received(trained, place) -> Path:
    """A copy of the run in the working directory."""
    return Path(shutil.copytree(trained, place / "run"))


@pytest.fixture
def said(capsys):
    """What a command line says: its code and its errors."""

    def say(*words) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, capsys.readouterr().err

    return say
