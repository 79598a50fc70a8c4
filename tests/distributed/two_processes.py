"""What two processes do in ``test_two_processes.py``, and what one process does in their place."""

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from gnnneg import distributed
from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders.lookup import Lookup
from gnnneg.encoders.sharded import ShardedLookup
from gnnneg.errors import UserError
from gnnneg.evaluation import ranks, summary
from gnnneg.generators import Mixup
from gnnneg.interfaces import Encoder, Sampler, Task
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.penalties import DURA, Lp
from gnnneg.records import Triplets
from gnnneg.samplers import MCNS, All, Hardest, InBatch, Influence, Uniform
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.training import Fit, History, LazyAdam, RowAdagrad
from gnnneg.training.parted import settle
from gnnneg.weighings import Subsampling

NODES, RELATIONS, WIDTH, PROCESSES, STEPS = 37, 3, 8, 2, 3
CASES = {
    f"{decoder.__name__}, {'shared' if shared else 'private'}, {optimizer.__name__}": (decoder, shared, optimizer)
    for decoder, shared, optimizer in itertools.product(
        (DistMult, ComplEx, RotatE, TransE), (True, False), (LazyAdam, RowAdagrad)
    )
}


Made = Callable[[KGEModel], Task]


def contrasting(sampler: Sampler, **means) -> Made:
    """Makes a task of a model."""
    corruption = means.pop("corruption", Both(RELATIONS))
    return lambda model: LinkPrediction(model, corruption, sampler, InfoNCE(), **means)


def two_sided(known: KnownAnswers, model: KGEModel) -> Dual:
    """Two models of one table, each of which chooses the other's negatives."""
    means = Both(RELATIONS), Hardest(Uniform(NODES, 9), 3), InfoNCE()
    other = KGEModel(Lookup(NODES, WIDTH), ComplEx(RELATIONS, WIDTH))
    return Dual(LinkPrediction(model, *means), LinkPrediction(other, *means), known, shared=True)


def others() -> dict[str, tuple[Made, int, float, int, int]]:
    """Steps of other kinds: the task, how many statements, the share that is dropped, and, worked out by hand, how
    often rows are exchanged forth (rows that are fetched) and back (their gradients).
    """
    known, one = world()[2], Tail(RELATIONS)
    few, pool = Uniform(NODES, 5), Uniform(NODES, 9)
    return {
        "targets": (contrasting(InBatch(known)), 11, 0.0, 1, 1),
        "norms": (contrasting(few, penalty=Lp(0.1)), 11, 0.0, 1, 1),
        "images": (contrasting(few, penalty=DURA(0.1)), 11, 0.0, 1, 1),
        "mixed": (contrasting(few, generators=[Mixup()]), 11, 0.0, 1, 1),
        "mixed, one query": (contrasting(few, corruption=one, generators=[Mixup()]), 3, 0.0, 1, 1),
        "dropped": (contrasting(few), 11, 0.5, 2, 2),  # anchors with targets, before negatives are drawn
        "hardest": (contrasting(Hardest(pool, 3)), 11, 0.0, 2, 2),  # the pool with anchors and targets, then the chosen
        "hardest of shared": (contrasting(Hardest(Uniform(NODES, 9, shared=True), 3)), 11, 0.0, 2, 2),
        "influence": (contrasting(Influence(pool, 3)), 11, 0.0, 2, 2),
        "two models": (partial(two_sided, known), 11, 0.0, 4, 2),  # each side's pool for its opponent, then all its own
    }


def batch(count: int = 11) -> Triplets:
    """As many statements as cannot be parted evenly."""
    rng = torch.Generator().manual_seed(1)
    return Triplets(*(torch.randint(size, (count,), generator=rng) for size in (NODES, RELATIONS, NODES)))


def share(rank: int, count: int = 11) -> Triplets:
    """The statements of one process."""
    return Triplets(*(column[rank::PROCESSES] for column in batch(count)))


