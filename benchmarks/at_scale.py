"""Whether chosen negatives pay more as graphs grow: seven samplers, the same time, on worlds whose truth is known.

``python benchmarks/at_scale.py --seconds 3600`` makes worlds of 0.5, 2 and 5 million entities (each in a process of its
own), trains each sampler on each for so long, one after the other on one thread, and counts how much of what it draws
at the end is true. What is there already is not done again, and a run that was interrupted is gone on with, so that the
command can be given until all is done. It prints a table in Markdown, and draws ``at-scale.svg`` beside the runs: test
MRR against entities, and how each run came there. ``--record FILE`` keeps the figures of each run, once.
``--sizes 2000 8000 --seconds 20`` is a trial.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import recording

ASKED = 1000  # validation and test statements, each
OBSERVED, DENIED, SEED = 0.8, 0.1, 0  # of a world
DRAWN = 1000  # statements whose negatives are counted
SUITE = "at-scale"


def part(name: str, **given: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": given}


def uniform(count: int, shared: bool = False) -> dict[str, Any]:
    return part("Uniform", num_negatives=count, shared=shared)


POOL = part("Filtered", proposal=uniform(256))
SAMPLERS = {
    "uniform": part("Filtered", proposal=uniform(1000, shared=True)),
    "uniform, private": part("Filtered", proposal=uniform(64)),
    "popular, corrected": part(
        "Corrected", proposal=part("Filtered", proposal=part("Popular", num_negatives=1000, shared=True))
    ),
    "hardest 64 of 256": part("Hardest", proposal=POOL, num_negatives=64),
    "NSCaching": part("Cached", proposal=uniform(30), num_negatives=64, size=30, queries=1_000_000),
    "MCNS": part("Filtered", proposal=part("MCNS", num_negatives=64, chains=8)),
    "denied, then uniform": part(
        "Padded", first=part("Denied", num_negatives=64), rest=part("Filtered", proposal=uniform(64))
    ),
}


def config(data: Path, sampler: dict[str, Any], words: argparse.Namespace) -> dict[str, Any]:
    """What one run is told."""
    encoder = part("Lookup", hidden_channels=words.width, sparse=True)
    model = part("KGEModel", encoder=encoder, decoder=part("ComplEx", reciprocal=True))
    return {
        "data": {"name": str(data)},
        "task": part("LinkPrediction", model=model, corruption="Both", sampler=sampler, loss="InfoNCE"),
        "optimizer": part("RowAdagrad", lr=0.1),
        "fit": {
            "epochs": 1_000_000,
            "steps": words.steps,
            "batch_size": 1024,
            "evaluate_every": 5,
            "patience": 20,
            "max_seconds": words.seconds,
        },
        "evaluation": {"valid_sample": 200, "evaluators": []},
        "seed": SEED,
        "device": "cpu",
    }


def made(size: int, folder: Path) -> None:
    """Writes a world as a data set, and the truth beside it by the numbers that entities have there."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import torch
    from pyarrow import csv

    from gnnneg import datasets
    from gnnneg.data.ingest import ingest
    from gnnneg.data.statements import SPLITS, triplets
    from gnnneg.data.synthetic import world

    share = ASKED / (4 * size)  # a world has about four statements an entity
    whole = world(size, OBSERVED, DENIED, share, share, SEED)
    entities, relations = whole.data["entity"].names.array, pa.array(whole.data.relation_names)
    raw, out = folder / f"world-{size}-tsv", folder / f"partial-{size}"
    for path in (raw, out):
        shutil.rmtree(path, ignore_errors=True)
    raw.mkdir(parents=True)
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    for split in SPLITS:
        for polarity, name in (("stated", split), ("denied", f"{split}_denied")):
            columns = zip(triplets(whole.data, polarity, split), (entities, relations, entities))
            table = [of.take(pa.array(index.numpy())) for index, of in columns]
            if len(table[0]):
                csv.write_csv(pa.table(table, ["head", "relation", "tail"]), raw / f"{name}.tsv", options)
    truth = whole.truth
    del whole
    ingest(raw, out)
    shutil.rmtree(raw)
    data = datasets.graphs(str(out), None)[0]
    numbers = [
        torch.from_numpy(pc.index_in(of, value_set=there).to_numpy(zero_copy_only=False).copy()).long()
        for of, there in ((entities, data["entity"].names.array), (relations, pa.array(data.relation_names)))
    ]
    torch.save([of[index].int() for index, of in zip(truth, (numbers[0], numbers[1], numbers[0]))], out / "truth.pt")
    out.rename(folder / f"world-{size}")


