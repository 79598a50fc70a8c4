"""The state of every source of chance that a training step may draw from."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def chance(generator: torch.Generator) -> dict[str, Any]:
    """The states of the run's generator and of the global ones, as tensors and plain numbers.

    The global generators belong to dropout and to parts of the user's own; everything of ours draws from the run's.
    """
    name, key, *rest = np.random.get_state()
    return {
        "run": generator.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(name), torch.from_numpy(np.asarray(key).astype(np.int64)), *rest],
        "python": random.getstate(),
    }


def restore(state: dict[str, Any], generator: torch.Generator) -> None:
    """Puts all sources of chance back to ``state``; see :func:`put` for one of another kind of device."""
    put(generator, state["run"])
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, key, *rest = state["numpy"]
    np.random.set_state((name, key.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])


def put(generator: torch.Generator, state: Tensor) -> bool:
    """Sets a generator's state, or, if it is that of another kind of device, a seed that is made of it.

    So a run goes on elsewhere in one way only, though not in that of the device it came from. Says whether the state
    was its own.
    """
    if state.shape == generator.get_state().shape:
        generator.set_state(state)
        return True
    digest = hashlib.sha256(state.numpy().tobytes()).digest()
    generator.manual_seed(int.from_bytes(digest[:8]) >> 1)
    return False


@contextmanager
def untouched(generator: torch.Generator) -> Iterator[None]:
    """Whatever the block draws, training goes on as if it had not been: validating more often changes no weights."""
    before = chance(generator)
    try:
        yield
    finally:
        restore(before, generator)
