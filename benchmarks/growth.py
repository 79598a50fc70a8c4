"""How the time and memory of a training step grow with entities, width and negatives: a plot of each.

``python benchmarks/growth.py docs/growth.svg`` measures DistMult and RotatE, shared and private, and DistMult also with
row-sparse gradients under LazyAdam (else dense ones under torch's fused Adam). Each point has a process of its own. It
writes the picture and prints the numbers as JSON lines; given such lines in a file besides, it only draws them.
"""

import json
import subprocess
import sys
from pathlib import Path

GRID = {
    "nodes": [10_000, 30_000, 100_000, 300_000, 1_000_000],
    "width": [50, 100, 200, 400],
    "negatives": [64, 256, 1024, 4096],
}
LABEL = {"nodes": "entities", "width": "width", "negatives": "negatives per positive"}
KINDS = {  # what cases.py is told
    "DistMult, shared": ("DistMult", "--shared"),
    "DistMult, shared, row-sparse": ("DistMult", "--shared", "--sparse"),
    "DistMult, private": ("DistMult",),
    "DistMult, private, row-sparse": ("DistMult", "--sparse"),
    "RotatE, shared": ("RotatE", "--shared"),
    "RotatE, private": ("RotatE",),
}


def measure(kind: str, axis: str, value: int) -> dict:
    script = Path(__file__).with_name("cases.py")
    options = {"nodes": 14_541, axis: value}
    command = [sys.executable, str(script), "ours", "train", *KINDS[kind]]
    for name, number in options.items():
        command += [f"--{name}", str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {"kind": kind, "axis": axis, "value": value, **found}


def draw(rows: list[dict], path: str) -> None:
    """Time above, memory below, a column for what grows."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:,.0f}")
    figure, axes = plt.subplots(2, len(GRID), figsize=(12, 7), layout="constrained")
    for column, axis in enumerate(GRID):
        for kind in KINDS:
            mine = [row for row in rows if (row["kind"], row["axis"]) == (kind, axis)]
            x = [row["value"] for row in mine]
            axes[0, column].plot(x, [1e6 / row["per_second"] for row in mine], "o-", ms=4, label=kind)
            axes[1, column].plot(x, [row["peak_mib"] for row in mine], "o-", ms=4, label=kind)
        for row, quantity in enumerate(("ms per 1,000 triples", "peak MiB beyond data and imports")):
            panel = axes[row, column]
            panel.set(xscale="log", yscale="log", xlabel=LABEL[axis], ylabel="" if column else quantity)
            panel.set_xticks(GRID[axis])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            for side in (panel.xaxis, panel.yaxis):
                side.set_major_formatter(plain)
                side.set_minor_formatter(NullFormatter())
            panel.grid(alpha=0.3, which="both")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(KINDS), frameon=False, fontsize="small")
    figure.savefig(path)


def main() -> None:
    if len(sys.argv) > 2:  # numbers of an earlier run
        draw([json.loads(line) for line in Path(sys.argv[2]).read_text().splitlines()], sys.argv[1])
        return
    rows = []
    for axis, values in GRID.items():
        for kind in KINDS:
            for value in values:
                rows.append(measure(kind, axis, value))
                print(json.dumps(rows[-1]), flush=True)
    draw(rows, sys.argv[1])


if __name__ == "__main__":
    main()