def drawn(run: Path, world: Path) -> None:
    """Counts what of the negatives for some training statements is true, by the weight that they have."""
    import torch

    from gnnneg import Run
    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import num_relations, triplets
    from gnnneg.looking import judging
    from gnnneg.records import Triplets

    given = Run.load(run)
    data, task = given.data, given.task
    rng = torch.Generator().manual_seed(SEED)
    train = triplets(data, "stated", "train")
    some = torch.randperm(len(train.rel_type), generator=rng)[:DRAWN]
    query, target = task.corruption(Triplets(*(column[some] for column in train)), rng)
    task.train()
    with torch.no_grad(), judging(task.model):
        critic = task.model.scorer(task.model.encode(None), query)
        for _ in range(3):  # caches and chains of these queries begin, if they had none
            negatives = task.sampler(query, target, critic, rng)
        score, own = critic(negatives.index), critic(target[:, None])
    whole = Triplets(*(column.long() for column in torch.load(world / "truth.pt")))
    truth = KnownAnswers(whole, data["entity"].num_nodes, num_relations(data))
    weight = negatives.weight.expand(score.shape)
    wrong = truth.contains(query, negatives.index)
    (run / "drawn.json").write_text(
        json.dumps(
            {
                "true": float((weight * wrong).sum() / weight.sum()),
                "above": float((weight * (score > own)).sum() / weight.sum()),
            }
        )
    )


def gnnneg(*words: str) -> None:
    """One command, on one thread."""
    said = subprocess.run([sys.executable, "-m", "gnnneg", *words], env=ENVIRONMENT, capture_output=True, text=True)
    if said.returncode:
        sys.exit(f"gnnneg {' '.join(words)}: {(said.stderr.strip().splitlines() or ['no word'])[-1]}")


def again(*words: str) -> None:
    """A part of this file in a process of its own, whose memory is gone afterwards."""
    subprocess.run([sys.executable, str(Path(__file__)), *words], env=ENVIRONMENT, check=True)


ROOT = str(Path(__file__).resolve().parents[1])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(filter(None, (ROOT, os.getenv("PYTHONPATH"))))


def folder_of(size: int, name: str, folder: Path) -> Path:
    """Where the run of a sampler is."""
    return folder / f"{size}-{name.replace(', ', '-').replace(' ', '-')}"


def kept(size: int, name: str, found: dict[str, Any], folder: Path, record: Callable[[dict[str, Any]], None]) -> None:
    """Keeps the figures of a run, unless a record of it has been kept before."""
    run = folder_of(size, name, folder)
    mark = run / "recorded"
    if mark.exists():
        return
    about = json.loads((run / "environment.json").read_text())
    row = {"suite": SUITE, "case": name, "entities": size, "unit": "test MRR", "ours": found["mrr"]}
    row |= {key: value for key, value in found.items() if key != "mrr"}
    record({**row, "asked": about["config"]["fit"], "trained_at": about.get("commit")})
    mark.touch()


