"""Several processes that each hold a block of the rows of large tables: their number, sums over them, and exchanges.

``torchrun`` starts and restarts the processes, and :mod:`torch.distributed` carries the messages between them; no other
file imports it. A single process has rank 0 of 1 and sends nothing.
"""

import os
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gnnneg.allocation import room_for, selected
from gnnneg.errors import UserError

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # the longest time that one process may make the others wait
POLL = 0.02  # seconds between two looks at who has arrived
MOST = 512 << 20  # bytes of rows that one process may fetch at once
PROCESS = uuid.uuid4().hex  # a name that no other process has


class Deserted(RuntimeError):
    """An exchange failed because another process has ended, which says itself why."""


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The rank of this process, from 0."""
    return dist.get_rank() if size() > 1 else 0


def wanted() -> int:
    """The number of processes that ``torchrun`` started, whether or not they have joined the group."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def launch() -> list[str]:
    """The calls of ``torchrun`` that started the processes, one a machine; empty without ``torchrun``.

    The names stay the same when it restarts the processes, for whatever reason, and no other call has them. All
    processes call this at the same time.
    """
    # each call makes a folder of its own, in which a process has the file <folder>/attempt_<number>/<rank>/error.json
    mine = os.environ.get("TORCHELASTIC_ERROR_FILE", "").rpartition("/attempt_")[0]
    return sorted(set(of_all(mine)) - {""})


def neighbors() -> int:
    """The number of processes on this machine, with this one. They share its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if size() > 1 else 1


def own_device() -> str:
    """The CUDA device of this process. Each process of a machine has its own."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if wanted() > 1 else "cuda"


@contextmanager
def together() -> Iterator[None]:
    """Joins the processes that ``torchrun`` started, and leaves the group at the end. A single process simply
    continues.

    Tensors on CPUs are sent with Gloo, tensors on CUDA devices with NCCL.

    Raises:
        Deserted: If another process ends before this one.
    """
    if wanted() == 1 or size() > 1:
        yield
        return
    means: dict[str, Any] = {}
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        store, number, count = next(dist.rendezvous("env://", timeout=PATIENCE))
        means = {"store": _fresh(store, number, count), "rank": number, "world_size": count}
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE, **means)
    try:
        yield
    except RuntimeError as error:
        if not _lost(error):
            raise
        raise Deserted("Another process has ended, and this one with it: the other one says why.") from error
    finally:
        dist.destroy_process_group()


def _fresh(store: dist.Store, number: int, count: int) -> dist.Store:
    """A part of the store of ``torchrun`` in which no former processes have left anything.

    That store outlives the processes which it restarts, and Gloo takes the addresses of dead ones for those of their
    successors, and waits for them. So the first process names a new part, and tells it to each name that it hears,
    until all processes have answered by their names of today.
    """
    mine = uuid.uuid4().hex
    if number:
        store.set(f"process {number}", mine)
        part = store.get(f"part of {mine}").decode()
        store.set(f"{mine} is in {part}", "")
        return dist.PrefixStore(part, store)
    missing, end = set(range(1, count)), time.monotonic() + PATIENCE.total_seconds()
    while missing:
        for other in [one for one in missing if store.check([f"process {one}"])]:
            name = store.get(f"process {other}").decode()
            store.set(f"part of {name}", mine)
            if store.check([f"{name} is in {mine}"]):
                missing.remove(other)
        if missing and time.monotonic() > end:
            raise Deserted(f"Of {count} processes {len(missing)} have not come: see what they say.")
        time.sleep(POLL)
    return dist.PrefixStore(mine, store)


def _lost(error: RuntimeError) -> bool:
    """Whether an error is that of a connection to another process."""
    # Gloo's errors have no class of their own, but name its file; what it asserts is an error of ours
    return isinstance(error, dist.DistError) or ("gloo/transport" in str(error) and "enforce fail" not in str(error))


def wait() -> None:
    """Waits until all processes have reached this line."""
    if size() > 1:
        dist.barrier()


def summed(value: Tensor) -> Tensor:
    """Sums a tensor over all processes, in place. The sum carries no gradient."""
    if size() > 1:
        dist.all_reduce(value)
    return value


def sent(value: Tensor) -> Tensor:
    """The tensor of the first process, copied into each process's own tensor of the same shape."""
    if size() > 1:
        dist.broadcast(value, 0)
    return value


def agreed(value: T) -> T:
    """The value of the first process, for all processes."""
    said = [value]
    if size() > 1:
        dist.broadcast_object_list(said)
    return said[0]


def of_all(value: T) -> list[T]:
    """The values of all processes, by rank."""
    found = [value] * size()
    if size() > 1:
        dist.all_gather_object(found, value)
    return found


def anywhere(*flags: bool) -> tuple[bool, ...]:
    """For each flag, whether any process has set it."""
    if size() == 1:
        return flags
    return tuple(count > 0 for count in summed(torch.tensor(flags, dtype=torch.long)).tolist())


def share(row: Int[Tensor, "b"]) -> tuple[Int[Tensor, "m"], float]:
    """The part of a batch that this process handles, and its weight in a mean over the batch. All parts together are
    the whole batch.

    A process without a part takes the first row with weight 0, so that it still takes part in the exchanges.
    """
    if size() == 1:
        return row, 1.0
    mine = row[rank() :: size()]
    return (mine, len(mine) / len(row)) if len(mine) else (row[:1], 0.0)


