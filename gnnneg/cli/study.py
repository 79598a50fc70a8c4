"""``gnnneg study``: comparisons of several trainings, run from a file and shown from records."""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnneg.plain import to_json, visible
from gnnneg.trust import VARIABLE

if TYPE_CHECKING:
    from gnnneg.studies.queue import Queue
    from gnnneg.studies.run import Order, Progress
    from gnnneg.studies.tables import Tables

HOUR = 3600


def add(subparsers: Any) -> None:
    """Adds the command and its actions."""
    parser = subparsers.add_parser(
        "study",
        help="compare variants of a config with several seeds; every figure is a record",
        description="A study file names data sets, variants of a config, seeds and a budget. Its records are in "
        "results/STUDY.jsonl, one for each finished training.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    act = actions.add_parser(
        "run",
        help="train what a study lacks",
        description="Trains what has no record yet, or one that no longer fits, in the order of its worth. The same "
        "command goes on after a kill, from the last checkpoint.",
        allow_abbrev=False,
    )
    act.add_argument("files", metavar="FILE", nargs="+", help="study files; the one of the greatest worth goes first")
    act.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, each of one thread (default: 1)")
    act.add_argument("--budget", type=float, metavar="SECONDS", help="stop at a checkpoint before so many seconds")
    act.add_argument("--dry-run", action="store_true", help="list what would be trained, and train nothing")
    act.add_argument("--quiet", action="store_true", help="show no progress")
    act.add_argument("--runs", metavar="DIR", help="the folder of run folders (default: runs/studies)")
    act.add_argument(
        "--allow",
        metavar="MODULE",
        action="append",
        default=[],
        help=f"your own module that configs may name; can be repeated (or set {VARIABLE})",
    )
    _common(act, "print what is left as JSON")
    act.set_defaults(run=run)
    act = actions.add_parser(
        "show",
        help="tables and tests of the records",
        description="Prints means over seeds with 95 % intervals, and the paired tests that the study names.",
        allow_abbrev=False,
    )
    act.add_argument("files", metavar="FILE", nargs="+", help="study files")
    act.add_argument("--out", metavar="DIR", help="write a page in Markdown and a picture there")
    _common(act, "print JSON")
    act.set_defaults(run=show)


def _common(parser: argparse.ArgumentParser, as_json: str) -> None:
    parser.add_argument("--results", metavar="DIR", help="the folder of the records (default: results)")
    parser.add_argument("--json", action="store_true", help=as_json)


def run(args: argparse.Namespace) -> int:
    """Trains, or lists what would be trained."""
    began = time.monotonic()  # what is imported now takes seconds, too
    from gnnneg.studies import run_studies
    from gnnneg.studies.run import RUNS, Order, left, queue, tell_of_stale

    places = {"results": _results(args), "runs": RUNS if args.runs is None else Path(args.runs)}
    order = Order(args.jobs, args.budget, **places, allow=tuple(args.allow), since=began)
    if args.dry_run:
        studies = queue(args.files, order)
        tell_of_stale(studies)
        _list(studies, order, args.json)
        return 0
    with _bar(not args.quiet) as tell:
        studies = run_studies(args.files, order, tell)
    todo = left(studies)
    if args.json:
        print(to_json([{"job": job.name, "seconds": seconds} for job, seconds in todo]))
    elif todo:
        seconds = math.fsum(seconds for _, seconds in todo) / order.jobs
        print(f"{len(todo)} jobs are left, for about {_spoken(seconds)}, the next {todo[0][0].name}.")
        for study in studies.studies:
            if studies.spent(study) >= study.most:
                print(f"{study.name} has used up its budget.all: give it more to go on.")
    else:
        print(f"Nothing is left: 'gnnneg study show {' '.join(args.files)}' prints the tables.")
    return 0


