"""``gnnneg bench``: measures gnnneg and the other libraries installed here, in one run, on the same threads."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from gnnneg.digits import rate
from gnnneg.errors import MissingExtra, UserError, echo, nearest
from gnnneg.plain import to_json

PYKEEN = "PyKEEN"
SCALE = "scale"  # a suite whose graph is as large as one says
SMALLEST = 1000  # entities of that graph: as many negatives are drawn of them
WIDE = "--width", "64"
AT_ONCE = "MALLOC_MMAP_THRESHOLD_=16777216"  # larger tensors' memory is given back when they go, on Linux with glibc
UNITS = {"draw": "negatives/s", "rgcn": "edges/s", "nbfnet": "queries/s"}
# samplers that look at the model
LOOKING = (
    "Hardest",
    "Hardest, shared pool",
    "HardDraw",
    "SelfPaced",
    "Cached",
    "Cached, every 4th",
    "KBGAN",
    "MCNS, burnt in",
)


class Case(NamedTuple):
    """What to measure of ours and of what stands beside it, as words for ``benchmarks/cases.py``; those with ``=`` are
    for its environment.
    """

    name: str
    own: tuple[str, ...]
    peer: tuple[str, ...]
    peer_name: str


def _against_pykeen(what: str, model: str, *options: str) -> Case:
    """PyKEEN knows no shared negatives; a fast case measures it on fewer triples, so that a run stays short."""
    if what == "rank":
        slow = ("--some", "128") if model == "RotatE" else ()
        return Case(model, ("ours", what, model), ("pykeen", what, model, *slow), PYKEEN)
    name = f"{model}, 256 negatives {'shared' if options else 'private'}"
    return Case(name, ("ours", what, model, *options), ("pykeen", what, model), PYKEEN)


def _mutated(model: str, negatives: int) -> list[Case]:
    """EMU's step, plain term and mutated term, against the step without it and against costlier ways to make it."""
    softmax = "train", model, "--softmax", "--negatives", str(negatives)
    shared, private = ("ours", *softmax, "--shared"), ("ours", *softmax)
    broadcast = "released", "train", model, "--negatives", str(negatives), "--plain"
    one, matched, each = ((*shared, "--emu", form) for form in ("shared", "matched", "masks"))
    name = f"{model}, {negatives}"
    return [
        Case(f"{name}, one mask", one, shared, "plain step, shared"),
        Case(f"{name}, matched", matched, shared, "plain step, shared"),
        Case(f"{name}, one mask", one, private, "plain step, private"),
        Case(f"{name}, matched", matched, private, "plain step, private"),
        Case(f"{name}, one mask", one, each, "a mask a negative, made"),
        *([Case(f"{name}, one mask", one, broadcast, "plain, private, in torch")] if model == "DistMult" else []),
        *([Case(f"{name}, matched", matched, broadcast, "plain, private, in torch")] if model == "DistMult" else []),
    ]


def _drawn(name: str, peer: str) -> Case:
    """Negatives a second: 1024 queries, 64 each."""
    return Case(name, ("ours", "draw", name), ("pykeen", "draw", peer), f"{PYKEEN} {peer}")


def _step(name: str) -> Case:
    """A training step with a sampler that looks at the model, or learns, against uniform ones: 64 private negatives."""
    plain = "ours", "train", "DistMult", "--softmax", "--negatives", "64", "--sampler"
    return Case(f"step, {name}", (*plain, name), (*plain, "Uniform"), "step, Uniform")


