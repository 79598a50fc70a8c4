"""What would not fit in memory is refused before any of it is taken."""

import sys
from pathlib import Path

import torch

from gnnneg.errors import UserError

GIB = 1 << 30
SURE = GIB  # bytes: so much is there, and nobody looks
UNTOLD = 16 * GIB  # bytes: what counts as free where the system does not say


def free(device: torch.device | str = "cpu") -> int:
    """How many bytes a device has left: what Linux counts as available within the limit of its control group, or what a
    CUDA device has beside what torch holds. :obj:`UNTOLD` where the system does not say. Nothing takes memory of the
    device ``meta``.
    """
    device = torch.device(device)
    if device.type == "meta":
        return sys.maxsize
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    found = [_available(), _left_to_group()]
    return min((one for one in found if one is not None), default=UNTOLD)


def refuse_beyond(needed: int, what: str, instead: str, device: torch.device | str = "cpu", processes: int = 1) -> None:
    """Refuses what takes more memory than there is.

    Args:
        needed (int): Bytes of each process.
        what (str): What takes them: the beginning of the sentence.
        instead (str): What to do: the end of the sentence.
        device (torch.device): Where they would be taken. (default: the processor's memory)
        processes (int): How many take as much there. (default: :obj:`1`)

    Raises:
        UserError: If more than that is not free.
    """
    if needed <= SURE:
        return
    left = free(device)
    if processes * needed > left:
        each = f" in each of {processes} processes" if processes > 1 else ""
        raise UserError(f"{what} would take {spoken(needed)} of memory{each}, and {spoken(left)} are free: {instead}.")


def spoken(count: int | float) -> str:
    """So many bytes, for people."""
    for unit, size in (("TiB", GIB << 10), ("GiB", GIB), ("MiB", 1 << 20)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _left_to_group(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container may still take; its files can be dropped from memory, so they count as free."""
    try:
        most = (folder / "memory.max").read_text(encoding="ascii").strip()
        now = int((folder / "memory.current").read_text(encoding="ascii"))
        told = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return None if most == "max" else max(0, int(most) - now + int(told.get("file", 0)))
    except (OSError, ValueError):
        return None
