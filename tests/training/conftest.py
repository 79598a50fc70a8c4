"""The tests kill processes, not the machine, so they need not wait for the disk."""

import os

import pytest


@pytest.fixture(autouse=True, scope="package")
def unsynced():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield
