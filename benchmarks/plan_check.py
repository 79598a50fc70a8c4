"""What ``gnnneg plan`` says a step takes, against steps that are taken: a table in Markdown.

``python benchmarks/plan_check.py`` trains on synthetic statements, whose entities are as frequent as Zipf's law
says, of 0.1, 0.3 and 1 million entities, on one thread, and counts the processor's time. ``--processes 2`` does so with
that many processes, and tells the peak memory of each and the bytes that each sends a step. The network is what these
processes exchange a second on the same clock, measured before the steps. ``--clock wall`` counts time as it passes,
where nothing else may run; ``--sizes`` and ``--cases`` choose. ``--record FILE`` keeps what was taken, beside what was
planned.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from measure import forget, peak_mib, recording

STATEMENTS, RELATIONS, BATCH, WIDTH = 100_000, 800, 1000, 128


def uniform(count: int, shared: bool) -> dict:
    return {"class_path": "Uniform", "init_args": {"num_negatives": count, "shared": shared}}


def hardest(kept: int, count: int) -> dict:
    return {"class_path": "Hardest", "init_args": {"proposal": uniform(count, False), "num_negatives": kept}}


CASES = {
    "DistMult, 1,000 shared, RowAdagrad": ("DistMult", uniform(1000, True), "RowAdagrad", "InfoNCE"),
    "DistMult, 1,000 shared, LazyAdam": ("DistMult", uniform(1000, True), "LazyAdam", "InfoNCE"),
    "TransE, 256 shared, LazyAdam": ("TransE", uniform(256, True), "LazyAdam", "LogSigmoid"),
    "DistMult, 64 private, RowAdagrad": ("DistMult", uniform(64, False), "RowAdagrad", "InfoNCE"),
    "RotatE, 64 private, RowAdagrad": ("RotatE", uniform(64, False), "RowAdagrad", "LogSigmoid"),
    "ComplEx, hardest 16 of 128, RowAdagrad": ("ComplEx", hardest(16, 128), "RowAdagrad", "InfoNCE"),
    "DistMult, 256 shared, Adam, dense": ("DistMult", uniform(256, True), "Adam", "InfoNCE"),
}
Taken = tuple[float, float, float]  # seconds of a step, peak MiB and bytes sent a step, of each process
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
EXCHANGED = 16 << 20  # bytes for each other process, of which the network's speed is taken
DENSE = 300_000  # entities: past that a dense step is not worth a row of the table


def tree(case: str, encoder: str = "Lookup") -> dict:
    """The config of a case."""
    decoder, sampler, optimizer, loss = CASES[case]
    sparse = {} if encoder == "ShardedLookup" else {"sparse": optimizer != "Adam"}
    looked_up = {"class_path": encoder, "init_args": {"hidden_channels": WIDTH, **sparse}}
    model = {"class_path": "KGEModel", "init_args": {"encoder": looked_up, "decoder": decoder}}
    task = {"model": model, "corruption": "Both", "sampler": sampler, "loss": loss}
    return {
        "data": {"name": "made here"},
        "task": {"class_path": "LinkPrediction", "init_args": task},
        "optimizer": optimizer,
        "fit": {"epochs": 1, "batch_size": BATCH},
    }


def statements(num_nodes: int, count: int):  # type: ignore[no-untyped-def]
    """Statements whose entities of rank r come in proportion to 1 / r."""
    from gnnneg.records import Triplets

    rng = torch.Generator().manual_seed(0)
    name = torch.randperm(num_nodes, generator=rng)
    ends = (num_nodes ** torch.rand(2, count, generator=rng, dtype=torch.double)).long().clamp(max=num_nodes) - 1
    return Triplets(name[ends[0]], torch.randint(RELATIONS, (count,), generator=rng), name[ends[1]])


def taken(case: str, num_nodes: int, encoder: str, clock) -> float:  # type: ignore[no-untyped-def]
    """Seconds of a step, the least of three times."""
    from gnnneg.experiment.settings import plan
    from gnnneg.training import Fit

    settings = plan(tree(case, encoder)).arguments
    task = settings["task"].build({"num_nodes": num_nodes, "num_relations": RELATIONS, "graph": None})
    optimizer = settings["optimizer"].build({"params": list(task.trained())})
    heavy = "private" in case or "hardest" in case or "dense" in case
    steps, fit, made = 8 if heavy else 30, Fit(epochs=1, batch_size=BATCH), statements(num_nodes, STATEMENTS)

    def some(count: int) -> float:
        part = type(made)(*(column[: count * BATCH] for column in made))
        begin = clock()
        fit(task, part, optimizer, seed=0, progress=False)
        TAKEN[0] += count
        return (clock() - begin) / count

    some(2)
    return min(some(steps) for _ in range(3))


class Sent:
    """Counts the bytes that this process sends to others, and those that come back to it as gradients."""

    def __init__(self) -> None:
        from gnnneg import distributed

        self.bytes = 0
        exchange, added = distributed.exchanged, distributed._add_up

        def others(parts: list[int] | None, value: torch.Tensor) -> int:
            if parts is None:
                return value.nbytes // distributed.size() * (distributed.size() - 1)
            width = value.nbytes // max(len(value), 1)
            return sum(count for rank, count in enumerate(parts) if rank != distributed.rank()) * width

        def exchanged(value, to=None, back=None):  # type: ignore[no-untyped-def]
            self.bytes += others(to, value)
            return exchange(value, to, back)

        def summed(state, bucket):  # type: ignore[no-untyped-def]
            self.bytes += 2 * others(None, bucket.buffer())  # to be summed, and summed
            return added(state, bucket)

        distributed.exchanged = exchanged
        distributed._add_up = summed


def inside(case: str, num_nodes: int, clock: str) -> None:
    """What each process of several does."""
    from gnnneg import distributed

    with distributed.together():
        network = exchanged_a_second(CLOCKS[clock])
        sent = Sent()
        forget()
        seconds = taken(case, num_nodes, "ShardedLookup" if distributed.size() > 1 else "Lookup", CLOCKS[clock])
        told = [seconds, peak_mib(), sent.bytes / max(TAKEN[0], 1), network]
        told = torch.tensor(told, dtype=torch.double)
        distributed.summed(told)
        if distributed.rank() == 0:
            print(json.dumps((told / distributed.size()).tolist()))


def exchanged_a_second(clock) -> float:  # type: ignore[no-untyped-def]
    """Bytes that this process sends to others, and as many that it is sent, the most of some times."""
    from gnnneg import distributed

    if distributed.size() == 1:
        return 1.0
    rows, best = torch.zeros(distributed.size() * (EXCHANGED // (4 * WIDTH)), WIDTH), float("inf")
    for _ in range(6):
        begin = clock()
        distributed.exchanged(rows)
        best = min(best, clock() - begin)
    return rows.nbytes / distributed.size() * (distributed.size() - 1) / best


TAKEN = [0]  # steps


def several(case: str, num_nodes: int, processes: int, clock: str) -> tuple[Taken, float]:
    """What a step takes, by processes of their own, and the bytes that they exchange a second."""
    words = [sys.executable, str(Path(__file__)), "--inside", case, "--sizes", str(num_nodes), "--clock", clock]
    if processes > 1:
        words[1:1] = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    *taken, network = json.loads(done.stdout.strip().splitlines()[-1])
    return tuple(taken), network


def planned_mib(made) -> float:  # type: ignore[no-untyped-def]
    """What is planned for a process that ranks nothing, knows no names and no index, and holds few statements."""
    without = ("names", "statements", "index, while it is made", "ranking")
    return sum(size for name, size in made.memory.items() if name not in without) / 2**20


def rows(case: str, num_nodes: int, processes: int, clock: str, taken: Taken, planned: Taken) -> list[dict]:
    """What was taken and what was planned as rows of measurements: of several processes, memory and bytes sent too."""
    told = {"suite": "plan", "case": case, "entities": num_nodes, "processes": processes, "clock": clock}
    sides = [("ms a step", 1e3), ("MiB each", 1.0), ("MB sent a step", 1e-6)][: 1 if processes == 1 else 3]
    return [
        {
            **told,
            "unit": unit,
            "ours": ours * by,
            "peer": peer * by,
            "peer_name": "planned",
            "ratio": peer / ours if ours else None,
        }
        for (unit, by), ours, peer in zip(sides, taken, planned)
    ]


def main() -> None:
    from gnnneg.experiment.settings import plan
    from gnnneg.planning import Graph, Machines, forecast, known, work

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--sizes", type=lambda text: int(float(text)), nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--clock", choices=list(CLOCKS), default="processor")
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well, as gnnneg bench does")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.inside:
        inside(arguments.inside, arguments.sizes[0], arguments.clock)
        return
    count, record = arguments.processes, recording(arguments.record, threads=1)
    print("| entities | config | planned, ms a step | taken | planned / taken ", end="")
    print("| planned, MiB each | taken | planned, MB sent | taken |\n|---|---|---|---|---|---|---|---|---|")
    for num_nodes in arguments.sizes:
        graph = Graph(num_nodes, STATEMENTS, RELATIONS)
        for case in arguments.cases:
            dense = "dense" in case
            if dense and (num_nodes > DENSE or count > 1):
                continue
            encoder = "Lookup" if count == 1 else "ShardedLookup"
            taken, network = several(case, num_nodes, count, arguments.clock)
            found, mib, sent = taken
            machines = Machines(count, network=network, cores=1)
            made = forecast(work(plan(tree(case, encoder)), graph), graph, machines, known())
            print(f"| {num_nodes:,} | {case} | {1e3 * made.step:.1f} | {1e3 * found:.1f} ", end="")
            print(f"| {made.step / found:.2f} | {planned_mib(made):,.0f} | {mib:,.0f} ", end="")
            print(f"| {made.sent / 1e6:.1f} | {sent / 1e6:.1f} |", flush=True)
            planned = made.step, planned_mib(made), made.sent
            for row in rows(case, num_nodes, count, arguments.clock, taken, planned):
                record({**row, "network": network} if count > 1 else row)


if __name__ == "__main__":
    main()
