"""``gnnneg bench``: ours against the peers installed here, in one run, on the same threads."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gnnneg.errors import MissingExtra, UserError, nearest
from gnnneg.plain import to_json

# suite: (case, what to measure, options); a fast case measures its peer on fewer triples, so that a run stays short
SUITES: dict[str, list[tuple[str, list[str]]]] = {
    "train": [
        (f"{model}, 256 negatives {'shared' if shared else 'private'}", ["train", model, *shared])
        for model in ("DistMult", "RotatE", "TransE")
        for shared in (["--shared"], [])
    ],
    "rank": [(model, ["rank", model]) for model in ("DistMult", "RotatE", "TransE")],
}
SLOW = {"RotatE": ["--some", "128"]}


def add(subparsers: Any) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory against the peers installed here",
        description="Measures ours and PyKEEN on FB15k-237, each case in a process of its own, after a warm-up.",
    )
    parser.add_argument("suite", nargs="*", metavar="SUITE", help=f"any of {', '.join(SUITES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print a list of measurements")
    parser.add_argument("--threads", type=int, default=2, help="threads of either side (default: 2)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    unknown = [suite for suite in args.suite if suite not in SUITES]
    if unknown:
        raise UserError(f"There is no bench suite {unknown[0]!r}: {nearest(unknown[0], SUITES)}")
    try:
        import pykeen  # noqa: F401
    except ImportError as error:
        raise MissingExtra("bench", "gnnneg bench") from error
    rows = []
    for row in measured(args.suite or list(SUITES), args.threads):
        rows.append(row)
        if not args.json:
            print(
                f"{row['suite']:6} {row['case']:32} ours {row['ours']:10,.0f}  {row['peer_name']} {row['peer']:8,.0f}"
                f" {row['unit']}  x{row['ratio']:.1f}   MiB {row['peak_mib']:,.0f} against {row['peer_peak_mib']:,.0f}",
                flush=True,
            )
    if args.json:
        print(to_json(rows))
    return 0


def measured(suites: list[str], threads: int) -> Iterator[dict[str, Any]]:
    """One row per case: ours and the peer's, one after the other."""
    from importlib.metadata import version

    peers: dict[tuple[str, ...], dict[str, float]] = {}  # PyKEEN knows no shared negatives: one measurement for both
    for suite in suites:
        for case, options in SUITES[suite]:
            own = _measure("ours", options, threads)
            same = (*[option for option in options if option != "--shared"], *SLOW.get(options[1], []))
            if same not in peers:
                peers[same] = _measure("pykeen", list(same), threads)
            peer = peers[same]
            yield {
                "suite": suite,
                "case": case,
                "unit": "triples/s",
                "ours": own["per_second"],
                "peer": peer["per_second"],
                "peer_name": f"PyKEEN {version('pykeen')}",
                "ratio": own["per_second"] / peer["per_second"],
                "peak_mib": own["peak_mib"],
                "peer_peak_mib": peer["peak_mib"],
            }


def script() -> Path:
    """Where the measurements are: in the wheel beside the package's files, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "benchmarks", package.parent / "benchmarks"):
        if (folder / "cases.py").is_file():
            return folder / "cases.py"
    raise UserError("The benchmarks are not installed: reinstall gnnneg, or run this in its checkout.")


def _measure(who: str, options: list[str], threads: int) -> dict[str, float]:
    command = [sys.executable, str(script()), who, *options, "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise UserError(f"The measurement {' '.join(command[1:])} failed: {last}")
    return json.loads(lines[-1])
