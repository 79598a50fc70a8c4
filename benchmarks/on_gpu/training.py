"""Whole trainings, as far as they come in some time."""

import json
import os
import shutil
import time
from pathlib import Path

import torch
from on_gpu.bench import Bench, guarded

SECONDS = float(os.environ.get("GNNNEG_GPU_NBFNET", "120"))
ROOT = Path(__file__).resolve().parents[2]


def trained(bench: Bench, part: str, config: str, *settings: str) -> None:
    """Trains a config and tells what it came to."""
    from gnnneg.experiment import train_config

    out = Path(os.environ.get("GNNNEG_GPU_RUNS", "runs/gpu/runs")) / part
    shutil.rmtree(out, ignore_errors=True)
    with guarded(bench, part, config, who="ours"):
        run = train_config(
            ROOT / "configs" / config, ["--device", str(bench.device), *settings], out=out, progress=False
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

    seconds, some = (1.0, 10) if bench.toy else (SECONDS, 500)
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
