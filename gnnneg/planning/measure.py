"""Measures the speed of this machine for each part of a training step. Each part runs as it does in training."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from platform import machine

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, Optimizer

from gnnneg.allocation import on_large_pages, selected
from gnnneg.candidates import Gathered, Shared
from gnnneg.corruption import Either
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import Distance, DistMult, Inner, Modulus
from gnnneg.encoders import Lookup
from gnnneg.encodings import Dense, RowSparse
from gnnneg.interfaces import Loss, Similarity
from gnnneg.kernels.cross_entropy import cross_entropy
from gnnneg.kernels.rows import compact
from gnnneg.losses import BCE, HaSa, InfoNCE, LimitBased, LogSigmoid, MarginRanking
from gnnneg.models import KGEModel
from gnnneg.planning.constants import COMMAND, FEW, MANY, Constants
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.training import Fit, LazyAdam, RowAdagrad

ROWS, WIDTH = 300_000, 128  # size of the table: too large for the caches
QUERIES, SHARED, PRIVATE = 1024, 1000, 128
ENDS = 16  # of the touched rows, one in this many is an anchor, and one a target
OFTEN = 3  # repetitions; the fastest counts

SIMILARITIES: dict[str, Similarity] = {
    "inner": Inner(),
    "L1": Distance(1),
    "L2": Distance(2),
    "modulus": Modulus(),
}
LOSSES: dict[str, Loss] = {
    "InfoNCE": InfoNCE(),
    "LogSigmoid": LogSigmoid(9.0, adversarial=1.0),
    "BCE": BCE(),
    "MarginRanking": MarginRanking(1.0),
    "LimitBased": LimitBased(0.1, 2.0),
    "HaSa": HaSa(0.1),
}
Maker = Callable[..., Optimizer]
SPARSE: dict[str, Maker] = {"LazyAdam": LazyAdam, "RowAdagrad": RowAdagrad, "Adagrad": Adagrad, "SGD": SGD}
DENSE: dict[str, Maker] = {**SPARSE, "Adam": Adam, "Adam, fused": partial(Adam, fused=True)}


def measure() -> Constants:
    """The constants of this machine, in processor time of one thread."""
    with _alone():
        rng = torch.Generator().manual_seed(0)
        table = torch.nn.Parameter(on_large_pages(torch.empty(ROWS, WIDTH)).uniform_(-0.1, 0.1, generator=rng))
        vector = torch.empty(QUERIES, WIDTH).uniform_(-0.1, 0.1, generator=rng).requires_grad_()
        private = {name: _private(one, vector, rng) for name, one in SIMILARITIES.items()}
        rows = {name: _rows(make, table, rng) for name, make in SPARSE.items()}
        return Constants(
            measured=date.today().isoformat(),
            command=COMMAND,
            machine=_machine(),
            step=_step(),
            query=_query(rng),
            shared={name: _shared(one, vector, rng) for name, one in SIMILARITIES.items()},
            tiled=_tiled(vector, rng),
            private={name: both for name, (_, both) in private.items()},
            looked={name: look for name, (look, _) in private.items()},
            loss={name: _loss(one) for name, one in LOSSES.items()},
            fetched=_fetched(table, rng),
            chosen=_chosen(rng),
            draw=_draw(rng),
            filtered=_filter(rng),
            rows={name: few for name, (few, _) in rows.items()},
            many_rows={name: many for name, (_, many) in rows.items()},
            dense={name: _dense(make) for name, make in DENSE.items()},
        )


def _machine() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), machine())


@contextmanager
def _alone() -> Iterator[None]:
    threads, checks = torch.get_num_threads(), torch.sparse.check_sparse_tensor_invariants
    torch.set_num_threads(1)
    try:
        with checks(checks.is_enabled()):  # explicit, because torch warns otherwise
            yield
    finally:
        torch.set_num_threads(threads)


def fastest(work: Callable[[], object], often: int = OFTEN) -> float:
    """Processor seconds of the fastest call. A first call is not counted."""
    work()
    best = float("inf")
    for _ in range(often):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def _task(num_nodes: int, width: int, negatives: int) -> LinkPrediction:
    model = KGEModel(Lookup(num_nodes, width, sparse=True), DistMult(1, width))
    return LinkPrediction(model, Either(1), Uniform(num_nodes, negatives, shared=True), InfoNCE())


def _step(count: int = 150) -> float:
    """A step with almost no work: the cost of Python and the training loop."""
    task, some = _task(50, 2, 2), torch.arange(2 * count) % 50
    fit, optimizer = Fit(epochs=1, batch_size=2), RowAdagrad(task.trained())
    return fastest(lambda: fit(task, Triplets(some, 0 * some, some), optimizer, seed=0, progress=False), 2) / count


def _query(rng: torch.Generator) -> float:
    """For each component of a query: computing its vector and scoring its target, forward and backward."""
    model, rows = _task(2, WIDTH, 1).model, torch.nn.Parameter(torch.rand(2 * QUERIES, WIDTH, generator=rng))
    ends, zero = torch.randperm(2 * QUERIES, generator=rng).view(2, -1), torch.zeros(QUERIES, dtype=torch.long)

    def first(some: int) -> None:
        rows.grad = None
        scorer = model.scorer(Dense(rows), Query(ends[0, :some], zero[:some]))
        scorer(ends[1, :some, None]).sum().backward()

    # the cost of a single query is fixed overhead, which is counted in the step itself
    return max(0.0, fastest(lambda: first(QUERIES)) - fastest(lambda: first(1))) / (QUERIES * WIDTH)


def _shared(similarity: Similarity, vector: Tensor, rng: torch.Generator) -> float:
    """For each component of each pair: the score of shared candidates, forward and backward."""
    rows = torch.empty(SHARED, WIDTH).uniform_(-0.1, 0.1, generator=rng).requires_grad_()
    grad = torch.ones(QUERIES, SHARED)
    return fastest(lambda: similarity(vector, Shared(rows)).backward(grad)) / (QUERIES * SHARED * WIDTH)


def _tiled(vector: Tensor, rng: torch.Generator) -> float:
    """The same for inner products that are computed together with the loss."""
    rows = torch.empty(SHARED, WIDTH).uniform_(-0.1, 0.1, generator=rng).requires_grad_()
    positive, weight = torch.zeros(QUERIES), torch.ones(1, 1)
    return fastest(lambda: cross_entropy(positive, vector, rows, weight).mean().backward()) / (QUERIES * SHARED * WIDTH)


def _private(similarity: Similarity, vector: Tensor, rng: torch.Generator) -> tuple[float, float]:
    """The same for private candidates: scored only, and forward and backward."""
    rows = on_large_pages(torch.empty(QUERIES * PRIVATE, WIDTH))
    rows.uniform_(-0.1, 0.1, generator=rng).requires_grad_()
    index = torch.randint(len(rows), (QUERIES, PRIVATE), generator=rng)
    grad = torch.ones(QUERIES, PRIVATE)

    def look() -> None:
        with torch.no_grad():
            similarity(vector, Gathered(rows, index))

    def learn() -> None:
        rows.grad = None
        similarity(vector, Gathered(rows, index)).backward(grad)

    numbers = QUERIES * PRIVATE * WIDTH
    return fastest(look) / numbers, fastest(learn) / numbers


def _loss(loss: Loss) -> float:
    """For each score: the loss, forward and backward."""
    score = torch.zeros(QUERIES, 1 + SHARED, requires_grad=True)
    weight = torch.ones(1, 1)
    return fastest(lambda: loss(score[:, :1], score[:, 1:], weight, 0.0).sum().backward()) / (QUERIES * SHARED)


def _chosen(rng: torch.Generator) -> float:
    """For each candidate: the choice of the quarter with the highest scores."""
    score = torch.rand(QUERIES, PRIVATE, generator=rng)
    return fastest(lambda: score.topk(PRIVATE // 4, dim=1)) / score.numel()


def _draw(rng: torch.Generator) -> float:
    """For each drawn candidate."""
    return fastest(lambda: torch.randint(ROWS, (QUERIES, PRIVATE), generator=rng)) / (QUERIES * PRIVATE)


def _filter(rng: torch.Generator) -> float:
    """For each candidate: the test whether it is a known answer."""
    ends = torch.randint(ROWS, (2, ROWS), generator=rng)
    known = KnownAnswers(Triplets(ends[0], 0 * ends[0], ends[1]), ROWS, 1)
    query = Query(ends[0, :QUERIES], torch.zeros(QUERIES, dtype=torch.long))
    index = torch.randint(ROWS, (QUERIES, PRIVATE), generator=rng)
    return fastest(lambda: known.contains(query, index)) / index.numel()


def _rows(make: Maker, table: torch.nn.Parameter, rng: torch.Generator) -> tuple[float, float]:
    """For each component of a touched row: finding it, gathering it, summing its gradient, and the optimiser step.
    Measured for rows that fit into the caches and for rows that do not. As in training, there are three look-ups
    (anchors, targets and negatives), and their gradients are merged.
    """
    optimizer = make([table], lr=1e-3)

    def taken(index: Tensor) -> float:
        ends = len(index) // ENDS

        def once() -> None:
            optimizer.zero_grad()
            held = RowSparse(table)
            rows = [held.rows(some)[0] for some in (index[:ends], index[ends : 2 * ends], index[2 * ends :])]
            torch.autograd.backward(rows, [on_large_pages(torch.empty_like(some)).fill_(1) for some in rows])
            optimizer.step()

        return fastest(once) / (len(index.unique()) * WIDTH)

    few, many = (taken(torch.randint(ROWS, (count,), generator=rng)) for count in (FEW, MANY))
    table.grad = None
    return few, many


def _fetched(table: torch.nn.Parameter, rng: torch.Generator) -> float:
    """For each component of a row that is fetched: finding it among all candidates, and copying it."""
    index = torch.randint(ROWS, (MANY,), generator=rng)
    return fastest(lambda: selected(table, compact(index, ROWS)[0])) / (len(index.unique()) * WIDTH)


def _dense(make: Maker) -> float:
    """For each component of a table with a dense gradient: computing the gradient, and the optimiser step."""
    table = torch.nn.Parameter(torch.zeros(ROWS // 4, WIDTH))
    optimizer, row = make([table], lr=1e-3), torch.zeros(1, dtype=torch.long)

    def once() -> None:
        optimizer.zero_grad()
        seen = [Dense(table)[row].sum() for _ in range(3)]  # anchors, targets and negatives
        torch.autograd.backward(seen)
        optimizer.step()

    return fastest(once) / table.numel()
