"""What two processes do in ``test_two_processes.py``, and what one process does in their place."""

import itertools
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gnnneg import distributed
from gnnneg.corruption import Both
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.sharded import ShardedLookup
from gnnneg.errors import UserError
from gnnneg.evaluation import ranks, summary
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Triplets
from gnnneg.samplers import MCNS, All, Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.training import Fit, History, LazyAdam, RowAdagrad

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


def world() -> tuple[Triplets, Triplets, KnownAnswers]:
    """Statements to train on, others to rank, and all that is known."""
    rng = torch.Generator().manual_seed(3)
    all_ = [torch.randint(size, (130,), generator=rng) for size in (NODES, RELATIONS, NODES)]
    train, valid = Triplets(*(column[:101] for column in all_)), Triplets(*(column[101:] for column in all_))
    return train, valid, KnownAnswers(Triplets(*all_), NODES, RELATIONS)


def task_of_a_run() -> LinkPrediction:
    """The same in every process and at every start."""
    torch.manual_seed(4)
    model = KGEModel(ShardedLookup(NODES, WIDTH), ComplEx(RELATIONS, WIDTH))
    return LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 5), InfoNCE())


def validated(task: LinkPrediction) -> dict[str, float]:
    """Validation metrics."""
    _, valid, known = world()
    return {"mrr": summary(ranks(task.model, None, valid, known, memory_mib=0.01))["mrr"]}


def fitted(folder: Path, epochs: int, resume: bool = False) -> tuple[LinkPrediction, History]:
    """A run in a folder; the last batch of an epoch is one statement, of which one of two processes gets none."""
    task = task_of_a_run()
    optimizer = RowAdagrad(task.trained(), lr=0.1)
    fit = Fit(epochs=epochs, batch_size=20, evaluate_every=1, clip_norm=0.5, patience=None)
    means = {"seed": 5, "evaluate": lambda: validated(task), "folder": folder, "progress": False, "resume": resume}
    return task, fit(task, world()[0], optimizer, **means)


def said(ask: Callable[[], object]) -> str:
    """The one sentence by which something is refused."""
    try:
        ask()
    except UserError as error:
        return str(error)
    return "nothing was refused"


def refusals() -> list[str]:
    """What several processes are not for."""
    found = [said(lambda: ShardedLookup(1, 4))]
    for sampler in (All(NODES), MCNS(KnownAnswers(world()[0], NODES, RELATIONS), 2)):
        task = task_of_a_run()
        task.sampler = sampler
        means = task, world()[0], RowAdagrad(task.trained(), lr=0.1)
        found.append(said(partial(Fit(epochs=1), *means, seed=0, progress=False)))
    return found


def main(out: Path) -> None:
    """All that the tests look at."""
    rank = distributed.rank()
    parted = task_of_a_run()
    _, valid, known = world()
    place = ranks(parted.model, None, valid, known)
    tied = ranks(level(parted).model, None, valid, known)
    _, history = fitted(out / "run", 2)
    again, more = fitted(out / "run", 4, resume=True)
    _, straight = fitted(out / "straight", 4)
    torch.save(
        {
            "cases": all_cases(True, [rank]),
            "ranks": [place.optimistic, place.pessimistic, tied.optimistic, tied.pessimistic],
            "records": [history.records, more.records, straight.records],
            "weight": again.model.encoder.weight.detach(),
            "refused": refusals(),
            "triton": [name for name in sys.modules if name.startswith("gnnneg.kernels.triton_")],
        },
        out / f"{rank}.pt",
    )


def level(task: LinkPrediction) -> LinkPrediction:
    """All entities have one of two vectors, so that most are tied."""
    weight = task.model.encoder.weight
    start, stop = distributed.block(NODES)
    with torch.no_grad():
        weight.copy_((torch.arange(start, stop) % 2)[:, None].expand_as(weight))
    return task


if __name__ == "__main__":
    torch.set_num_threads(1)
    with distributed.together():
        main(Path(sys.argv[1]))
