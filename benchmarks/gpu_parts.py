"""What ``gpu.py`` measures: each part in a process of its own, which prints one JSON object a line as it goes.

``python benchmarks/gpu_parts.py steps --device cuda`` measures one part. With ``--toy`` sizes are small enough for any
CPU, so that a test can run all of it where there is no GPU.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

Work = Callable[[], object]
NBFNET_SECONDS = float(os.environ.get("GNNNEG_GPU_NBFNET", "120"))


class Size(NamedTuple):
    """How large a measurement is."""

    nodes: int
    relations: int
    edges: int
    width: int
    batch: int
    negatives: int


TOY = Size(60, 4, 300, 8, 16, 4)
PAPER = Size(14_541, 237, 310_116, 100, 1000, 256)  # FB15k-237, a batch and a width as papers have them
LARGE = Size(1_000_000, 500, 4_000_000, 256, 8192, 256)  # where memory, not the host, is the bound


class Bench:
    """Times work on a device.

    Args:
        device (str): Where.
        toy (bool): Whether sizes are small.
    """

    def __init__(self, device: str, toy: bool):
        self.device, self.toy = torch.device(device), toy
        self.cuda = self.device.type == "cuda"
        self.seconds = 0.05 if toy else float(os.environ.get("GNNNEG_GPU_SECONDS", "0.6"))
        self.paper, self.large = (TOY, TOY) if toy else (PAPER, LARGE)

    def tell(self, part: str, case: str, **found: Any) -> None:
        """Prints one record."""
        print(json.dumps({"part": part, "case": case, **found}), flush=True)

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def milliseconds(self, work: Work, warm: int = 5) -> dict[str, float]:
        """The median time of a call over repeats of many calls each, so that the wait for the device is shared out."""
        for _ in range(1 if self.toy else warm):
            work()
        self.wait()
        begin = time.perf_counter()
        work()
        self.wait()
        calls = max(1, min(200, int(self.seconds / 8 / max(1e-6, time.perf_counter() - begin))))
        laps: list[float] = []
        start = time.perf_counter()
        while len(laps) < 3 or (time.perf_counter() - start < self.seconds and len(laps) < 50):
            begin = time.perf_counter()
            for _ in range(calls):
                work()
            self.wait()
            laps.append((time.perf_counter() - begin) / calls * 1e3)
        return {"ms": statistics.median(laps), "ms_least": min(laps), "ms_most": max(laps)}

    def launches(self, work: Work) -> dict[str, int]:
        """How many kernels and copies a call starts, and how often it waits for the device."""
        if not self.cuda:
            return {}
        from torch.profiler import ProfilerActivity, profile

        work()
        self.wait()
        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
            work()
            self.wait()
        names = [event.name for event in seen.events()]
        started = sum("LaunchKernel" in name or "GraphLaunch" in name for name in names)
        copies = sum("cudaMemcpyAsync" in name for name in names)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        waits = sum("called a synchronizing" in str(one.message) for one in told)
        self.wait()
        return {"launches": started, "copies": copies, "waits": waits}

    def measured(self, work: Work, rows: int) -> dict[str, Any]:
        """Time, rate, launches, waits and peak memory of a call that handles so many rows."""
        work()
        before = 0
        if self.cuda:
            self.wait()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        found: dict[str, Any] = dict(self.milliseconds(work))
        found["per_second"] = rows / found["ms"] * 1e3
        if self.cuda:
            found["peak_mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
            found["held_mib"] = before / 2**20
        return found | self.launches(work)


@contextmanager
def guarded(bench: Bench, part: str, case: str, **more: Any) -> Iterator[None]:
    """A case that fails is recorded with its sentence, and the others go on."""
    try:
        yield
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        bench.tell(part, case, **more, error=f"{type(error).__name__}: {lines[0][:300]}")
    if bench.cuda:
        torch.cuda.empty_cache()


def machine(bench: Bench) -> None:
    """What the device is, and its two ceilings: bytes copied and products computed a second."""
    import numpy
    import torch_geometric

    found: dict[str, Any] = {"torch": torch.__version__, "pyg": torch_geometric.__version__, "numpy": numpy.__version__}
    try:
        import triton

        found["triton"] = triton.__version__
    except ImportError:
        pass
    if bench.cuda:
        about = torch.cuda.get_device_properties(0)
        found |= {"name": about.name, "memory_gib": about.total_memory / 2**30, "units": about.multi_processor_count}
        found["devices"] = torch.cuda.device_count()
    bench.tell("machine", "versions", **found)
    one = torch.randn(1 << (12 if bench.toy else 28), device=bench.device)
    other = torch.empty_like(one)
    lap = bench.milliseconds(lambda: other.copy_(one))
    bench.tell("machine", "copy", **lap, gb_per_second=2 * one.numel() * 4 / lap["ms"] / 1e6)
    size = 64 if bench.toy else 8192
    for name, dtype, precision in (
        ("float32", torch.float32, "highest"),
        ("tf32", torch.float32, "high"),
        ("bfloat16", torch.bfloat16, "highest"),
    ):
        left, right = torch.randn(2, size, size, device=bench.device).to(dtype).unbind()
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        exact = left[:64].double() @ right.double()
        error = ((left[:64] @ right).double() - exact).norm() / exact.norm()
        lap = bench.milliseconds(lambda left=left, right=right: left @ right)
        torch.set_float32_matmul_precision(before)
        bench.tell(
            "machine",
            f"product {name}",
            **lap,
            tflops=2 * size**3 / lap["ms"] / 1e9,
            relative_error=float(error),
        )


def facts(size: Size, device: torch.device):  # type: ignore[no-untyped-def]
    """Random statements of a size, as the task takes them, on the device."""
    from gnnneg.records import Triplets

    draw = torch.Generator().manual_seed(0)
    highs = size.nodes, size.relations, size.nodes
    return Triplets(*(torch.randint(high, (size.edges,), generator=draw).to(device) for high in highs))


def model(name: str, size: Size, **options: Any):  # type: ignore[no-untyped-def]
    import gnnneg.decoders
    from gnnneg.encoders import Lookup
    from gnnneg.models import KGEModel

    torch.manual_seed(0)
    width = size.width * (2 if name in ("ComplEx", "RotatE") else 1)
    return KGEModel(Lookup(size.nodes, width, **options), getattr(gnnneg.decoders, name)(size.relations, width)), width


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


def steps(bench: Bench) -> None:
    """Training steps of four models with shared and private negatives, plain, in TF32 and replayed; and PyKEEN's."""
    for name in ("DistMult", "ComplEx", "RotatE", "TransE"):
        for shared in (True, False):
            case = f"{name}, {bench.paper.negatives} {'shared' if shared else 'private'}"
            for how in ("eager", "graph", "tf32"):
                if how == "tf32" and (not shared or name in ("RotatE", "TransE")):
                    continue  # no matrix product
                with guarded(bench, "steps", case, who=how):
                    bench.tell("steps", case, who=how, size="paper", **one_step(bench, name, bench.paper, shared, how))
        with guarded(bench, "steps", name, who="PyKEEN"):
            case = f"{name}, {bench.paper.negatives} private"
            bench.tell("steps", case, who="PyKEEN", size="paper", **pykeen_step(bench, name, bench.paper))
    for name in ("DistMult", "RotatE", "TransE"):
        for shared in (True, False):
            case = f"{name}, {bench.large.negatives} {'shared' if shared else 'private'}"
            with guarded(bench, "steps", case, who="eager", size="large"):
                bench.tell(
                    "steps", case, who="eager", size="large", **one_step(bench, name, bench.large, shared, "eager")
                )
    for sparse in (True,):
        case = f"DistMult, {bench.large.negatives} shared, row-sparse"
        with guarded(bench, "steps", case, who="eager", size="large"):
            found = one_step(bench, "DistMult", bench.large, True, "eager", sparse=sparse)
            bench.tell("steps", case, who="eager", size="large", **found)


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


