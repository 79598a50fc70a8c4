"""Whole trainings, as far as they come in the time that is left; each ends and is told before it would be stopped."""

import json
import os
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from on_gpu.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
AFTER = 40  # seconds for loading, the epoch that training ends in, and the test
SLACK = 10  # seconds that the host may run ahead of the device, and an estimate may be wrong by


def trained(bench: Bench, part: str, config: str, *settings: str) -> dict[str, Any]:
    """Trains a config, and what it comes to."""
    from gnnneg.experiment import train_config

    out = Path(os.environ.get("GNNNEG_GPU_RUNS", "runs/gpu/runs")) / part
    shutil.rmtree(out, ignore_errors=True)
    run = train_config(ROOT / "configs" / config, ["--device", str(bench.device), *settings], out=out, progress=False)
    result = json.loads((Path(run.path) / "result.json").read_text())
    test = {name: value for name, value in result["metrics"]["test"].items() if isinstance(value, float)}
    return {
        "settings": " ".join(settings),
        "best_epoch": result["best_epoch"],
        "valid_mrr": result["metrics"]["valid"]["mrr"],
        "test": test,
        **result["time"],
        **result["memory"],
    }


def complex_training(bench: Bench) -> None:
    """ComplEx on FB15k-237, whose published MRR at this rank is .345."""
    config, until = "FB15k-237/complex.yaml", ("--fit.max_seconds", f"{max(5.0, bench.left() - AFTER):.0f}")
    if bench.toy:
        config, until = "synthetic/uniform.yaml", ("--fit.epochs", "1")
    bench.case("complex", config, partial(trained, bench, "complex", config, *until), who="ours")


def nbfnet_training(bench: Bench) -> None:
    """NBFNet on WN18RR with the published settings for some time, then 500 test statements among all entities."""
    bench.case("nbfnet-train", "WN18RR", partial(nbfnet_trained, bench), who="ours")


def nbfnet_trained(bench: Bench) -> dict[str, Any]:
    from gnnneg.corruption import Either
    from gnnneg.data.facts import Facts
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
    whole = Triplets(*(torch.cat(column) for column in zip(*stated.values())))
    known = KnownAnswers(whole, facts.num_nodes, facts.num_relations).to(device)
    some = 10 if bench.toy else 500
    row = torch.randperm(len(stated["test"][0]), generator=torch.Generator().manual_seed(0))[:some]
    memory = 64.0 if bench.toy else 8192.0

    def ranked(count: int) -> tuple[dict[str, Any], float]:
        """The figures of some test statements, and the seconds that they take."""
        asked, begin = Triplets(*(column[row[:count]] for column in stated["test"])), time.perf_counter()
        return summary(ranks(task.model, facts.graph, asked, known, memory_mib=memory)), time.perf_counter() - begin

    tenth = [ranked(some // 10)[1] for _ in range(2)][-1]  # the first time kernels are compiled
    seconds = 1.0 if bench.toy else bench.left() - 10 * tenth - SLACK
    draw, step = torch.Generator(device).manual_seed(0), 0
    order = torch.randperm(len(train[0]), generator=draw, device=device)
    begin = time.perf_counter()
    while step == 0 or time.perf_counter() - begin < seconds:
        rows = order[(step * 32) % len(order) :][:32]
        optimizer.zero_grad()
        task(Triplets(*(column[rows] for column in train)), draw).backward()
        optimizer.step()
        step += 1
        if step % 20 == 0:
            bench.wait()  # or the host would run ahead of the clock
    bench.wait()
    spent = time.perf_counter() - begin
    found, rank_s = ranked(some)
    return {
        "seconds": spent,
        "steps": step,
        "epochs": step * 32 / len(order),
        "statements_tested": len(row),
        "rank_s": rank_s,
        "test": {name: value for name, value in found.items() if isinstance(value, float)},
    }