def show(args: argparse.Namespace) -> int:
    """Prints the tables, and writes pages."""
    from gnnneg.experiment.trainer import Trainer
    from gnnneg.studies.definition import read
    from gnnneg.studies.queue import Queue
    from gnnneg.studies.run import tell_of_stale
    from gnnneg.studies.show import written
    from gnnneg.studies.tables import tables

    studies = Queue([read(file) for file in args.files], _results(args), Trainer())
    tell_of_stale(studies)
    said = []
    for study in studies.studies:
        found = tables(study, studies.standing(study), len(studies.records[study.name].read()))
        if args.json:
            said.append(_plain(found))
        else:
            _tell(found)
        if args.out is not None:
            for path in written(found, Path(args.out)):
                print(path)
    if args.json:
        print(to_json(said))
    return 0


def _results(args: argparse.Namespace) -> Path:
    from gnnneg.studies.run import RESULTS

    return RESULTS if args.results is None else Path(args.results)


def _list(studies: "Queue", order: "Order", as_json: bool) -> None:
    """Prints what would be trained."""
    from gnnneg.cli.table import show as table
    from gnnneg.studies.run import left

    todo = left(studies)
    stale = {study.name: studies.standing(study).stale for study in studies.studies}
    if as_json:
        print(
            to_json([{"job": job.name, "stale": stale[job.study.name].get(job.key), "seconds": s} for job, s in todo])
        )
        return
    rows = []
    for job, seconds in todo:
        what = "tuning" if job.seed is None else f"seed {job.seed}"
        why = "stale" if job.key in stale[job.study.name] else "missing"
        rows.append([job.study.name, *job.cell.place, what, why, round(seconds)])
    if rows:
        table(["study", "data", "model", "variant", "what", "why", "about seconds"], rows)
    total = math.fsum(seconds for _, seconds in todo)
    print(f"{len(todo)} jobs, at most about {_spoken(total / order.jobs)}. A first one of its kind counts its budget.")


def _tell(found: "Tables") -> None:
    """Prints a study's tables for people."""
    from gnnneg.cli.table import show as table
    from gnnneg.studies.page import HALVES, answer, block, by_half_links, remarks, tested

    print(visible(f"{found.definition.name}: {found.definition.question}\n\n{answer(found)}"))
    for (data, model), rows in found.blocks.items():
        print()
        table(*block(found, rows), title=", ".join(part for part in (data, model) if part))
        if halves := by_half_links(rows):
            print(f"\n{HALVES}")
            table(*halves)
    if found.tests:
        print()
        table(*tested(found.tests))
        print(" ".join(remarks(found)))


def _plain(found: "Tables") -> dict[str, Any]:
    from dataclasses import asdict

    from gnnneg.studies.half_links import by_stratum

    rows = [
        {
            "data": row.cell.data,
            "model": row.cell.model,
            "variant": row.cell.variant,
            "seeds": sorted(row.records),
            "missing": row.missing,
            "cut_short": row.cut,
            "metrics": {name: asdict(figure) for name, figure in row.figures.items()},
            "half_links": by_stratum(row),
            "settings": None if row.tuning is None else row.tuning["settings"],
        }
        for row in found.rows
    ]
    study = found.definition
    return {
        "study": study.name,
        "question": study.question,
        "rows": rows,
        "tests": [asdict(one) for one in found.tests],
    }


@contextmanager
def _bar(wanted: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """Yields a function to call after each job: it moves a bar on a terminal, otherwise it prints a line."""
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console, began = Console(stderr=True), time.monotonic()
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rest]}"))
    bar = Progress(TextColumn("jobs"), *columns, console=console, transient=True)
    line = bar.add_task("", total=None, rest="")

    def tell(progress: "Any") -> None:
        rate = progress.done * HOUR / max(time.monotonic() - began, 1e-9)
        rest = f"{rate:,.0f} an hour, about {_spoken(progress.seconds)} left"
        total = progress.done + progress.left
        bar.update(line, completed=progress.done, total=total, rest=rest)
        words = progress.said if console.is_terminal else f"{progress.said} ({progress.done} of {total}; {rest})"
        console.print(visible(words), markup=False, highlight=False, soft_wrap=True)

    with bar if console.is_terminal else nullcontext():
        yield tell


def _spoken(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} hours"