def recorded(learn: Any) -> dict[str, Any]:
    """Whether steps are replayed, and what speaks against it."""
    return {"replayed": learn.graph is not None, "obstacle": learn.obstacle} if hasattr(learn, "obstacle") else {}


def pykeen_step(bench: Bench, name: str, size: Size) -> dict[str, Any]:
    """PyKEEN's own training loop on the same statements, from one epoch's end to the next."""
    import pykeen.models
    from pykeen.losses import NSSALoss
    from pykeen.training import SLCWATrainingLoop, TrainingCallback
    from pykeen.triples import CoreTriplesFactory

    mapped = torch.stack([column.cpu() for column in facts(size, bench.device)], dim=1)[: size.batch * 20]
    factory = CoreTriplesFactory(mapped, num_entities=size.nodes, num_relations=size.relations)
    options = {"scoring_fct_norm": 1} if name == "TransE" else {}
    made = getattr(pykeen.models, name)(
        triples_factory=factory,
        embedding_dim=size.width,
        loss=NSSALoss(margin=9.0, adversarial_temperature=1.0),
        random_seed=0,
        **options,
    ).to(bench.device)
    marks: list[float] = []

    class Clock(TrainingCallback):
        def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: object) -> None:
            bench.wait()
            marks.append(time.perf_counter())

    if bench.cuda:
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if bench.cuda else 0
    SLCWATrainingLoop(
        model=made,
        triples_factory=factory,
        optimizer=torch.optim.Adam(made.parameters(), lr=1e-3),
        negative_sampler_kwargs={"num_negs_per_pos": size.negatives},
    ).train(
        factory,
        num_epochs=3,
        batch_size=size.batch,
        use_tqdm=False,
        use_tqdm_batch=False,
        callbacks=Clock(),
    )
    laps = [(b - a) / (len(mapped) / size.batch) * 1e3 for a, b in itertools.pairwise(marks)]
    found = {"ms": statistics.median(laps), "per_second": size.batch / statistics.median(laps) * 1e3}
    if bench.cuda:
        found["peak_mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20
    return found


def rank(bench: Bench) -> None:
    """Exact filtered ranking of test statements, both sides, over all entities; and PyKEEN's."""
    from gnnneg.data.known import KnownAnswers
    from gnnneg.evaluation import ranks
    from gnnneg.records import Triplets

    size = bench.paper
    train = facts(size, bench.device)
    test = Triplets(*(column[: 50 if bench.toy else 20_000] for column in train))
    known = KnownAnswers(train, size.nodes, size.relations).to(bench.device)
    for name in ("DistMult", "ComplEx", "RotatE", "TransE"):
        with guarded(bench, "rank", name, who="ours"):
            made, _ = model(name, size)
            made = made.to(bench.device)
            found: dict[str, Any] = {}
            for memory in (256.0, 4096.0):
                lap = bench.milliseconds(
                    lambda made=made, memory=memory: ranks(made, None, test, known, memory_mib=memory), 1
                )
                found |= {"ms": lap["ms"], f"ms_{memory:.0f}_mib": lap["ms"]}
            bench.tell("rank", name, who="ours", **found, per_second=len(test[0]) / found["ms"] * 1e3)
        with guarded(bench, "rank", name, who="PyKEEN"):
            bench.tell("rank", name, who="PyKEEN", **pykeen_rank(bench, name, size, train))


def pykeen_rank(bench: Bench, name: str, size: Size, train) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    import pykeen.models
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.triples import CoreTriplesFactory

    mapped = torch.stack([column.cpu() for column in train], dim=1)
    factory = CoreTriplesFactory(mapped, num_entities=size.nodes, num_relations=size.relations)
    made = getattr(pykeen.models, name)(triples_factory=factory, embedding_dim=size.width, random_seed=0).to(
        bench.device
    )
    some = mapped[: 20 if bench.toy else 2048]
    evaluator = RankBasedEvaluator(filtered=True)

    def evaluate() -> None:
        evaluator.evaluate(made, some, additional_filter_triples=[mapped], batch_size=256, use_tqdm=False)

    evaluate()
    begin = time.perf_counter()
    evaluate()
    bench.wait()
    seconds = time.perf_counter() - begin
    return {"ms": seconds * 1e3, "per_second": len(some) / seconds}


def message_graph(size: Size, device: torch.device):  # type: ignore[no-untyped-def]
    from torch_geometric.data import Data

    head, relation, tail = facts(size, device)
    index = torch.cat([torch.stack([head, tail]), torch.stack([tail, head])], dim=1)
    return Data(edge_index=index, edge_type=torch.cat([relation, relation + size.relations]), num_nodes=size.nodes)


def rgcn(bench: Bench) -> None:
    """One relational convolution forth and back, with bases, blocks and a full matrix a relation; and PyG's."""
    from torch_geometric.nn import RGCNConv

    from gnnneg.encoders.messages import messages
    from gnnneg.encoders.rgcn import RGCNLayer

    size = bench.paper._replace(width=16 if bench.toy else 64)
    graph = message_graph(size, bench.device)
    kept = torch.ones(graph.num_edges, dtype=torch.bool, device=bench.device)
    for form, options in (("30 bases", {"num_bases": 30}), ("8 blocks", {"num_blocks": 8}), ("full", {})):
        x = torch.randn(size.nodes, size.width, device=bench.device, requires_grad=True)
        outward = torch.randn_like(x)
        with guarded(bench, "rgcn", form, who="ours"):
            torch.manual_seed(0)
            layer = RGCNLayer(size.width, size.width, 2 * size.relations, **options).to(bench.device)
            sent, _ = messages(graph, size.relations)

            def ours(layer=layer, sent=sent, x=x, outward=outward) -> None:  # type: ignore[no-untyped-def]
                layer.along(x, sent, sent.weights(True, kept)).backward(outward)

            bench.tell("rgcn", form, who="ours", **bench.measured(ours, graph.num_edges))
        with guarded(bench, "rgcn", form, who="PyG"):
            torch.manual_seed(0)
            conv = RGCNConv(size.width, size.width, 2 * size.relations, **options).to(bench.device)

            def theirs(conv=conv, x=x, outward=outward) -> None:  # type: ignore[no-untyped-def]
                conv(x, graph.edge_index, graph.edge_type).backward(outward)

            bench.tell("rgcn", form, who="PyG", **bench.measured(theirs, graph.num_edges))


def nbfnet(bench: Bench) -> None:
    """Six layers of an NBFNet forth and back on FB15k-237's size; and the same weights in PyG's plain way."""
    import bellman_ford

    from gnnneg.models import NBFNet
    from gnnneg.records import Query

    size = bench.paper
    graph = message_graph(size, bench.device)
    layers, queries = (2, 3) if bench.toy else (bellman_ford.LAYERS, bellman_ford.QUERIES)
    draw = torch.Generator().manual_seed(0)
    highs = size.nodes, 2 * size.relations
    query = Query(*(torch.randint(high, (queries,), generator=draw).to(bench.device) for high in highs))
    everyone = torch.arange(size.nodes, device=bench.device)[None]
    for recompute in (True, False):
        case = f"{layers} layers, PNA{', layers run again' if recompute else ''}"
        torch.manual_seed(0)
        made = NBFNet(size.relations, bellman_ford.WIDTH, layers, recompute=recompute).to(bench.device)
        with guarded(bench, "nbfnet", case, who="ours"):

            def ours(made=made) -> None:  # type: ignore[no-untyped-def]
                made.scorer(made.encode(graph), query)(everyone).square().mean().backward()

            bench.tell("nbfnet", case, who="ours", **bench.measured(ours, queries))
        if recompute:
            with guarded(bench, "nbfnet", case, who="PyG"):
                score = bellman_ford.plain(graph, made, query)
                ours_score = made.scorer(made.encode(graph), query)(everyone)
                gap = float((score() - ours_score).abs().max())

                def theirs(score=score) -> None:  # type: ignore[no-untyped-def]
                    score().square().mean().backward()

                bench.tell("nbfnet", case, who="PyG", **bench.measured(theirs, queries), largest_difference=gap)


def made(bench: Bench) -> None:
    """Steps with made negatives and with samplers that look at the model, beside the plain step."""
    from gnnneg.corruption import Either
    from gnnneg.data.known import KnownAnswers
    from gnnneg.generators import DANS, EMU, MatchedEMU
    from gnnneg.losses import InfoNCE
    from gnnneg.samplers import (
        KBGAN,
        MCNS,
        All,
        Cached,
        Filtered,
        HardDraw,
        Hardest,
        InBatch,
        SelfPaced,
        Uniform,
    )
    from gnnneg.tasks import LinkPrediction

    size = bench.paper
    train = facts(size, bench.device)
    n = size.nodes
    known = KnownAnswers(train, n, size.relations)
    few = size.negatives // 4
    pool = lambda: Filtered(Uniform(n, size.negatives), known)  # noqa: E731
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "plain, shared": lambda: {"sampler": Uniform(n, size.negatives, shared=True)},
        "plain, private": lambda: {"sampler": Uniform(n, size.negatives)},
        "EMU, one mask": lambda: {"sampler": Uniform(n, size.negatives, shared=True), "generators": [EMU(0.61, 0.53)]},
        "EMU, matched": lambda: {
            "sampler": Uniform(n, size.negatives, shared=True),
            "generators": [MatchedEMU(0.61, 0.53)],
        },
        "DANS": lambda: {"sampler": Uniform(n, few), "generators": [DANS(known, size.width)]},
        "all entities": lambda: {"sampler": All(n)},
        "all entities, filtered": lambda: {"sampler": Filtered(All(n), known)},
        "uniform, filtered": lambda: {"sampler": pool()},
        "in-batch, filtered": lambda: {"sampler": Filtered(InBatch(known), known)},
        "hardest": lambda: {"sampler": Hardest(pool(), few)},
        "hard draw": lambda: {"sampler": HardDraw(pool(), few)},
        "NSCaching": lambda: {"sampler": Cached(Uniform(n, 30), known, few, size=30)},
        "KBGAN": lambda: {"sampler": KBGAN(pool(), model("DistMult", size._replace(width=24))[0], few)},
        "MCNS": lambda: {"sampler": MCNS(known, few)},
        "self-paced": lambda: {"sampler": SelfPaced(pool(), few)},
    }
    for case, parts in cases.items():
        for how in ("eager", "graph"):
            with guarded(bench, "made", case, who=how):
                torch.manual_seed(0)
                task = LinkPrediction(model("DistMult", size)[0], Either(size.relations), loss=InfoNCE(), **parts())
                task = task.to(bench.device)
                optimizer = torch.optim.Adam(task.trained(), lr=1e-3, fused=True)
                step, learn = stepper(bench, task, train, optimizer, size, how == "graph" and bench.cuda)
                found = bench.measured(step, size.batch) | recorded(learn)
                bench.tell("made", case, who=how, **found, loss=float(step()))


