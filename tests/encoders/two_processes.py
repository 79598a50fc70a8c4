"""What two processes do in ``test_sharded.py``, and what one process does in their place."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from gnnneg import distributed
from gnnneg.corruption import Both
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.sharded import ShardedLookup
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.training import LazyAdam
from gnnneg.training.row_adagrad import RowAdagrad

NODES, RELATIONS, WIDTH, PROCESSES, STEPS = 37, 3, 8, 2, 3
CASES = {
    f"{decoder.__name__}, {'shared' if shared else 'private'}, {optimizer.__name__}": (decoder, shared, optimizer)
    for decoder, shared, optimizer in itertools.product(
        (DistMult, ComplEx, RotatE, TransE), (True, False), (LazyAdam, RowAdagrad)
    )
}


def batch() -> Triplets:
    """As many statements as cannot be parted evenly."""
    rng = torch.Generator().manual_seed(1)
    return Triplets(*(torch.randint(size, (11,), generator=rng) for size in (NODES, RELATIONS, NODES)))


def share(rank: int) -> Triplets:
    """The statements of one process."""
    return Triplets(*(column[rank::PROCESSES] for column in batch()))


def trained(encoder: torch.nn.Module, case: str, ranks: list[int]) -> Iterator[float]:
    """Losses of some steps, in which this process does the work of ``ranks``."""
    decoder, shared, optimizer = CASES[case]
    torch.manual_seed(2)
    encoder.reset_parameters()
    model = KGEModel(encoder, decoder(RELATIONS, WIDTH))
    task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 5, shared=shared), InfoNCE())
    steps = optimizer(task.trained(), lr=0.1)
    draws = [torch.Generator().manual_seed(7 + rank) for rank in range(PROCESSES)]
    total = len(batch().rel_type)
    for _ in range(STEPS):
        steps.zero_grad()
        value = torch.zeros(())
        for rank in ranks:
            mine = share(rank)
            loss = task(mine, draws[rank]) * len(mine.rel_type) / total
            loss.backward()
            value += loss.detach()
        for weight in task.trained():
            if weight is not encoder.weight:
                distributed.summed(weight.grad)
        steps.step()
        yield float(distributed.summed(value))


def all_cases(sharded: bool, ranks: list[int]) -> dict[str, tuple[list[float], Tensor]]:
    """Losses and table of every case."""
    found = {}
    for case in CASES:
        encoder = ShardedLookup(NODES, WIDTH) if sharded else Lookup(NODES, WIDTH, sparse=True)
        found[case] = list(trained(encoder, case, ranks)), encoder.weight.detach()
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    with distributed.together(torch.device("cpu")):
        rank = distributed.rank()
        torch.save(all_cases(True, [rank]), Path(sys.argv[1]) / f"{rank}.pt")
