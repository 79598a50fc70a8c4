"""Every test starts from the same random state, on one thread."""

import gc
import inspect
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pytest_collection_finish() -> None:
    """What is imported by now stays as it is, so that nobody need look through it again and again.

    The garbage collector would, each time it is full, and PyG would read the source of a layer's class for each layer.
    """
    gc.freeze()
    import torch_geometric.inspector  # here, and not above: the process that hands out the tests does not need it

    torch_geometric.inspector.inspect = SimpleNamespace(**vars(inspect) | {"getsource": cache(inspect.getsource)})


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else libraries in C++ report it as lost when Python ends
