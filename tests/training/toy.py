"""A small task in which every source of chance matters, and the means to compare two runs of it bit for bit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Adagrad, Adam

from gnnneg.interfaces import Task
from gnnneg.records import Triplets
from gnnneg.training import Fit, History

NUM_NODES, NUM_RELATIONS, COUNT, WIDTH = 12, 3, 50, 4


def toy_triplets(count: int = COUNT) -> Triplets:
    rng = torch.Generator().manual_seed(7)
    return Triplets(
        torch.randint(NUM_NODES, (count,), generator=rng),
        torch.randint(NUM_RELATIONS, (count,), generator=rng),
        torch.randint(NUM_NODES, (count,), generator=rng),
    )


class Tables(nn.Module):
    """What is learnt."""

    def __init__(self, sparse: bool):
        super().__init__()
        self.entity = nn.Embedding(NUM_NODES, WIDTH, sparse=sparse)
        self.relation = nn.Embedding(NUM_RELATIONS, WIDTH)


class Toy(Task):
    """DistMult against one drawn tail: dropout from torch's global generator, the tail from the run's.

    ``watch(task, batch)`` is called at every step, before anything is drawn, and may spoil it: raise, kill, or return a
    factor of the loss. ``seen`` holds the first column of every batch.
    """

    def __init__(self, sparse: bool = False, dropout: float = 0.3, watch: Callable | None = None):
        super().__init__()
        self.model = Tables(sparse)
        self.dropout, self.watch = dropout, watch
        self.drawn = 0.0
        self.types, self.seen, self.dtypes = set(), [], set()

    def examples(self, triplets: Triplets) -> Triplets:
        return triplets

    def forward(self, batch: Triplets, rng: torch.Generator | None = None) -> Tensor:
        self.types.add(type(batch))
        self.seen.append(batch.head_index.clone())
        factor = self.watch(self, batch) if self.watch else None
        drawn = torch.randint(NUM_NODES, batch.tail_index.shape, generator=rng)
        self.drawn = float(drawn.sum())
        query = self.model.entity(batch.head_index) * self.model.relation(batch.rel_type)
        query = nn.functional.dropout(query, self.dropout, self.training)
        self.dtypes.add((query @ query.T).dtype)
        score = (query * self.model.entity(batch.tail_index)).sum(1)
        wrong = (query * self.model.entity(drawn)).sum(1)
        loss = nn.functional.softplus(wrong - score).mean()
        return loss if factor is None else loss * factor

    def monitored(self) -> dict[str, float]:
        return {"drawn": self.drawn}

    def trained(self) -> Iterator[Parameter]:
        yield from self.model.parameters()

    def evaluate(self) -> dict[str, float]:
        """How far the weights have come: grows for a while, draws from both generators, so it must not disturb."""
        torch.rand(3)
        return {"mrr": -float((self.model.entity.weight.detach() - 0.5).norm()), "hits@10": 0.5}


def build(seed: int = 0, adam: bool = True, **options) -> tuple[Toy, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    np.random.seed(seed)
    task = Toy(**options)
    return task, (Adam if adam else Adagrad)(task.trained(), lr=0.05)


def train(
    folder: Path | None, fit: Fit, *, resume: bool = False, watch: Callable | None = None, scheduled: bool = True
):
    """Builds anew, as another process would, and trains. Gives the task, its optimiser and the history."""
    task, optimizer = build(watch=watch)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10) if scheduled else None
    history = fit(
        task,
        toy_triplets(),
        optimizer,
        scheduler,
        seed=3,
        evaluate=task.evaluate,
        folder=folder,
        progress=False,
        resume=resume,
    )
    return task, optimizer, history


TIMES = {"seconds", "triples_per_s"}


def timeless(records: list[dict]) -> list[dict]:
    return [{name: value for name, value in record.items() if name not in TIMES} for record in records]


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def same_bits(a: object, b: object) -> bool:
    """Whether two nested states are equal to the last bit."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same_bits(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same_bits(x, y) for x, y in zip(a, b))
    return a == b


def end(folder: Path) -> dict:
    """The last checkpoint, without its times."""
    from gnnneg.training.checkpoint import latest

    found = latest(folder / "checkpoints")
    assert found is not None
    state = found[1]
    for name in ("seconds", "train_s", "evaluate_s"):
        del state["position"][name]
    del state["chance"]["python"]  # under pytest, beartype draws from it to pick the items that it checks
    return state


def assert_same_run(a: tuple[Path, tuple[Toy, torch.optim.Optimizer, History]], b: tuple[Path, tuple]) -> None:
    """Weights, optimiser, sources of chance, metrics, best model: everything but times."""
    (folder, (task, optimizer, history)), (other, (again, reoptimizer, rehistory)) = a, b
    assert same_bits(task.state_dict(), again.state_dict())
    assert same_bits(optimizer.state_dict(), reoptimizer.state_dict())
    assert timeless(lines(folder)) == timeless(lines(other)) == timeless(history.records) == timeless(rehistory.records)
    assert same_bits(end(folder), end(other))
    assert (history.epochs, history.best_epoch, history.best) == (
        rehistory.epochs,
        rehistory.best_epoch,
        rehistory.best,
    )
    weights = "model/model.safetensors"
    assert (folder / weights).read_bytes() == (other / weights).read_bytes()
