"""What samplers are worth, at equal wall-clock: one run for each on a config, on one thread, two at a time.

``python benchmarks/worth.py samplers configs/FB15k-237/samplers.yaml --seconds 300`` trains what is not there yet,
looks at what each run's sampler draws, and prints a table in Markdown; ``frontier.svg`` beside the runs shows hardness
against diversity. Suites: ``samplers``, all of them; ``budget``, four of them from 1 to 256 negatives; ``seminar``, one
negative and a margin loss (on configs/FB15k-237/seminar.yaml); ``curriculum``, hard negatives always or later;
``denied``, what denied statements add to a config of plain link prediction (on configs/CoDEx-S/denied.yaml).
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

K = 64
POOL = 256


def part(name: str, **given: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": given}


def small(decoder: str) -> dict[str, Any]:
    """A model of a quarter of the width."""
    return part("KGEModel", encoder=part("Lookup", hidden_channels=24), decoder=part(decoder))


UNIFORM = part("Uniform", num_negatives=K)
MANY = part("Filtered", proposal=part("Uniform", num_negatives=POOL))
HARD = part("Hardest", proposal=MANY, num_negatives=K)

SAMPLERS: dict[str, dict[str, Any]] = {
    "uniform": part("Filtered", proposal=UNIFORM),
    "uniform, unfiltered": UNIFORM,
    "uniform, shared": part("Filtered", proposal=part("Uniform", num_negatives=K, shared=True)),
    "popular, alpha .5": part("Filtered", proposal=part("Popular", num_negatives=K, alpha=0.5)),
    "popular, corrected": part("Corrected", proposal=part("Filtered", proposal=part("Popular", num_negatives=K))),
    "in-batch": part("Filtered", proposal=part("InBatch")),
    "in-batch, corrected": part("Corrected", proposal=part("Filtered", proposal=part("InBatch"))),
    "pre-batch": part("Filtered", proposal=part("PreBatch", batches=1)),
    "corrupt": part("Filtered", proposal=part("Corrupt", num_negatives=K)),
    "typed": part("Filtered", proposal=part("Typed", num_negatives=K)),
    "relational": part("Padded", first=part("Filtered", proposal=part("Relational", num_negatives=K)), rest=UNIFORM),
    "two hops": part("Filtered", proposal=part("KHop", num_negatives=K, hops=2)),
    "random walks": part("Filtered", proposal=part("RandomWalk", num_negatives=K, hops=2)),
    "nearest 200": part("Filtered", proposal=part("Nearest", num_negatives=K, neighbours=200, refresh=300)),
    "truncated, .9": part("Filtered", proposal=part("Nearest", num_negatives=K, neighbours=0.1, refresh=1000)),
    "hardest of 256": HARD,
    "drawn of 256, weighted": part("HardDraw", proposal=MANY, num_negatives=K),
    "drawn of 256": part("HardDraw", proposal=MANY, num_negatives=K, weighted=False),
    "diverse of 256": part("Diverse", proposal=MANY, num_negatives=16),
    "self-paced": part("SelfPaced", proposal=MANY, num_negatives=K, violation=0.2),
    "curriculum": part("Curriculum", samplers=[part("Filtered", proposal=UNIFORM), HARD], starts=[0, 1000]),
    "half hard, half uniform": part(
        "Mixture",
        samplers=[
            part("Filtered", proposal=part("Uniform", num_negatives=K // 2)),
            part("Hardest", proposal=MANY, num_negatives=K // 2),
        ],
    ),
    "NSCaching": part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=K, size=30),
    "NSCaching, every 4th": part(
        "Cached", proposal=part("Uniform", num_negatives=30), num_negatives=K, size=30, every=4
    ),
    "KBGAN": part("KBGAN", proposal=MANY, policy=small("DistMult"), num_negatives=K),
    "child": part("Padded", first=part("Child", proposal=MANY, child=small("DistMult"), num_negatives=K), rest=UNIFORM),
    "influence": part("Influence", proposal=MANY, num_negatives=K),
    "MCNS": part("Filtered", proposal=part("MCNS", num_negatives=K)),
}


def sampled(sampler: dict[str, Any]) -> list[str]:
    """The settings that put a sampler into a config."""
    return ["--task.sampler", json.dumps(sampler)]


def asked_by(corruption: str, sampler: dict[str, Any] | None = None, *more: str) -> list[str]:
    return ["--task.corruption", corruption, *(sampled(sampler) if sampler else []), *more]


def of(count: int) -> dict[str, dict[str, Any]]:
    """Four samplers of so many negatives, the hard ones from a pool of four times as many."""
    pool = part("Filtered", proposal=part("Uniform", num_negatives=4 * count))
    return {
        f"uniform, {count}": part("Filtered", proposal=part("Uniform", num_negatives=count)),
        f"corrupt, {count}": part("Filtered", proposal=part("Corrupt", num_negatives=count)),
        f"hardest, {count}": part("Hardest", proposal=pool, num_negatives=count),
        f"NSCaching, {count}": part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=count, size=30),
    }


def later(step: int) -> dict[str, Any]:
    return part("Curriculum", samplers=[part("Filtered", proposal=UNIFORM), HARD], starts=[0, step])


ONE = part("Uniform", num_negatives=1)
GNDN = json.dumps([part("GNDN", hidden_channels=100)])
SUITES: dict[str, dict[str, list[str]]] = {
    "samplers": {name: sampled(sampler) for name, sampler in SAMPLERS.items()},
    "budget": {name: sampled(sampler) for count in (1, 4, 16, 64, 256) for name, sampler in of(count).items()},
    "curriculum": {
        "uniform": sampled(SAMPLERS["uniform"]),
        "always hard": sampled(HARD),
        **{f"hard from step {step:,}": sampled(later(step)) for step in (300, 1000, 3000)},
        **{
            f"self-paced, {share}": sampled(part("SelfPaced", proposal=MANY, num_negatives=K, violation=share))
            for share in (0.1, 0.2, 0.4)
        },
    },
    "seminar": {
        "uniform": asked_by("Either", ONE),
        "Bernoulli": asked_by("Bernoulli", ONE),
        "NSCaching": asked_by("Bernoulli", part("Cached", proposal=part("Uniform", num_negatives=30), num_negatives=1)),
        "GN+DN": asked_by("Bernoulli", ONE, "--task.generators", GNDN),
        "influence": asked_by(
            "Bernoulli", part("Influence", proposal=part("Uniform", num_negatives=30), num_negatives=1)
        ),
        "KBGAN": asked_by(
            "Bernoulli", part("KBGAN", proposal=part("Uniform", num_negatives=20), policy=small("DistMult"))
        ),
    },
}


def denied(config: str) -> dict[str, list[str]]:
    """A config's own task without denied statements, with them as a term of its loss, and as one side of two."""
    task = yaml.safe_load(Path(config).read_text())["task"]

    def term(**given: Any) -> list[str]:
        return ["--task.generators", json.dumps([part("DeniedStatements", **given)])]

    def dual(**given: Any) -> list[str]:
        return ["--task", json.dumps(part("Dual", positive=task, negative=task, **given))]

    return {
        "nothing denied": [],
        "pairs of a relation": term(num_negatives=4),
        "pairs of a relation, x4": term(num_negatives=4, scale=4.0),
        "labelled examples": term(num_negatives=4, grouped=False),
        "dual": dual(),
        "dual, one table": dual(shared=True),
    }


