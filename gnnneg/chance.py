"""Torch's global generator, which dropout and modules of others draw from, in step with a generator of one's own."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

turn = RLock()
"""Held while global generators are exchanged, and as long as one stands for another."""


@contextmanager
def lent(rng: torch.Generator | None) -> Iterator[torch.Generator | None]:
    """Within the block the global generator of its device stands where a generator stands; draw from what is yielded.

    So all draws are one row of numbers, whoever makes them. Afterwards the generator has gone on by all of them, and
    the global one is as it was. Threads that do so take turns; one that draws from the global generator meanwhile draws
    from the same row. Within a block nothing is left to do for the one that was yielded.

    Args:
        rng (torch.Generator, optional): :obj:`None` changes nothing.
    """
    shared = None if rng is None else _shared(rng.device)
    if rng is None or shared is None or shared is rng or _is_recorded(rng.device):
        yield rng
        return
    with turn:
        before = shared.get_state()
        shared.set_state(rng.get_state())
        try:
            yield shared
        finally:
            rng.set_state(shared.get_state())
            shared.set_state(before)


def seed(rng: torch.Generator | None, device: torch.device) -> int:
    """A seed, drawn. Of a device's generator it is made of seed and place, which the host knows, instead of a number
    for which it would have to wait.
    """
    source = _shared(device) if rng is None else rng
    if source is None or source.device.type == "cpu":
        return int(torch.randint(1 << 32, (), generator=source))
    place = source.get_state()
    torch.rand((), device=device, generator=source)  # so that the next place is another
    return zlib.crc32(bytes(place.tolist()))


def _shared(device: torch.device) -> torch.Generator | None:
    """The global generator of a device, if it is of a kind that has one."""
    if device.type == "cuda":
        torch.cuda.init()  # before which it has none
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    return torch.default_generator if device.type == "cpu" else None


def _is_recorded(device: torch.device) -> bool:
    """Whether a CUDA graph is recorded, during which generators may only be drawn from."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()
