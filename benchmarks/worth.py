"""What samplers are worth, at equal wall-clock: one run for each on a config, on one thread, two at a time.

``python benchmarks/worth.py samplers configs/FB15k-237/samplers.yaml --seconds 300`` trains the missing runs, measures
the negatives that each run's sampler draws, and prints a table in Markdown. ``frontier.svg`` beside the runs shows
hardness against diversity. For suites whose cases end with a number, ``lines.svg`` shows the growth with it. Suites:

* ``samplers``: all samplers.
* ``budget``: four of them, from 1 to 256 negatives.
* ``sizes``: on larger and larger worlds (with configs/synthetic/samplers.yaml).
* ``margin-loss``: one negative and a margin loss (configs/FB15k-237/margin-loss.yaml).
* ``curriculum``: hard negatives always or later.
* ``denied``: the effect of denied statements on a config of plain link prediction (configs/CoDEx-S/denied.yaml).
* ``kept``: with more and more denied statements.
* ``dans``: DANS and its parts beside others over one base (configs/UMLS/rgcn.yaml).
* ``kbgan``: a policy that was trained before, or one that starts with the model.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev

from suites import SUITES, Cases


def cases(arguments: argparse.Namespace) -> Cases:
    """The settings of each case."""
    return SUITES[arguments.suite](Path(arguments.config), Path(arguments.out))


def train(name: str, seed: int, arguments: argparse.Namespace) -> Path:
    """One run, unless it is there, and what its sampler draws."""
    folder = Path(arguments.out) / f"{arguments.suite}-{Path(arguments.config).parent.name}"
    out = folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

    def gnnneg(*words: str) -> None:
        said = subprocess.run([sys.executable, "-m", "gnnneg", *words], env=environment, capture_output=True, text=True)
        if said.returncode:
            sys.exit(f"{name}, seed {seed}: {said.stderr.strip().splitlines()[-1]}")

    if out.exists() and not (out / "result.json").exists():  # interrupted
        if any(out.glob("checkpoints/*")):
            gnnneg("resume", str(out))
        else:  # before there was anything to go on from
            shutil.rmtree(out)
    if not (out / "result.json").exists():
        settings = [*cases(arguments)[name], "--fit.max_seconds", str(arguments.seconds)]
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


def lines(found: dict[str, list[dict[str, float]]], out: Path) -> None:
    """Test MRR, accuracy where there is one, and steps, against the number that each case's name ends with."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    shown = {"mrr": "test MRR", "accuracy": "accuracy", "auroc": "AUROC", "steps": "steps"}
    shown = {key: title for key, title in shown.items() if all(key in run for runs in found.values() for run in runs)}
    figure, panels = pyplot.subplots(1, len(shown), figsize=(4 * len(shown), 3.6), layout="constrained")
    kinds = dict.fromkeys(name.rsplit(", ", 1)[0] for name in found)
    for axes, (key, title) in zip(panels, shown.items()):
        for kind in kinds:
            mine = {
                int(name.rsplit(", ", 1)[1]): runs for name, runs in found.items() if name.rsplit(", ", 1)[0] == kind
            }
            values = [mean(run[key] for run in mine[number]) for number in sorted(mine)]
            axes.plot(sorted(mine), values, "o-", ms=4, label=kind)
        ticks = sorted({int(name.rsplit(", ", 1)[1]) for name in found})
        axes.set_xscale("symlog", linthresh=1)
        axes.set(title=title)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
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
    parser.add_argument("suite", choices=list(SUITES))
    parser.add_argument("config")
    parser.add_argument("--seconds", type=float, default=300.0, help="of training and validation, for each run")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, one thread each")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="those of the suite (default: all)")
    parser.add_argument("--out", default="runs/worth")
    arguments, arguments.settings = parser.parse_known_args()
    names = list(cases(arguments))
    if unknown := set(arguments.only or []) - set(names):
        parser.error(f"{arguments.suite} has no {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    asked = [(name, seed) for seed in range(arguments.seeds) for name in arguments.only or names]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(lambda one: train(*one, arguments), asked))
    found: dict[str, list[dict[str, float]]] = {}
    for (name, _), out in zip(asked, runs):
        found.setdefault(name, []).append(figures(out))
    print("\n".join(table(found)))
    numbered = all(name.split(", ")[-1].isdigit() for name in found)
    (lines if numbered else frontier)(found, runs[0].parent / ("lines.svg" if numbered else "frontier.svg"))


if __name__ == "__main__":
    main()
