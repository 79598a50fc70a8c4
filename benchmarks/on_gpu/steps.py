"""Training steps: plain, in TF32 and replayed; and PyKEEN's."""

import statistics
from functools import partial
from typing import Any

import peers
import torch
from on_gpu.bench import Bench, Size, Work
from on_gpu.made_up import facts, model
from torch import Tensor


def steps(bench: Bench) -> None:
    """Training steps of four models with shared and private negatives, plain, in TF32 and replayed; and PyKEEN's."""
    paper, large = bench.paper, bench.large
    for name in ("DistMult", "ComplEx", "RotatE", "TransE"):
        for shared in (True, False):
            case = f"{name}, {paper.negatives} {'shared' if shared else 'private'}"
            for how in ("eager", "graph", "tf32"):
                if how == "tf32" and (not shared or name in ("RotatE", "TransE")):
                    continue  # no matrix product
                bench.case("steps", case, partial(one_step, bench, name, paper, shared, how), who=how, size="paper")
        case = f"{name}, {paper.negatives} private"
        bench.case("steps", case, partial(pykeen_step, bench, name, paper), who="PyKEEN", size="paper")
    for name in ("DistMult", "RotatE", "TransE"):
        for shared in (True, False):
            case = f"{name}, {large.negatives} {'shared' if shared else 'private'}"
            bench.case("steps", case, partial(one_step, bench, name, large, shared, "eager"), who="eager", size="large")
    case = f"DistMult, {large.negatives} shared, row-sparse"
    sparse = partial(one_step, bench, "DistMult", large, True, "eager", sparse=True)
    bench.case("steps", case, sparse, who="eager", size="large")


def one_step(bench: Bench, name: str, size: Size, shared: bool, how: str, sparse: bool = False) -> dict[str, Any]:
    from gnnneg.corruption import Either
    from gnnneg.losses import LogSigmoid
    from gnnneg.samplers import Uniform
    from gnnneg.tasks import LinkPrediction
    from gnnneg.training import LazyAdam
    from gnnneg.training.precision import products_in_tf32

    made, width = model(name, size, sparse=sparse)
    sampler = Uniform(size.nodes, size.negatives, shared=shared)
    task = LinkPrediction(made, Either(size.relations), sampler, LogSigmoid(9.0, adversarial=1.0)).to(bench.device)
    optimizer: torch.optim.Optimizer = (
        LazyAdam(list(task.trained()), lr=1e-3) if sparse else torch.optim.Adam(task.trained(), lr=1e-3, fused=True)
    )
    step, learn = stepper(bench, task, facts(size, bench.device), optimizer, size, how == "graph" and bench.cuda)
    with products_in_tf32(how == "tf32" and bench.cuda):
        found = bench.measured(step, size.batch)
    if not sparse:
        moved = floor_bytes(name, size, width, shared)
        found |= {"floor_bytes": moved, "gb_per_second": moved / found["ms"] / 1e6}
    return found | recorded(learn) | {"loss": float(step())}


def floor_bytes(name: str, size: Size, width: int, shared: bool) -> int:
    """The fewest bytes a step with Adam and a dense gradient moves: the optimiser reads value, gradient and two
    moments and writes three of them, the gradient is written once, and private candidates are read forth and back.
    """
    table = size.nodes * width * 4
    gathered = 0 if shared else 2 * size.batch * size.negatives * width * 4
    return 8 * table + gathered


def stepper(bench: Bench, task, train, optimizer, size: Size, graphed: bool) -> tuple[Work, Any]:  # type: ignore[no-untyped-def]
    """One training step, as :class:`~gnnneg.training.Fit` takes it."""
    from gnnneg.records import Triplets
    from gnnneg.training.graphed import Graphed

    draw = torch.Generator(bench.device).manual_seed(0)

    def once(batch) -> Tensor:  # type: ignore[no-untyped-def]
        loss = task(batch, draw)
        loss.backward()
        return loss.detach()

    learn = Graphed(once, task, draw) if graphed else once
    order = torch.randint(size.edges, (64, size.batch), device=bench.device)
    turn = iter(range(10**9))

    def step() -> Tensor:
        rows = order[next(turn) % 64]
        optimizer.zero_grad()
        loss = learn(Triplets(*(column[rows] for column in train)))
        optimizer.step()
        return loss

    return step, learn


def recorded(learn: Any) -> dict[str, Any]:
    """Whether steps are replayed, and what speaks against it."""
    return {"replayed": learn.graph is not None, "obstacle": learn.obstacle} if hasattr(learn, "obstacle") else {}


def pykeen_step(bench: Bench, name: str, size: Size) -> dict[str, Any]:
    """PyKEEN's own training loop on the same statements."""
    mapped = torch.stack([column.cpu() for column in facts(size, bench.device)], dim=1)[: size.batch * 20]
    made, factory = peers.made(name, mapped, size.nodes, size.relations, size.width, bench.device)
    before = 0
    if bench.cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    laps = peers.epochs(made, factory, size.negatives, size.batch, 3, bench.wait)
    ms = statistics.median(laps) / (len(mapped) / size.batch) * 1e3
    found = {"ms": ms, "per_second": size.batch / ms * 1e3}
    if bench.cuda:
        found["peak_mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
    return found