def suite(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The settings of each case."""
    return denied(arguments.config) if arguments.suite == "denied" else SUITES[arguments.suite]


def train(name: str, seed: int, arguments: argparse.Namespace) -> Path:
    """One run, unless it is there, and what its sampler draws."""
    folder = Path(arguments.out) / f"{arguments.suite}-{Path(arguments.config).parent.name}"
    out = folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

    def gnnneg(*words: str) -> None:
        said = subprocess.run([sys.executable, "-m", "gnnneg", *words], env=environment, capture_output=True, text=True)
        if said.returncode:
            sys.exit(f"{name}, seed {seed}: {said.stderr.strip().splitlines()[-1]}")

    if not (out / "result.json").exists():
        settings = [*suite(arguments)[name], "--fit.max_seconds", str(arguments.seconds)]
        gnnneg("train", arguments.config, *settings, "--seed", str(seed), "--out", str(out), *arguments.settings)
    if not (out / "negatives.json").exists():
        gnnneg("negatives", str(out))
    print(f"{name}, seed {seed}: done", file=sys.stderr, flush=True)
    return out


def figures(out: Path) -> dict[str, float]:
    """What the table says of a run."""
    result, drawn = (json.loads((out / file).read_text()) for file in ("result.json", "negatives.json"))
    test, epochs = result["metrics"]["test"], (out / "metrics.jsonl").read_text().splitlines()
    wanted = ("false_negative_rate", "hardness", "perplexity", "type_consistency", "degree_ratio")
    steps = max(json.loads(line)["step"] for line in epochs)
    told = {key: test["classification"][key] for key in ("accuracy", "f1", "auroc")} if "classification" in test else {}
    return {"mrr": test["mrr"], "hits": test["hits@10"], "steps": steps, **told, **{key: drawn[key] for key in wanted}}


COLUMNS = {  # what is told of each figure, and how
    "hits": ("Hits@10", ".4f"),
    "accuracy": ("accuracy", ".4f"),
    "f1": ("F1", ".4f"),
    "auroc": ("AUROC", ".4f"),
    "steps": ("steps", ",.0f"),
    "false_negative_rate": ("false", ".4f"),
    "hardness": ("hardness", ".3f"),
    "perplexity": ("perplexity", ",.0f"),
    "type_consistency": ("of the type", ".3f"),
    "degree_ratio": ("degree", ".2f"),
}


def table(found: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    told = {key: how for key, how in COLUMNS.items() if all(key in run for runs in found.values() for run in runs)}
    yield f"| sampler | seeds | test MRR | {' | '.join(title for title, _ in told.values())} |"
    yield f"|---|---:|---:|{'---:|' * len(told)}"
    for name, runs in sorted(found.items(), key=lambda item: -mean(run["mrr"] for run in item[1])):
        spread = f" ± {stdev(run['mrr'] for run in runs):.4f}" if len(runs) > 1 else ""
        cells = (f"{mean(run[key] for run in runs):{how}}" for key, (_, how) in told.items())
        yield f"| {name} | {len(runs)} | {mean(run['mrr'] for run in runs):.4f}{spread} | {' | '.join(cells)} |"


def frontier(found: dict[str, list[dict[str, float]]], out: Path) -> None:
    """Hardness against diversity, each sampler a number, best first, as dark as its MRR is high."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    means = {name: {key: mean(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()}
    best = sorted(means.items(), key=lambda item: -item[1]["mrr"])
    figure, (axes, names) = pyplot.subplots(1, 2, figsize=(11, 6), width_ratios=[3, 1], layout="constrained")
    x, y, shade = ([one[key] for _, one in best] for key in ("hardness", "perplexity", "mrr"))
    dots = axes.scatter(x, y, c=shade, cmap="viridis_r", s=70)
    places = _apart([((a - 0.2) / 0.8, math.log10(b) / 4.2) for a, b in zip(x, y)])
    for number, (place, (right, up)) in enumerate(zip(zip(x, y), places), 1):
        axes.annotate(str(number), place, xytext=(right, up), textcoords="offset points", fontsize=9)
    axes.set(
        xlabel="hardness: mean percentile among all entities", ylabel="diversity: perplexity of the draws", yscale="log"
    )
    names.axis("off")
    told = (f"{number:2d}  {one['mrr']:.3f}  {name}" for number, (name, one) in enumerate(best, 1))
    names.text(0, 1, "\n".join(told), va="top", fontsize=9, family="monospace")
    figure.colorbar(dots, ax=axes, label="test MRR")
    figure.savefig(out)


def _apart(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where the number of each dot stands beside it, so that those of near dots do not lie on each other."""
    around = [(6, 4), (6, -11), (-14, 4), (-14, -11), (-3, 9), (-3, -16), (16, -3), (-24, -3)]
    chosen: list[tuple[float, float]] = []
    taken: list[tuple[float, float]] = []
    for right, up in places:
        spots = [(right * 480 + dx, up * 400 + dy) for dx, dy in around]
        room = [min((abs(a - c) + abs(b - d) for c, d in taken), default=99.0) for a, b in spots]
        best = next((i for i, free in enumerate(room) if free > 13), room.index(max(room)))
        chosen.append(around[best])
        taken.append(spots[best])
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=[*SUITES, "denied"])
    parser.add_argument("config")
    parser.add_argument("--seconds", type=float, default=300.0, help="of training and validation, for each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, one thread each")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="those of the suite (default: all)")
    parser.add_argument("--out", default="runs/worth")
    arguments, arguments.settings = parser.parse_known_args()
    names = list(suite(arguments))
    if unknown := set(arguments.only or []) - set(names):
        parser.error(f"{arguments.suite} has no {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    asked = [(name, seed) for seed in range(arguments.seeds) for name in arguments.only or names]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(lambda one: train(*one, arguments), asked))
    found: dict[str, list[dict[str, float]]] = {}
    for (name, _), out in zip(asked, runs):
        found.setdefault(name, []).append(figures(out))
    print("\n".join(table(found)))
    frontier(found, runs[0].parent / "frontier.svg")


if __name__ == "__main__":
    main()