def trained(
    encoder: Encoder,
    decoder: type,
    optimizer: type,
    make: Made,
    ranks: list[int],
    count: int = 11,
    dropout: float = 0.0,
    exchanges: list[int] | None = None,
) -> Iterator[float]:
    """Losses of some steps, in which this process does the work of ``ranks``; ``exchanges`` is given how often rows
    were sent forth and back in the last step.
    """
    torch.manual_seed(2)
    encoder.reset_parameters()
    task = make(KGEModel(encoder, decoder(RELATIONS, WIDTH), dropout))
    steps = optimizer(task.trained(), lr=0.1)
    draws = [torch.Generator().manual_seed(7 + rank) for rank in range(PROCESSES)]
    total = len(batch(count).rel_type)
    for _ in range(STEPS):
        steps.zero_grad()
        value = torch.zeros(())
        for rank in ranks:
            mine = share(rank, count)
            with counted() as forth:
                loss = task(mine, draws[rank]) * len(mine.rel_type) / total
            with counted() as back:
                loss.backward()
            value += loss.detach()
        for weight in task.trained():
            if weight is not encoder.weight:
                distributed.summed(weight.grad)
        steps.step()
        yield float(distributed.summed(value))
    if exchanges is not None:
        exchanges[:] = len(forth), len(back)


@contextmanager
def counted() -> Iterator[list[int]]:
    """The numbers of rows of vectors that are sent to this process within the block, one an exchange."""
    found, exchange = [], distributed.exchanged

    def exchanged(value: Tensor, *sizes: list[int]) -> Tensor:
        came = exchange(value, *sizes)
        if value.is_floating_point():
            found.append(len(came))
        return came

    distributed.exchanged = exchanged
    try:
        yield found
    finally:
        distributed.exchanged = exchange


def all_cases(sharded: bool, ranks: list[int]) -> dict[str, tuple[list[float], Tensor, list[int]]]:
    """Losses and table of every case, and how often rows were exchanged in a step."""
    found = {}

    def case(name: str, *means, **more) -> None:
        encoder = ShardedLookup(NODES, WIDTH) if sharded else Lookup(NODES, WIDTH, sparse=True)
        exchanges: list[int] = []
        losses = list(trained(encoder, *means, ranks, **more, exchanges=exchanges))
        found[name] = losses, encoder.weight.detach(), exchanges

    for name, (decoder, shared, optimizer) in CASES.items():
        case(name, decoder, optimizer, contrasting(Uniform(NODES, 5, shared=shared)))
    for name, (make, count, dropout, *_) in others().items():
        case(name, ComplEx, LazyAdam, make, count=count, dropout=dropout)
    return found


def refused_at(most: int) -> str:
    """What a step says that may fetch so many rows, or that nothing was refused."""
    task = task_of_a_run()
    before, distributed.MOST = distributed.MOST, most * WIDTH * 4
    try:
        return said(lambda: task(share(distributed.rank()), torch.Generator().manual_seed(1)))
    finally:
        distributed.MOST = before


def bounds() -> list[str]:
    """A step that may fetch as many rows as it needs, all of its anchors, targets and negatives, and one fewer."""
    with counted() as rows:
        refused_at(NODES)
    return [refused_at(rows[0]), refused_at(rows[0] - 1), f"fetch {rows[0]:,} rows"]


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


def normed() -> nn.Module:
    """A part whose statistics are of what this process has seen."""
    norm = nn.BatchNorm1d(2)
    norm(torch.tensor([[0.0, 1.0], [2.0, 5.0]]) * (1 + distributed.rank()))
    return norm


def settled() -> list[Tensor]:
    """The statistics by which each process judges."""
    norm = normed()
    settle(norm)
    return [norm.running_mean, norm.running_var, norm.num_batches_tracked]


def weighed(batch: Triplets) -> Tensor:
    """How much each statement of a share counts in the batch."""
    weight = Subsampling(world()[2])(batch)
    return weight * len(weight) / 11


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
            "bounds": bounds(),
            "settled": settled(),
            "weighed": weighed(share(rank)),
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