def replicated(module: nn.Module, alone: set[str]) -> nn.Module:
    """A module that every process holds. Its gradients are summed over all processes during the backward pass.

    Args:
        module (torch.nn.Module): The module, called as before.
        alone (set[str]): Names of the parameters that each process handles by itself.
    """
    mine = [name for name, weight in module.named_parameters() if weight.requires_grad and name not in alone]
    if size() == 1 or not mine:
        return module
    from torch.nn.parallel import DistributedDataParallel  # imported late because it is slow to import

    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, sorted(alone))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newer option sends buffers at the start
        parallel = DistributedDataParallel(module, broadcast_buffers=False)
    parallel.register_comm_hook(None, _add_up)
    return parallel


def _add_up(state: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """Sums gradients, while DDP would average them: the loss already contains the batch weights."""
    done = dist.all_reduce(bucket.buffer(), async_op=True).get_future()
    return done.then(lambda future: future.value()[0])


def tables(module: nn.Module) -> dict[str, int]:
    """The parameters that are partitioned (each process has its :func:`block`), by name, with the rows of the whole
    table.
    """
    found = ((name, getattr(weight, "num_rows", None)) for name, weight in module.named_parameters())
    return {name: rows for name, rows in found if rows is not None}


def block(num_rows: int) -> tuple[int, int]:
    """The first row of a table that this process holds, and one past the last. All blocks have the same size except at
    the end.
    """
    each = -(-num_rows // size())
    return min(rank() * each, num_rows), min((rank() + 1) * each, num_rows)


def leaves_empty(num_rows: int, processes: int) -> bool:
    """Whether some of so many processes would have no row in their :func:`block`."""
    return -(-num_rows // processes) * (processes - 1) >= num_rows


def fetched(
    own: Float[Tensor, "o d"], row: Int[Tensor, "u"], num_rows: int, learned: Bool[Tensor, "u"] | None = None
) -> tuple[Float[Tensor, "u d"], Float[Tensor, "l d"]]:
    """Rows of a table of which each process holds its :func:`block`: all without gradients, and again those that are
    learned. All processes call this at the same time.

    If gradients are enabled, those of learned rows go back the same way to the process that holds the row, row-sparse.

    Cost: three exchanges, of the numbers of rows, of ``u`` row numbers and of ``u`` rows; the gradient is a fourth.

    Args:
        own (torch.Tensor): The block of this process.
        row (torch.Tensor): Rows of the whole table, ascending.
        num_rows (int): Rows of the whole table.
        learned (torch.Tensor, optional): Which rows have gradients. (default: :obj:`None`, all)

    Raises:
        UserError: If the rows take more than :obj:`MOST` bytes.
    """
    each = -(-num_rows // size())
    ends = torch.searchsorted(row, each * torch.arange(1, size() + 1, device=row.device))
    upto = [ends] if learned is None else [ends, F.pad(learned.cumsum(0), (1, 0))[ends]]
    wants = torch.stack([end.diff(prepend=end.new_zeros(1)) for end in upto], 1)
    (to, *to_learned), (back, *back_learned) = wants.T.tolist(), exchanged(wants).T.tolist()
    if sum(to) * own.size(1) * own.element_size() > MOST:
        raise UserError(
            f"A step would fetch {sum(to):,} rows of {own.size(1)} numbers from other processes, "
            f"{sum(to) * own.size(1) * own.element_size() >> 20:,} MiB: share the negatives of a batch (shared: true), "
            "draw fewer, or take a smaller fit.batch_size."
        )
    asked = exchanged(row if learned is None else 2 * row + learned, to, back)  # each with what becomes of it
    given = (asked if learned is None else asked >> 1) - rank() * each
    found = exchanged(selected(own, given), back, to)
    if learned is None:
        return found, _Learned.apply(own, found, given, to, back)
    some = selected(found, learned.nonzero()[:, 0])
    return found, _Learned.apply(own, some, given[asked % 2 == 1], *to_learned, *back_learned)


def exchanged(value: Tensor, to: list[int] | None = None, back: list[int] | None = None) -> Tensor:
    """Sends each process its rows of a tensor, and returns the rows that all have sent to this one.

    Args:
        value (torch.Tensor): Rows for the first process, then those for the second, and so on.
        to (list[int], optional): How many rows each process is sent. (default: :obj:`None`, equally many)
        back (list[int], optional): How many rows each process sends. (default: :obj:`None`, equally many)
    """
    came = room_for(value, len(value) if back is None else sum(back), *value.shape[1:])
    dist.all_to_all_single(came, value.contiguous(), back, to)
    return came


class _Learned(torch.autograd.Function):
    """Rows that have come from others, whose gradients go back to them."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, found: Tensor, given: Tensor, to: list[int], back: list[int]) -> Tensor:
        ctx.save_for_backward(given)
        ctx.sizes = own.shape, to, back
        return found.view_as(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        (given,), (shape, to, back) = ctx.saved_tensors, ctx.sizes
        value = exchanged(grad, to, back)
        return torch.sparse_coo_tensor(given[None], value, shape, check_invariants=False), None, None, None, None
