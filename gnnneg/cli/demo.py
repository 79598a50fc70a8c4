"""``gnnneg demo``: one story from three kinds of negatives to what a model believes, in two minutes."""

import argparse
import glob
import os
import shlex
import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from gnnneg.errors import UserError

KINDS = ("random", "hard", "denied")
SEEDS = 3
WHO, ASKS, DENIED = "Luca Yilmaz", "works_for", "Haven Optics"

# what is told, and the command that shows it; {out} is the folder
STORY = (
    (
        "A made-up town. People state facts about it, and they deny what nearly holds: "
        "another city of the same country, say.\nThree trainings differ in their negatives alone. "
        "First: random negatives.",
        "train {out}/configs/random.yaml --seeds {seeds} --workers {workers} --out {out}/random --quiet",
    ),
    (
        "Hard negatives: of 64 random ones the 16 that the model finds most plausible.",
        "train {out}/configs/hard.yaml --seeds {seeds} --workers {workers} --out {out}/hard --quiet",
    ),
    (
        "The same, and what people denied.",
        "train {out}/configs/denied.yaml --seeds {seeds} --workers {workers} --out {out}/denied --quiet",
    ),
    (
        "Which is best? mrr and hits rank the true answer among all entities; auroc tells true statements from denied "
        "ones.\nHard negatives help the first, denied statements the second.",
        "compare {runs} --baseline {out}/random-0",
    ),
    (
        "Random negatives are not always false. Here are some that are true.",
        "negatives {out}/random-0 --statements 1000 --true 5",
    ),
    (
        "What does the model believe of somebody? The true answer was held back: it is known from test alone.",
        "predict {out}/denied-0 --head '{who}' --relation {asks} --top 3 --among company",
    ),
    (
        "Why does it not believe this, which nearly holds? Look at what is stated and denied nearby.",
        "predict {out}/denied-0 --head '{who}' --relation {asks} --tail '{denied}'",
    ),
    ("All of it as a page with pictures.", "report {firsts} --out {out}/report.html"),
)


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "demo",
        help="three kinds of negatives side by side on a made-up town, in two minutes",
        description="Trains the same model with random negatives, with hard ones and with what is denied, compares "
        "them, and asks the best. Each command is printed before it runs: change it and run it again.",
    )
    parser.add_argument("--out", metavar="DIR", default="demo", help="a new folder (default: demo)")
    parser.add_argument("--seeds", metavar="N", type=int, default=SEEDS, help=f"runs of each kind (default: {SEEDS})")
    parser.add_argument("--configs", action="store_true", help="write the three configs and train nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from gnnneg.cli import main
    from gnnneg.experiment.folder import made

    out = Path(args.out)
    if args.seeds < 1:
        raise UserError(f"--seeds is {args.seeds}: give at least 1.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already: remove it, or give another folder with --out DIR.")
    made(out / "configs")
    with as_file(files("gnnneg") / "demo") as shipped:
        for kind in KINDS:
            shutil.copyfile(shipped / f"{kind}.yaml", out / "configs" / f"{kind}.yaml")
    if args.configs:
        print("\n".join(str(out / "configs" / f"{kind}.yaml") for kind in KINDS))
        return 0
    words = {
        "out": shlex.quote(str(out)),
        "seeds": args.seeds,
        "workers": min(args.seeds, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        "runs": " ".join(f"{shlex.quote(str(out))}/{kind}-*" for kind in KINDS),
        "firsts": shlex.join(str(out / f"{kind}-0") for kind in KINDS),
        **{"who": WHO, "asks": ASKS, "denied": DENIED},
    }
    for told, command in STORY:
        line = command.format(**words)
        print(f"\n{told}\n\n$ gnnneg {line}", flush=True)
        code = main([file for word in shlex.split(line) for file in _expanded(word)])
        if code:
            return code
    page, serve = out / "report.html", f"gnnneg serve {shlex.quote(str(out / 'denied-0'))}"
    print(f"\nLook at {page}. To judge what the model is unsure of, open its curation page:\n\n$ {serve}")
    return 0


def _expanded(word: str) -> list[str]:
    """A pattern of files as a shell reads it."""
    return sorted(glob.glob(word)) if word.endswith("*") else [word]