SUITES: dict[str, list[Case]] = {
    "train": [
        _against_pykeen("train", model, *shared)
        for model in ("DistMult", "RotatE", "TransE")
        for shared in (["--shared"], [])
    ],
    "rank": [_against_pykeen("rank", model) for model in ("DistMult", "RotatE", "TransE")],
    "emu": [
        *_mutated("DistMult", 256),
        Case(
            "DistMult, 256, one mask",
            ("ours", "train", "DistMult", "--softmax", "--shared", "--emu", "shared"),
            ("released", "train", "DistMult"),
            "the released code's way",
        ),
        *_mutated("DistMult", 1024),
        *_mutated("RotatE", 256),
        *_mutated("TransE", 256),
    ],
    "negatives": [
        *(_drawn(name, "basic") for name in ("Uniform", "Popular", "InBatch", "PreBatch", "Denied", "Padded")),
        *(_drawn("Uniform, filtered", filtered) for filtered in ("basic+python-set", "basic+bloom")),
        _drawn("Uniform, shared, filtered", "basic+python-set"),
        *(_drawn(name, "pseudotyped") for name in ("Corrupt", "Typed", "Relational", "KHop", "RandomWalk", "Nearest")),
        _drawn("Uniform", "bernoulli"),
        *(_drawn(name, "basic+python-set") for name in ("Corrected", "Mixture", "Curriculum", *LOOKING)),
        *(_step(name) for name in LOOKING),
    ],
    "rgcn": [
        Case(f"{what}, forward and back", ("ours", "rgcn", form, *WIDE), ("pyg", "rgcn", form, *WIDE), "PyG RGCNConv")
        for what, form in (("30 bases", "bases"), ("8 blocks", "blocks"))
    ],
    "nbfnet": [
        *(
            Case(name, (*how, "ours", "nbfnet", "PNA"), ("pyg", "nbfnet", "PNA"), "PyG, edge by edge")
            for name, how in (("6 layers, PNA, forward and back", ()), ("the same, memory given back", (AT_ONCE,)))
        ),
        *(
            Case(f"messages, {what}", ("ours", "nbfnet", what), ("pyg", "nbfnet", what), "scatter, in parts")
            for what in ("sum", "max", "all")
        ),
    ],
}


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory against the peers installed here",
        description="Measures ours and PyKEEN, EMU against a plain step, samplers, and relational convolutions and "
        "Bellman-Ford networks against PyG's, on FB15k-237, each case in a process of its own, after a warm-up.",
    )
    suites = f"any of {', '.join(SUITES)}, and {SCALE}, which is measured where it is asked for (default: all others)"
    parser.add_argument("suite", nargs="*", metavar="SUITE", help=suites)
    parser.add_argument("--json", action="store_true", help="print a list of measurements")
    parser.add_argument("--threads", type=int, default=2, help="threads of either side (default: 2)")
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="add each row to this file as well, with command, commit, machine and versions; the site and the README "
        "have the medians of results/speed.jsonl",
    )
    large = parser.add_argument_group(
        f"suite {SCALE}", "import, training, ranking and a killed run of Zipf statements, 4.5 an entity, of width 128"
    )
    large.add_argument(
        "--entities",
        metavar="N",
        default="100000",
        help="of its graph (default: 100000, which any machine bears; Wikidata5M has 4.6e6, which take 9 GiB of "
        "memory, or 12 GiB where peers are installed, and an hour or two)",
    )
    large.add_argument("--folder", metavar="DIR", help="for its files, which stay there (default: a temporary one)")
    large.add_argument(
        "--processor-time",
        action="store_true",
        help="count processor seconds, where the machine does something else too",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    unknown = [suite for suite in args.suite if suite not in (*SUITES, SCALE)]
    if unknown:
        raise UserError(f"There is no bench suite {echo(unknown[0])}: {nearest(unknown[0], [*SUITES, SCALE])}")
    if args.threads < 1:
        raise UserError(f"--threads {args.threads}: give at least 1.")
    wanted = args.suite or list(SUITES)
    if (
        any(case.peer_name.startswith(PYKEEN) for suite in wanted for case in SUITES.get(suite, ()))
        and find_spec("pykeen") is None
    ):
        raise MissingExtra("bench", "gnnneg bench")
    record = _recorder(args)
    few, rows = [suite for suite in wanted if suite != SCALE], []
    for row in chain(measured(few, args.threads), scaled(args) if SCALE in wanted else ()):
        rows.append(row)
        if not args.json:
            print(_line(row), flush=True)
        record(row)
    if args.json:
        print(to_json(rows))
    return 0


def _line(row: dict[str, Any]) -> str:
    """A row for people; what no peer does stands alone."""
    begin = f"{row['suite']:6} {row['case']:32} ours {rate(row['ours']):>10}"
    if row["peer"] is None:
        return f"{begin}  {row['unit']}, MiB {row['peak_mib']:,.0f}  ({row['peer_name']})"
    peers = "" if row["peer_peak_mib"] is None else f" against {row['peer_peak_mib']:,.0f}"
    memory = f"MiB {row['peak_mib']:,.0f}{peers}"
    return f"{begin}  {row['peer_name']:24} {rate(row['peer']):>8} {row['unit']}  x{row['ratio']:.2f}   {memory}"


def _recorder(args: argparse.Namespace) -> Callable[[dict[str, Any]], object]:
    """What is called with each row. What keeps it from being recorded is said before anything is measured."""
    if args.record is None:
        return lambda row: None
    from gnnneg.studies.recorder import Recorder

    return Recorder(Path(args.record), args.threads)


def measured(suites: list[str], threads: int) -> Iterator[dict[str, Any]]:
    """One row per case: ours and what stands beside it, one after the other; nothing is measured twice."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        release = version("pykeen")
    except PackageNotFoundError:
        release = ""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for suite in suites:
        for case in SUITES[suite]:
            for words in (case.own, case.peer):
                if words not in found:
                    found[words] = _measure(words, threads)
            own, peer = found[case.own], found[case.peer]
            yield {
                "suite": suite,
                "case": case.name,
                "unit": UNITS.get(case.peer[1], "triples/s"),
                "ours": own["per_second"],
                "peer": peer["per_second"],
                "peer_name": case.peer_name.replace(PYKEEN, f"{PYKEEN} {release}"),
                "ratio": own["per_second"] / peer["per_second"],
                "peak_mib": own["peak_mib"],
                "peer_peak_mib": peer["peak_mib"],
            }


def scaled(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows of the suite whose graph is as large as one says, as they come; ``peer`` is None where there is none."""
    from gnnneg.planning import units

    entities = units.count(args.entities, "--entities")
    if entities < SMALLEST:
        raise UserError(f"--entities {entities:,}: give at least {SMALLEST:,}, as many as there are negatives.")
    if args.folder is not None and not _holds(args.folder):
        raise UserError(f"--folder {args.folder}: a file is in its place, so give another folder.")
    there = tempfile.TemporaryDirectory() if args.folder is None else nullcontext(args.folder)
    with there as folder, tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, str(script().with_name("scale.py")), "--entities", str(entities)]
        command += ["--folder", folder, "--threads", str(args.threads)]
        command += ["--clock", "processor"] if args.processor_time else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as running:
            assert running.stdout is not None
            yield from map(json.loads, running.stdout)
        if running.returncode:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["it printed nothing"])[-1]
            raise UserError(f"The measurement {' '.join(command[1:])} failed: {last}")


def _holds(folder: str) -> bool:
    """Whether there is a folder, or could be made."""
    path = Path(folder).absolute()
    return next(place for place in (path, *path.parents) if place.exists()).is_dir()


def script() -> Path:
    """Where the measurements are: in the wheel beside the package's files, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "benchmarks", package.parent / "benchmarks"):
        if (folder / "cases.py").is_file():
            return folder / "cases.py"
    raise UserError("The benchmarks are not installed: reinstall gnnneg, or run this in its checkout.")


def _measure(words: tuple[str, ...], threads: int) -> dict[str, float]:
    given = dict(word.split("=") for word in words if "=" in word)
    command = [sys.executable, str(script()), *(word for word in words if "=" not in word), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **given})
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise UserError(f"The measurement {' '.join(command[1:])} failed: {last}")
    return json.loads(lines[-1])
