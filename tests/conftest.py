"""Every test starts from the same random state, on one thread."""

import gc
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)

TURNS = 18  # parts of the slow tests
SPREAD = {"test_plane.py", "test_chunks_and_words.py", "test_commands.py", "test_docs.py", "test_report.py"}  # by t-SNE


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def unsynced() -> Iterator[None]:
    """The tests kill processes, not the machine, so they need not wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def spread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever looks at negatives gets a picture of them by t-SNE as well, which takes a second where nobody sees it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in SPREAD:  # not the module of scikit-learn, which its clusters import, too
            # by its module: the room's table of contents has a function of that name
            patch.setattr(import_module("gnnneg.evaluation.plane"), "_tsne", lambda *_: None)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the slow tests of ``slow.txt`` each commit runs one of :data:`TURNS` parts, where the whole suite runs.

    All of them run with ``GNNNEG_SLOW=1``, and each where its file is asked for.
    """
    if os.environ.get("GNNNEG_SLOW") or config.args_source is config.ArgsSource.ARGS:
        return
    slow = (Path(__file__).parent / "slow.txt").read_text().split()
    turn = _commit() % TURNS
    waits = pytest.mark.skip(reason="slow: each commit runs an eighteenth of these, GNNNEG_SLOW=1 all")
    for item in items:
        name = item.nodeid.partition("[")[0]
        found = next((place for place, one in enumerate(slow) if name == one or name.startswith(f"{one}::")), None)
        if found is not None and found % TURNS != turn:
            item.add_marker(waits)


def _commit() -> int:
    """A number of the commit, so that every process takes the same part, and the next commit another."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return int(told.stdout[:8] or "0", 16)


def pytest_collection_finish() -> None:
    """What is imported by now stays as it is, so that nobody need look through it again and again.

    The garbage collector would, each time it is full, and PyG would read the source of a layer's class for each layer.
    """
    gc.freeze()
    import torch_geometric.inspector  # here, and not above: the process that hands out the tests does not need it

    torch_geometric.inspector.inspect = SimpleNamespace(**vars(inspect) | {"getsource": cache(inspect.getsource)})


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else libraries in C++ report it as lost when Python ends
