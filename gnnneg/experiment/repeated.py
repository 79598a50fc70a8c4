"""Trains one config with several seeds in parallel."""

import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import torch

from gnnneg import distributed, run_files
from gnnneg.beside import module_path
from gnnneg.config import Plan
from gnnneg.errors import UserError, echo
from gnnneg.experiment import folder
from gnnneg.experiment.ending import unfinished
from gnnneg.experiment.from_config import read
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.prolonged import differing
from gnnneg.experiment.ready import refuse_seed
from gnnneg.experiment.settings import source
from gnnneg.plain import visible
from gnnneg.training import Interrupted
from gnnneg.training.interruption import Interruption

MOST = 1000  # seeds
PATIENCE = 60.0  # seconds for a process to write its checkpoint
POLL = 0.1
BESIDE = "gnnneg.cli.beside"  # a module whose process ends with this one
THREADS = "OMP_NUM_THREADS"
DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Repeated:
    """The runs of several seeds.

    Args:
        runs (dict[int, Path]): The run folder of each finished seed.
        failed (dict[int, str]): The reason for each failed seed.
    """

    runs: dict[int, Path] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def train_seeds(
    path: str | Path,
    seeds: int | str | Iterable[int] = 5,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    allow: str | Sequence[str] = (),
) -> Repeated:
    """Trains a config with several seeds, each in its own process.

    Finished runs are kept, and interrupted runs are resumed, so the same command can be given again. A failed run does
    not stop the others. Ctrl-C stops all runs, and all can be resumed.

    ::

        done = gnnneg.train_seeds("complex.yaml", "0..4")
        gnnneg.compare([*done.runs.values(), *other.runs.values()])

    Args:
        path (str or Path): The YAML.
        seeds (int, str or list[int]): Their number, from 0; or the seeds, ``"2..6"`` or ``"0,3,7"``.
            (default: :obj:`5`)
        overrides (list[str]): Settings that replace its own, such as ``["--fit.epochs", "5"]``.
        out (str or Path, optional): The run folders without ``-<seed>``. (default: ``runs/<data set>-<config>``)
        workers (int, optional): The number of runs at a time. The cores are divided among them, and each has its own
            GPU, as long as there are enough. (default: the number of GPUs, if there are any and the config does not use
            the CPU; otherwise the number of cores)
        progress (bool): Whether to print the end of each run on standard error. (default: :obj:`True`)
        allow (str or list[str]): Other modules than gnnneg's whose classes the config may use.

    Raises:
        UserError: If the config or a number is wrong, or a folder has a run of another config.
        Interrupted: On Ctrl-C or SIGTERM, after all runs have written their checkpoints.
    """
    chosen = numbers(seeds)
    if any(word.partition("=")[0] == "--seed" for word in overrides):
        raise UserError("--seed and --seeds are given: leave one of the two out.")
    if distributed.wanted() > 1:
        raise UserError("--seeds starts processes itself: give it without torchrun.")
    if workers is not None and workers < 1:
        raise UserError(f"--workers is {workers}: give at least 1.")
    means = read(path, overrides, allow)
    stem = Path(out) if out is not None else Path("runs") / f"{Path(source(means).name).name}-{Path(path).stem}"
    homes = {seed: Path(f"{stem}-{seed}") for seed in chosen}
    states = {seed: _left(home, means, seed, allow) for seed, home in homes.items()}
    to_do = {seed: goes_on for seed, goes_on in states.items() if goes_on is not None}
    words = [word for module in ([allow] if isinstance(allow, str) else allow) for word in ("--allow", module)]
    orders = {
        seed: ["resume", str(homes[seed])]
        if goes_on
        else ["train", str(path), *overrides, "--seed", str(seed), "--out", str(homes[seed])]
        for seed, goes_on in to_do.items()
    }
    crew = _Crew(means, workers or 0, len(orders), progress)
    done = Repeated({seed: home for seed, home in homes.items() if seed not in to_do})
    with Interruption() as struck:  # also if the shell makes us ignore Ctrl-C
        crew.work({seed: [*order, "--quiet", "--json", *words] for seed, order in orders.items()}, homes, done, struck)
    return Repeated({seed: done.runs[seed] for seed in chosen if seed in done.runs}, done.failed)


def numbers(seeds: int | str | Iterable[int]) -> list[int]:
    """The list of seeds, from their number (counted from 0), ``"2..6"``, ``"0,3,7"``, or a list.

    Raises:
        UserError: If it is none of these, a seed is named twice, or there are too many.
    """
    if isinstance(seeds, str):
        found: list[int] = []
        for word in seeds.split(","):
            match = re.fullmatch(r"\s*(\d{1,10})(?:\.\.(\d{1,10}))?\s*", word)
            if match is None or int(match[2] or match[1]) < int(match[1]):
                raise UserError(f"--seeds is {echo(seeds)}: give a number such as 5, or 2..6, or 0,3,7.")
            begin, end = int(match[1]), int(match[2] or match[1])
            if seeds.strip() == match[1]:  # a number alone
                begin, end = 0, begin - 1
            _refuse_many(len(found) + end - begin + 1)
            found += range(begin, end + 1)
    elif isinstance(seeds, int):
        _refuse_many(seeds)
        found = list(range(seeds))
    else:
        found = list(seeds)
    _refuse_many(len(found))
    for seed in found:
        refuse_seed(seed)
        if found.count(seed) > 1:
            raise UserError(f"--seeds names {seed} twice: name each once.")
    return found


def _refuse_many(count: int) -> None:
    if not 1 <= count <= MOST:
        raise UserError(f"--seeds asks for {count} runs: give 1 to {MOST}.")


