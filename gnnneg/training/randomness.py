"""All random number generators of a run: seeded, saved and restored.

A step draws everything from the run's generator; during the step torch's global generator takes its state (see
:mod:`gnnneg.chance`). Other draws (in numpy, between steps, on another device) come from global generators. These are
seeded from the run's seed too, and get their old state back when training ends.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnneg.chance import turn

_before: list[dict[str, Any]] = []  # of each block under way, the global generators as it found them


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block torch's, numpy's and Python's global generators are seeded. Afterwards they always get their old
    state back.

    A process has one of each, so blocks in several threads at the same time draw from the same ones. When the last
    block ends, they get back the state from before the first.
    """
    before: dict[str, Any] = {}
    with turn:
        before.update(_globals())
        _before.append(before)
        _seed(seed)
    try:
        yield
    finally:
        with turn:
            at = next(i for i, one in enumerate(_before) if one is before)
            if at + 1 < len(_before):  # another thread's block began since, and found the states of this one
                _before[at + 1].update(before)
            else:
                _put_globals(before)
            del _before[at]


def beside(seed: int) -> int:
    """Another seed, derived from the run's. With the same seed, global generators would repeat the run's numbers."""
    return _seed_of(f"beside {seed}".encode())


def apart(seed: int, rank: int) -> int:
    """The seed of one of several processes: the run's for the first, a different one for each other."""
    return seed if rank == 0 else _seed_of(f"process {rank} {seed}".encode())


def _seed_of(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8]) >> 1


def _seed(seed: int) -> None:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed a CUDA that is not awake yet
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed % (1 << 32))
    random.seed(seed)


def _globals() -> dict[str, Any]:
    name, key, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "numpy": [str(name), torch.from_numpy(np.asarray(key).astype(np.int64)), *rest],
        "python": random.getstate(),
    }


def chance(rng: torch.Generator) -> dict[str, Any]:
    """The states of the run's generator and of the global ones, as tensors and plain numbers."""
    with turn:
        return {"run": rng.get_state(), **_globals()}


def restore(state: dict[str, Any], rng: torch.Generator) -> None:
    """Restores all generators to ``state``; see :func:`put` for a state from another kind of device."""
    put(rng, state["run"])
    with turn:
        _put_globals(state)


def _put_globals(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, key, *rest = state["numpy"]
    np.random.set_state((name, key.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])


def put(rng: torch.Generator, state: Tensor) -> bool:
    """Sets a generator's state, or, if the state is from another kind of device, a seed derived from it.

    So a run on another device always continues in the same way, although not in that of its first device. Returns
    whether the state fitted.
    """
    if state.shape == rng.get_state().shape:
        rng.set_state(state)
        return True
    rng.manual_seed(_seed_of(state.numpy().tobytes()))
    return False


@contextmanager
def untouched(rng: torch.Generator) -> Iterator[None]:
    """The block's draws do not affect training, so more frequent validation changes no weights."""
    before = chance(rng)
    try:
        yield
    finally:
        restore(before, rng)
