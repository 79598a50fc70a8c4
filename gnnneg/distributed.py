"""Several processes, each with a block of the rows of large tables: who there is, what is added up, what is sent.

The engine is PyTorch's own: ``torchrun`` starts and restarts the processes, :mod:`torch.distributed` carries what they
say to each other; no other file imports it. Alone, a process is the first of one, and nothing is sent.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributed._functional_collectives import all_to_all_single, all_to_all_single_autograd

PATIENCE = timedelta(minutes=30)  # the longest that a process may keep the others waiting


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if size() > 1 else 0


def wanted() -> int:
    """How many processes ``torchrun`` has started, whether or not they have met."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """The processes that ``torchrun`` has started meet, and part at the end; one alone goes on alone.

    Args:
        device (torch.device): Where this one computes: NCCL carries between CUDA devices, Gloo between CPUs.
    """
    if wanted() == 1 or size() > 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Until all processes have come here."""
    if size() > 1:
        dist.barrier()


def summed(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, in place. It carries no gradient."""
    if size() > 1:
        dist.all_reduce(value)
    return value


def agreed(value: object) -> object:
    """What the first process says, for all."""
    said = [value]
    if size() > 1:
        dist.broadcast_object_list(said)
    return said[0]


def heard(value: object) -> list[object]:
    """What every process says, in order of their ranks."""
    said: list[object] = [value] * size()
    if size() > 1:
        dist.all_gather_object(said, value)
    return said


def block(num_rows: int) -> tuple[int, int]:
    """The first row of a table that this process holds, and one past the last: blocks of one size but for the end."""
    each = -(-num_rows // size())
    return min(rank() * each, num_rows), min((rank() + 1) * each, num_rows)


def fetched(own: Float[Tensor, "o d"], row: Int[Tensor, "u"], num_rows: int) -> Float[Tensor, "u d"]:
    """Rows of a table of which each process holds its :func:`block`; all processes ask at the same time.

    The gradient comes back the same way, to the process that holds a row, row-sparse.

    Cost: two exchanges, of ``u`` numbers of rows and of ``u`` rows; the gradient a third.

    Args:
        own (torch.Tensor): This process's block.
        row (torch.Tensor): Rows of the whole table, ascending.
        num_rows (int): Rows of the whole table.
    """
    sparse = torch.is_grad_enabled() and own.requires_grad
    if size() == 1:
        return F.embedding(row, own, sparse=sparse)
    each, group = -(-num_rows // size()), dist.group.WORLD
    ends = torch.searchsorted(row, each * torch.arange(1, size() + 1, device=row.device))
    wants = ends.diff(prepend=ends.new_zeros(1))
    gives = all_to_all_single(wants, None, None, group)
    to, back = wants.tolist(), gives.tolist()
    asked = all_to_all_single(row, back, to, group)
    answer = F.embedding(asked - rank() * each, own, sparse=sparse)
    return all_to_all_single_autograd(answer, to, back, group)
