"""How threads wait beside other processes."""

import os
import sys

import pytest

from gnnneg import neighbors


@pytest.fixture
def fresh(monkeypatch):
    """A process without torch in which nobody has said how threads wait."""
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(os, "environ", {})


def said():
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def test_they_sleep_unless_somebody_says_otherwise(fresh):
    neighbors.yielding()
    assert said() == {"GOMP_SPINCOUNT": neighbors.TURNS}


@pytest.mark.parametrize("name", neighbors.SAID)
def test_what_is_said_stays(fresh, name):
    os.environ[name] = "7"
    neighbors.yielding()
    assert said() == {name: "7"}


def test_after_torch_it_would_change_nothing(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    neighbors.yielding()
    assert said() == {}
