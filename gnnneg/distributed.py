"""Several processes, each with a block of the rows of large tables: who there is, what is added up, what is sent.

The engine is PyTorch's own: ``torchrun`` starts and restarts the processes, :mod:`torch.distributed` carries what they
say to each other; no other file imports it. Alone, a process is the first of one, and nothing is sent.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from gnnneg.errors import UserError

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # the longest that a process may keep the others waiting
MOST = 512 << 20  # bytes of rows that one process may ask for at once: a second on a fast network


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if size() > 1 else 0


def wanted() -> int:
    """How many processes ``torchrun`` has started, whether or not they have met."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def restarted() -> bool:
    """Whether ``torchrun`` has started the processes again, since one of them died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def own_device() -> str:
    """The CUDA device of this process: one each, of those of its machine."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if wanted() > 1 else "cuda"


@contextmanager
def together() -> Iterator[None]:
    """The processes that ``torchrun`` has started meet, and part at the end; one alone goes on alone.

    Gloo carries what lies on CPUs, NCCL what lies on CUDA devices.
    """
    if wanted() == 1 or size() > 1:
        yield
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
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


def sent(value: Tensor) -> Tensor:
    """The first process's tensor, in place of each one's own of the same shape."""
    if size() > 1:
        dist.broadcast(value, 0)
    return value


def agreed(value: T) -> T:
    """What the first process says, for all."""
    said = [value]
    if size() > 1:
        dist.broadcast_object_list(said)
    return said[0]


def anywhere(*flags: bool) -> tuple[bool, ...]:
    """Of each flag, whether any process has raised it."""
    if size() == 1:
        return flags
    return tuple(count > 0 for count in summed(torch.tensor(flags, dtype=torch.long)).tolist())


def share(row: Int[Tensor, "b"]) -> tuple[Int[Tensor, "m"], float]:
    """What one process takes of a batch, and its weight in a mean over the batch: together, they take all of it.

    A process for which nothing is left takes the first row with weight 0, so that it takes part in what is sent.
    """
    if size() == 1:
        return row, 1.0
    mine = row[rank() :: size()]
    return (mine, len(mine) / len(row)) if len(mine) else (row[:1], 0.0)


def replicated(module: nn.Module, alone: set[str]) -> nn.Module:
    """A module that every process has, whose gradients are summed over all processes while they are made.

    Args:
        module (torch.nn.Module): Called as before.
        alone (set[str]): Names of the parameters that each process sees to by itself.
    """
    mine = [name for name, weight in module.named_parameters() if weight.requires_grad and name not in alone]
    if size() == 1 or not mine:
        return module
    from torch.nn.parallel import DistributedDataParallel  # takes as long to import as a small training

    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, sorted(alone))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newer option sends buffers at the start
        parallel = DistributedDataParallel(module, broadcast_buffers=False)
    parallel.register_comm_hook(None, _add_up)
    return parallel


def _add_up(state: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """Sums, where DDP would average: a batch's weights are in its loss."""
    done = dist.all_reduce(bucket.buffer(), async_op=True).get_future()
    return done.then(lambda future: future.value()[0])


def tables(module: nn.Module) -> dict[str, int]:
    """The parameters of which each process has its :func:`block`, by name, and the rows of the whole table."""
    found = ((name, getattr(weight, "num_rows", None)) for name, weight in module.named_parameters())
    return {name: rows for name, rows in found if rows is not None}


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
    from torch.distributed._functional_collectives import all_to_all_single, all_to_all_single_autograd

    each, group = -(-num_rows // size()), dist.distributed_c10d._get_default_group()
    ends = torch.searchsorted(row, each * torch.arange(1, size() + 1, device=row.device))
    wants = ends.diff(prepend=ends.new_zeros(1))
    gives = all_to_all_single(wants, None, None, group)
    to, back = wants.tolist(), gives.tolist()
    if sum(to) * own.size(1) * own.element_size() > MOST:
        raise UserError(
            f"A step would fetch {sum(to):,} rows of {own.size(1)} numbers from other processes, "
            f"{sum(to) * own.size(1) * own.element_size() >> 20:,} MiB: share the negatives of a batch (shared: true), "
            "draw fewer, or take a smaller fit.batch_size."
        )
    asked = all_to_all_single(row, back, to, group)
    answer = F.embedding(asked - rank() * each, own, sparse=sparse)
    return all_to_all_single_autograd(answer, to, back, group)
