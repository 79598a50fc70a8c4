"""How the time and memory of a training step grow with entities, width and negatives: a plot of each.

``python benchmarks/growth.py train growth.svg`` measures DistMult and RotatE, shared and private, and DistMult
also with row-sparse gradients under LazyAdam (else dense ones under torch's fused Adam).
``... dans dans-growth.svg`` measures what it costs to make half of the negatives.
``... denied denied-growth.svg`` measures what denied statements cost on worlds of up to 1.1 million statements
and as many denied ones: none of these, labelled examples, two models. Each point has a process of its own. It writes
the picture and prints the numbers as JSON lines; given such lines in a file besides, it only draws them.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from measure import alone


@dataclass(frozen=True)
class Plot:
    """What grows, what is told of it, and what ``cases.py`` is told of each kind."""

    what: str
    grid: dict[str, list[int]]
    kinds: dict[str, tuple[str, ...]]


LABEL = {"nodes": "entities", "width": "width", "negatives": "negatives per positive"}
PLOTS = {
    "train": Plot(
        "train",
        {
            "nodes": [10_000, 30_000, 100_000, 300_000, 1_000_000],
            "width": [50, 100, 200, 400],
            "negatives": [64, 256, 1024, 4096],
        },
        {
            "DistMult, shared": ("DistMult", "--shared"),
            "DistMult, shared, row-sparse": ("DistMult", "--shared", "--sparse"),
            "DistMult, private": ("DistMult",),
            "DistMult, private, row-sparse": ("DistMult", "--sparse"),
            "RotatE, shared": ("RotatE", "--shared"),
            "RotatE, private": ("RotatE",),
        },
    ),
    "dans": Plot(
        "train",
        {"nodes": [10_000, 30_000, 100_000, 300_000, 1_000_000]},
        {
            "20 drawn": ("DistMult", "--softmax", "--sparse", "--negatives", "20"),
            "10 drawn, 10 made by DANS": ("DistMult", "--softmax", "--sparse", "--negatives", "10", "--dans"),
        },
    ),
    "denied": Plot(
        "denied",
        {"nodes": [2_000, 20_000, 160_000]},
        {
            "nothing denied": ("plain", "--sparse"),
            "labelled examples": ("labelled", "--sparse"),
            "dual, opponent's choice of 100": ("dual", "--sparse"),
        },
    ),
}


def measure(plot: Plot, kind: str, axis: str, value: int) -> dict:
    options = {"nodes": 14_541, axis: value}
    words = [word for name, number in options.items() for word in (f"--{name}", str(number))]
    return {"kind": kind, "axis": axis, "value": value, **alone("ours", plot.what, *plot.kinds[kind], *words)}


def draw(plot: Plot, rows: list[dict], path: str) -> None:
    """Time above, memory below, a column for what grows."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:,.0f}")
    figure, axes = plt.subplots(
        2, len(plot.grid), figsize=(2.4 + 3.2 * len(plot.grid), 7), layout="constrained", squeeze=False
    )
    for column, axis in enumerate(plot.grid):
        for kind in plot.kinds:
            mine = [row for row in rows if (row["kind"], row["axis"]) == (kind, axis)]
            x = [row["value"] for row in mine]
            axes[0, column].plot(x, [1e6 / row["per_second"] for row in mine], "o-", ms=4, label=kind)
            axes[1, column].plot(x, [row["peak_mib"] for row in mine], "o-", ms=4, label=kind)
        for row, quantity in enumerate(("ms per 1,000 triples", "peak MiB beyond data and imports")):
            panel = axes[row, column]
            panel.set(xscale="log", yscale="log", xlabel=LABEL[axis], ylabel="" if column else quantity)
            panel.set_xticks(plot.grid[axis])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            for side in (panel.xaxis, panel.yaxis):
                side.set_major_formatter(plain)
                side.set_minor_formatter(NullFormatter())
            panel.grid(alpha=0.3, which="both")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2 * len(plot.grid), frameon=False, fontsize="small"
    )
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plot", choices=list(PLOTS))
    parser.add_argument("picture")
    parser.add_argument("numbers", nargs="?", help="of an earlier run: draw only")
    arguments = parser.parse_args()
    plot, rows = PLOTS[arguments.plot], []
    if arguments.numbers:
        rows = [json.loads(line) for line in Path(arguments.numbers).read_text().splitlines()]
    else:
        for axis, values in plot.grid.items():
            for kind in plot.kinds:
                for value in values:
                    rows.append(measure(plot, kind, axis, value))
                    print(json.dumps(rows[-1]), flush=True)
    draw(plot, rows, arguments.picture)


if __name__ == "__main__":
    main()