def nccl(bench: Bench) -> None:
    """Two processes exchange rows, if there are two devices."""
    count = torch.cuda.device_count() if bench.cuda else 0
    if count < 2:
        bench.tell("nccl", "two processes", skipped=f"{count} CUDA devices here; two are needed")
        return
    import torch.multiprocessing as mp

    mp.spawn(_exchange, args=(2,), nprocs=2)
    bench.tell("nccl", "two processes", equal=True)


def _exchange(rank: int, world: int) -> None:
    import torch.distributed as dist

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29611"}
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=world)
    mine = torch.arange(world, device="cuda") + 10 * rank
    theirs = torch.empty_like(mine)
    dist.all_to_all_single(theirs, mine)
    assert theirs.tolist() == [10 * other + rank for other in range(world)]
    dist.destroy_process_group()


def tests(bench: Bench) -> None:
    """Every test that needs a device: each kernel against its reference, each part against itself on the CPU."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "tests").is_dir():
        bench.tell("tests", "pytest", skipped="the tests are in the checkout only")
        return
    if not bench.cuda:
        bench.tell("tests", "pytest", skipped="no CUDA device")
        return
    files = [str(file) for file in sorted((root / "tests").rglob("test_*.py")) if "mark.gpu" in file.read_text()]
    workers = (
        ["-n", str(min(12, os.cpu_count() or 1))] if find_spec("xdist") else []
    )  # kernels are compiled side by side
    options = ["-v", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider", "--no-header", "--tb=short", *workers]
    command = [sys.executable, "-m", "pytest", *options, *files]
    begin = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=root)
    lines = []
    with running:
        assert running.stdout is not None
        for line in running.stdout:  # kept as it comes, so that a run that is stopped leaves what it found
            sys.stderr.write(line)
            sys.stderr.flush()
            lines.append(line.strip())
    failed = [line[:200] for line in lines if line.startswith(("FAILED", "ERROR"))]
    last = lines[-1] if lines else "it said nothing"
    bench.tell(
        "tests", "pytest", exit=running.returncode, last=last, failed=failed, seconds=time.perf_counter() - begin
    )


def trained(bench: Bench, part: str, config: str, *settings: str) -> None:
    """Trains a config and tells what it came to."""
    from gnnneg.experiment.execute import train_config

    root = Path(__file__).resolve().parents[1]
    out = Path(os.environ.get("GNNNEG_GPU_RUNS", "runs/gpu/runs")) / part
    shutil.rmtree(out, ignore_errors=True)
    with guarded(bench, part, config, who="ours"):
        run = train_config(
            root / "configs" / config, ["--device", str(bench.device), *settings], out=out, progress=False
        )
        result = json.loads((Path(run.path) / "result.json").read_text())
        test = {name: value for name, value in result["metrics"]["test"].items() if isinstance(value, float)}
        bench.tell(
            part,
            config,
            who="ours",
            settings=" ".join(settings),
            best_epoch=result["best_epoch"],
            valid_mrr=result["metrics"]["valid"]["mrr"],
            test=test,
            **result["time"],
            **result["memory"],
        )


def complex_training(bench: Bench) -> None:
    """ComplEx on FB15k-237, whose published MRR at this rank is .345."""
    if bench.toy:
        trained(bench, "complex", "synthetic/uniform.yaml", "--fit.epochs", "1")
    else:
        trained(bench, "complex", "FB15k-237/complex.yaml", "--fit.max_seconds", "110")


def nbfnet_training(bench: Bench) -> None:
    """NBFNet on WN18RR with the published settings for some time, then 500 test statements among all entities."""
    from gnnneg.config import Facts
    from gnnneg.corruption import Either
    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import triplets
    from gnnneg.data.synthetic import world
    from gnnneg.datasets import load
    from gnnneg.evaluation import ranks
    from gnnneg.evaluation.metrics import summary
    from gnnneg.losses import LogSigmoid
    from gnnneg.models import NBFNet
    from gnnneg.records import Triplets
    from gnnneg.samplers import Filtered, Uniform
    from gnnneg.tasks import LinkPrediction

    seconds, some = (1.0, 10) if bench.toy else (NBFNET_SECONDS, 500)
    with guarded(bench, "nbfnet-train", "WN18RR", who="ours"):
        data = world(40).data if bench.toy else load("WN18RR")
        facts, device = Facts(data), bench.device
        torch.manual_seed(0)
        layers = 2 if bench.toy else 6
        task = LinkPrediction(
            NBFNet(facts.num_relations, 32, layers, dependent=False),
            Either(facts.num_relations),
            Filtered(Uniform(facts.num_nodes, 32), facts.known),
            LogSigmoid(margin=0.0, adversarial=1.0),
            graph=facts.graph,
        ).to(device)
        optimizer = torch.optim.Adam(task.trained(), lr=0.005)
        stated = {split: triplets(data, split=split) for split in ("train", "valid", "test")}
        train = Triplets(*(column.to(device) for column in stated["train"]))
        draw, step = torch.Generator(device).manual_seed(0), 0
        order = torch.randperm(len(train[0]), generator=draw, device=device)
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            rows = order[(step * 32) % len(order) :][:32]
            optimizer.zero_grad()
            task(Triplets(*(column[rows] for column in train)), draw).backward()
            optimizer.step()
            step += 1
            if step % 20 == 0:
                bench.wait()  # or the host would run ahead of the clock
        bench.wait()
        spent = time.perf_counter() - begin
        whole = Triplets(*(torch.cat(column) for column in zip(*stated.values())))
        known = KnownAnswers(whole, facts.num_nodes, facts.num_relations).to(device)
        row = torch.randperm(len(stated["test"][0]), generator=torch.Generator().manual_seed(0))[:some]
        asked = Triplets(*(column[row] for column in stated["test"]))
        begin = time.perf_counter()
        found = summary(ranks(task.model, facts.graph, asked, known, memory_mib=64.0 if bench.toy else 8192.0))
        bench.tell(
            "nbfnet-train",
            "WN18RR",
            who="ours",
            seconds=spent,
            steps=step,
            epochs=step * 32 / len(order),
            statements_tested=len(row),
            rank_s=time.perf_counter() - begin,
            test={name: value for name, value in found.items() if isinstance(value, float)},
        )


# part: what measures it and the most seconds it may take
PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "machine": (machine, 40),
    "tests": (tests, 180),
    "nccl": (nccl, 40),
    "steps": (steps, 150),
    "rank": (rank, 60),
    "rgcn": (rgcn, 40),
    "nbfnet": (nbfnet, 40),
    "made": (made, 90),
    "complex": (complex_training, 150),
    "nbfnet-train": (nbfnet_training, 150),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    PARTS[arguments.part][0](Bench(arguments.device, arguments.toy))


if __name__ == "__main__":
    main()
