"""Whether gnnneg is right and how fast it is on a GPU, in less than ten minutes: ``make gpu``.

``python benchmarks/gpu.py`` measures the parts of ``gpu_parts.py`` one after the other, each in a process of its own
with a limit of its own. What a part has told is kept if it fails or runs out of time. Called again, it goes on with
what is missing or was an error: a part is done if it was done on this device, at this size and with this code. It
writes ``record.jsonl`` and ``page.html`` into ``--out``.

``--dry`` runs all parts on the CPU at toy size, so that the script works the first time there is a GPU.
"""

import argparse
import html
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from gpu_parts import PARTS, TRAININGS
from on_gpu.record import MARK, Record, is_done, measured, records, where

HERE = Path(__file__).resolve().parent


def measure(part: str, limit: float, mark: Record, path: Path) -> None:
    """Runs one part, and appends what it tells to the record as it comes, each line with the mark."""
    until = time.time() + limit
    command = [sys.executable, str(HERE / "gpu_parts.py"), part, "--record", str(path), "--until", str(until)]
    command += ["--device", "cpu", "--toy"] if mark["toy"] else []
    search = os.pathsep.join([str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")])
    around = {**os.environ, "PYTHONPATH": search, "GNNNEG_GPU_RUNS": str(path.parent / "runs")}
    begin, end = time.time(), "done"
    log = path.with_name(f"{part}.log")
    with path.open("a") as record, log.open("w") as noise:

        def tell(one: Record) -> None:
            record.write(json.dumps(one | mark) + "\n")
            record.flush()

        # a session of its own, so that what it starts can be stopped with it
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=noise, text=True, env=around, start_new_session=True
        ) as running:
            stop = Stop(running, limit)
            try:
                assert running.stdout is not None
                for line in running.stdout:
                    if line.startswith("{") and line.endswith("}\n"):  # not one that it was stopped in
                        tell(json.loads(line))
                code = running.wait()
            finally:
                fired = stop.cancel()
        if fired:
            end = f"stopped after its limit of {limit:.0f} seconds"
        elif code:
            last = (log.read_text().strip().splitlines() or ["it said nothing"])[-1]
            end = f"failed: {last[:300]}"
        close = {"part": part, "case": "end", "end": end, "seconds": round(time.time() - begin, 1)}
        tell(close)
    print(f"{part:14} {close['seconds']:6.1f} s  {end}", flush=True)


class Stop:
    """Kills a process and all that it has started after some seconds, unless it is called off.

    Args:
        running (subprocess.Popen): The first process of its session.
        seconds (float): After how long.
    """

    def __init__(self, running: subprocess.Popen, seconds: float):
        self.running, self.fired = running, False
        self.timer = threading.Timer(seconds, self.fire)
        self.timer.daemon = True
        self.timer.start()

    def fire(self) -> None:
        self.fired = True
        self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(self.running.pid, signal.SIGKILL)

    def cancel(self) -> bool:
        """Calls it off and ends what is left of the session; whether it had fired."""
        self.timer.cancel()
        self.kill()
        return self.fired


def cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(cell(one) for one in value)
    return "" if value is None else str(value)


def page(found: list[Record]) -> str:
    """One table a part, of one device and code."""
    out = [
        "<!doctype html><meta charset=utf-8><title>gnnneg on a GPU</title>",
        "<style>body{font:15px system-ui;margin:2em;max-width:110em}table{border-collapse:collapse;margin:1em 0}"
        "td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child"
        "{text-align:left}</style><h1>gnnneg on a GPU</h1>",
        "<p>Made by <code>make gpu</code>. ms: the median over repeats; launches, copies and waits: of one call.</p>",
    ]
    for part in PARTS:
        rows = [one for one in found if one["part"] == part and one["case"] != "end"]
        ends = [one for one in found if one["part"] == part and one["case"] == "end"]
        if not rows and not ends:
            continue
        hidden = "part", "commit", *MARK
        columns = list(dict.fromkeys(name for one in rows for name in one if name not in hidden))
        out.append(f"<h2>{html.escape(part)}</h2>")
        if ends:
            out.append(f"<p>{html.escape(ends[-1]['end'])}, {ends[-1]['seconds']} s</p>")
        head = "".join(f"<th>{html.escape(name)}" for name in columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell(one.get(name)))}" for name in columns) for one in rows)
        out.append(f"<table><tr>{head}{body}</table>")
    return "\n".join(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--out", default="runs/gpu", help="where the record and the page go (default: runs/gpu)")
    parser.add_argument("--seconds", type=float, default=580, help="a budget for all parts (default: 580)")
    parser.add_argument("--dry", action="store_true", help="on the CPU at toy size")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]!r}: give any of {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    if not arguments.dry and not torch.cuda.is_available():
        print("There is no CUDA device here: run it where there is one, or with --dry on the CPU.", file=sys.stderr)
        return 2
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    path, begin, mark = out / "record.jsonl", time.time(), where(arguments.dry)
    found = measured(records(path), mark)
    wanted = [part for part in PARTS if part in (arguments.parts or PARTS)]
    missing = [part for part in wanted if not is_done(part, found)]
    for part in wanted:
        left = arguments.seconds - (time.time() - begin)
        if part not in missing:
            print(f"{part:14} skipped: done before on {mark['device']} with the same code, see {path}", flush=True)
            continue
        if left < 5:
            print(
                f"{part:14} left for another time: the budget of {arguments.seconds:.0f} seconds is spent", flush=True
            )
            continue
        measure(part, limit(part, left, missing), mark, path)
        (out / "page.html").write_text(page(measured(records(path), mark)), encoding="utf-8")
    print(f"{path} and {out / 'page.html'} are written.")
    return 0


def limit(part: str, left: float, missing: list[str]) -> float:
    """The seconds of a part, of those that are left; trainings share them evenly with the trainings that follow."""
    if part in TRAININGS:
        left /= sum(later in missing for later in TRAININGS[TRAININGS.index(part) :])
    return min(PARTS[part][1], left)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no part outlives it
    sys.exit(main())