def trained(size: int, name: str, words: argparse.Namespace) -> dict[str, Any]:
    """One run, unless it is there, and its figures."""
    folder = Path(words.out)
    world, run = folder / f"world-{size}", folder_of(size, name, folder)
    if run.exists() and not (run / "result.json").exists() and not any(run.glob("checkpoints/*")):
        shutil.rmtree(run)  # before there was anything to go on from
    if not run.exists():
        file = folder / f"{run.name}.yaml"
        file.write_text(json.dumps(config(world, SAMPLERS[name], words)))
        gnnneg("train", str(file), "--out", str(run), "--quiet")
    elif not (run / "result.json").exists() or "pending" in json.loads((run / "result.json").read_text()):
        gnnneg("resume", str(run), "--quiet")
    if not (run / "drawn.json").exists():
        again("--drawn", str(run), str(world))
    for checkpoint in run.glob("checkpoints/*"):  # three gigabytes each
        checkpoint.unlink()
    print(f"{size:,}, {name}: done", file=sys.stderr, flush=True)
    return figures(run)


def figures(run: Path) -> dict[str, Any]:
    """What the table and the plot tell of a run."""
    result, counted = (json.loads((run / name).read_text()) for name in ("result.json", "drawn.json"))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seconds, curve = 0.0, []
    for line in lines:
        if "valid" in line:
            curve.append((seconds, line["valid"]["mrr"]))
        else:
            seconds += line["seconds"]
    return {
        "mrr": result["metrics"]["test"]["mrr"],
        "hits": result["metrics"]["test"]["hits@10"],
        "steps": max(line["step"] for line in lines),
        "mib": result["memory"]["peak_rss_mib"],
        "curve": curve,
        **counted,
    }


def draw(found: dict[tuple[int, str], dict[str, Any]], out: Path) -> None:
    """Test MRR against entities, and validation MRR against seconds for each size."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = SUITE  # the same figures, the same file
    from matplotlib import pyplot

    sizes, names = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    figure, panels = pyplot.subplots(1, 1 + len(sizes), figsize=(3.4 * (1 + len(sizes)), 3.6), layout="constrained")
    for place, name in enumerate(names):
        colour = f"C{place}"  # the same in each panel, also where a run is not there yet
        there = [size for size in sizes if (size, name) in found]
        panels[0].plot(there, [found[size, name]["mrr"] for size in there], "o-", ms=4, color=colour, label=name)
        for axes, size in zip(panels[1:], sizes):
            if (size, name) in found:
                axes.plot(*zip(*found[size, name]["curve"]), "-", lw=1, color=colour)
            axes.set(title=f"{size:,} entities", xlabel="seconds of training", ylabel="validation MRR")
    panels[0].set(xscale="log", xlabel="entities", ylabel="test MRR", title="after equal time")
    panels[0].set_xticks(sizes, [f"{size:,}" for size in sizes])
    panels[0].minorticks_off()
    for axes in panels:
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(out, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.5e6, 2e6, 5e6])
    parser.add_argument("--samplers", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS), metavar="NAME")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of training and validation, for each run")
    parser.add_argument("--steps", type=int, default=500, help="of a round; five rounds, then a validation")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--out", default="runs/at-scale")
    parser.add_argument("--record", metavar="FILE", help="add the figures of each run to this file, once")
    parser.add_argument("--made", type=int, nargs=1, help=argparse.SUPPRESS)
    parser.add_argument("--drawn", nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    folder = Path(words.out)
    if words.made:
        made(words.made[0], folder)
        return
    if words.drawn:
        drawn(*map(Path, words.drawn))
        return
    folder.mkdir(parents=True, exist_ok=True)
    record, found = recording(words.record, 1), {}
    for size in map(int, words.sizes):
        if not (folder / f"world-{size}").exists():
            again("--made", str(size), "--out", str(folder))
        for name in words.samplers:
            found[size, name] = trained(size, name, words)
            kept(size, name, found[size, name], folder, record)
    print("| entities | sampler | test MRR | Hits@10 | steps | true | above the target | MiB |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for (size, name), run in found.items():
        print(f"| {size:,} | {name} | {run['mrr']:.4f} | {run['hits']:.4f} | {run['steps']:,} ", end="")
        print(f"| {run['true']:.5f} | {run['above']:.3f} | {run['mib']:,.0f} |")
    draw(found, folder / "at-scale.svg")


if __name__ == "__main__":
    main()