def _left(home: Path, means: Plan, seed: int, allow: str | Sequence[str]) -> bool | None:
    """Whether a run must be resumed (not started); None if it is finished.

    Raises:
        UserError: If the folder has a run of another config.
    """
    if not (home / run_files.CONFIG).is_file():
        if home.exists():
            folder.claim(home)
        return False
    kept = Kept(home, "cpu", None, allow)
    asked = {**means.plain(), "seed": seed}
    others = [key for key in dict.fromkeys(differing(kept.plan.plain(), asked)) if key != "device"]
    if others:
        raise UserError(
            f"{home} holds a run of another config, by {', '.join(others[:3])}: choose another --out, or resume it "
            f"by 'gnnneg resume {home}'."
        )
    return None if unfinished(home, kept.plan.arguments["fit"].build({})) is None else True


class _Crew:
    """Runs processes in parallel.

    Args:
        means (Plan): The plan that each of them trains.
        workers (int): The number of processes at a time; 0 takes the number of devices.
        count (int): The total number of processes.
        progress (bool): Whether to print the end of each.
    """

    def __init__(self, means: Plan, workers: int, count: int, progress: bool):
        device = means.arguments["device"]
        cuda = (device is None and torch.cuda.is_available()) or (device or "").startswith("cuda")
        self.devices = _devices() if cuda and device in (None, "cuda") else []
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = max(1, min(workers or (max(1, len(self.devices)) if cuda else self.cores), count))
        self.progress = progress
        self.told: set[str] = set()
        self.running: dict[int, tuple[subprocess.Popen[bytes], int, IO[bytes]]] = {}

    def work(self, orders: dict[int, list[str]], homes: dict[int, Path], done: Repeated, struck: Interruption) -> None:
        """Runs all and records their ends, until an interruption (``struck``)."""
        waiting, total = list(orders), len(homes)
        try:
            while waiting or self.running:
                if struck.wanted:
                    raise KeyboardInterrupt
                while waiting and len(self.running) < self.workers:
                    self.start(seed := waiting.pop(0), orders[seed])
                time.sleep(POLL)
                for seed in [one for one, (process, *_) in self.running.items() if process.poll() is not None]:
                    self.close(seed, homes[seed], done, total)
        except KeyboardInterrupt as error:
            self.stop()
            raise Interrupted(
                f"Interrupted: {len(done.runs)} of {total} runs are finished, and the same command resumes the others."
            ) from error
        finally:
            self.stop()

    def start(self, seed: int, order: list[str]) -> None:
        """Starts a process in the first free place."""
        taken = {place for _, place, _ in self.running.values()}
        place = next(place for place in range(self.workers) if place not in taken)
        said = tempfile.TemporaryFile()  # noqa: SIM115  # open until the process ends
        process = subprocess.Popen(
            [sys.executable, "-m", BESIDE, *order],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment(os.environ, place, self.workers, self.cores, self.devices),
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the others
        )
        self.running[seed] = process, place, said

    def close(self, seed: int, home: Path, done: Repeated, total: int) -> None:
        """Records the end of a process."""
        process, _, file = self.running.pop(seed)
        file.seek(0)
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        file.close()
        if process.stdin:
            process.stdin.close()
        for line in lines:
            text = line.removeprefix("Warning: ")
            if text != line and text not in self.told:
                self.told.add(text)
                warnings.warn(f"seed {seed}: {text}", stacklevel=3)
        if process.returncode == 0:
            done.runs[seed] = home
        else:
            done.failed[seed] = _why(process.returncode, lines, home)
            warnings.warn(f"The run of seed {seed} failed: {done.failed[seed]}", stacklevel=3)
        if self.progress and process.returncode == 0:
            ended = len(done.runs) + len(done.failed)
            print(visible(f"seed {seed}: {_headline(home)} ({ended} of {total})"), file=sys.stderr)

    def stop(self) -> None:
        """Ends all processes as by Ctrl-C, and kills those that do not end."""
        for process, *_ in self.running.values():
            process.terminate()
        for process, _, file in self.running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()
            file.close()
        self.running.clear()


def environment(
    before: Mapping[str, str], place: int, workers: int, cores: int, devices: Sequence[str]
) -> dict[str, str]:
    """The environment variables of a process: its share of the cores, and its GPU.

    Args:
        before (Mapping): The current variables.
        place (int): Its place.
        workers (int): The number of places.
        cores (int): The number of cores.
        devices (list[str]): The GPUs.
    """
    share = max(1, cores // workers)
    own = before.get(THREADS, "")
    threads = min(share, int(own)) if own.isdecimal() and int(own) else share
    gpu = {DEVICES: devices[place % len(devices)]} if devices else {}
    return {**before, THREADS: str(threads), "PYTHONPATH": module_path(), **gpu}


def _devices() -> list[str]:
    """The names of the visible GPUs."""
    named = [one.strip() for one in os.environ.get(DEVICES, "").split(",") if one.strip()]
    return named or [str(place) for place in range(torch.cuda.device_count())]


def _why(code: int, lines: list[str], home: Path) -> str:
    if code < 0:
        return f"It was killed by signal {-code} (not enough memory?); the same command resumes it."
    said = [line for line in lines if not line.startswith("Warning: ")]
    return said[-1] if said else f"It ended with code {code}; 'gnnneg resume {home}' may say why."


def _headline(home: Path) -> str:
    """The main metric of a finished run."""
    metrics = folder.read_result(home).get("metrics", {})
    split = next((split for split in ("test", "valid") if "mrr" in metrics.get(split, {})), None)
    return f"finished, {split} MRR {metrics[split]['mrr']:.4f}" if split else "finished"
