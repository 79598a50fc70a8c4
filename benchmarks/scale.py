"""What a large graph takes from its text to its test, beside what others take: one JSON line a row.

``python benchmarks/scale.py --entities 4.6e6 --folder DIR`` writes Zipf statements (4.5 an entity), imports them,
trains DistMult and ComplEx of width 128 with 1,000 shared negatives and with the hardest 64 of 256, ranks 1,000 test
statements beside the bare matrix products, trains, validates and tests a whole run, and ends another one by ``kill -9``
to see whether it goes on to the same bits. Each measurement has a process of its own; a text that is there is not
written again.

The rows of a step, read and written once, and its three matrix products alone are what a machine allows.

A statement gets negatives of one side, drawn, as in PyKEEN, and in rows that say so of both.

PyKEEN does the same with as many private negatives (it has no shared ones) and a dense Adagrad, PyTorch-BigGraph, where
``torchbiggraph`` is installed, with half of its negatives from the batch, at the largest of ``--entities``, half of
them, and so on, that they bear within ``--memory`` and ``--patience``. ``--clock processor`` counts processor seconds
in place of those that pass, for machines that do something else too.
"""

import argparse
import filecmp
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import zipf
from measure import recording

HERE = Path(__file__).resolve()
RELATIONS, PER_ENTITY, WIDTH, BATCH, SHARED = 822, 20.6 / 4.6, 128, 1024, 1000
ASKED = 1000  # test statements
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
LAP = 512  # steps that are measured at a time: a round of a run, which ends with one look at all weights
SEEN = 1 << 19  # statements that steps are measured on, at most
HALVINGS = 6
OPERATORS = {"DistMult": "diagonal", "ComplEx": "complex_diagonal"}  # what BigGraph calls them
BEGINNING = 2_000_000  # statements of the text that PyKEEN reads


def uniform(count: int, shared: bool = False) -> dict[str, Any]:
    return {"class_path": "Uniform", "init_args": {"num_negatives": count, "shared": shared}}


SAMPLERS = {
    "1,000 shared": uniform(SHARED, shared=True),
    "64 private": uniform(64),
    "hardest 64 of 256": {"class_path": "Hardest", "init_args": {"proposal": uniform(256), "num_negatives": 64}},
}


def tree(data: str, decoder: str, sampler: str, corruption: str = "Both", **fit: Any) -> dict[str, Any]:
    """The config of a run."""
    encoder = {"class_path": "Lookup", "init_args": {"hidden_channels": WIDTH, "sparse": True}}
    model = {"class_path": "KGEModel", "init_args": {"encoder": encoder, "decoder": decoder}}
    task = {"model": model, "corruption": corruption, "sampler": SAMPLERS[sampler], "loss": "InfoNCE"}
    return {
        "data": {"name": data},
        "task": {"class_path": "LinkPrediction", "init_args": task},
        "optimizer": {"class_path": "RowAdagrad", "init_args": {"lr": 0.1}},
        "fit": {"epochs": 1, "batch_size": BATCH, **fit},
    }


# each in a process of its own


def statements(num_nodes: int, count: int) -> Any:
    """Zipf statements in memory, by the law of those that are written."""
    from gnnneg.records import Triplets

    first = -(-num_nodes // zipf.BLOCK)  # before that each entity is a head once
    block = next(islice(zipf.blocks(num_nodes, RELATIONS, (first + 1) * zipf.BLOCK), first, None))
    return Triplets(*(torch.from_numpy(column[:count].copy()) for column in block))


def step(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second of ours."""
    from gnnneg.experiment.settings import plan
    from gnnneg.training import Fit

    settings = plan(tree("made here", words.decoder, words.sampler, words.corruption)).arguments
    task = settings["task"].build({"num_nodes": words.entities, "num_relations": RELATIONS, "graph": None})
    optimizer = settings["optimizer"].build({"params": list(task.trained())})
    made = statements(words.entities, LAP * BATCH)
    steps = len(made.rel_type) // BATCH
    fit, laps, begin = Fit(epochs=1, batch_size=BATCH), [], clock()
    while len(laps) < 2 or clock() - begin < words.seconds:
        lap = clock()
        fit(task, made, optimizer, seed=0, progress=False)
        laps.append(clock() - lap)
    return steps * BATCH / min(laps[1:])


def bare(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second if a step were only its rows, read once and written once, and its three matrix products."""
    from gnnneg.allocation import on_large_pages

    torch.manual_seed(0)
    table = on_large_pages(torch.empty(words.entities, WIDTH)).normal_()
    made, laps, begin = statements(words.entities, LAP * BATCH), [], clock()
    parts = [torch.cat([made.head_index[at], made.tail_index[at]]) for at in torch.arange(LAP * BATCH).split(BATCH)]
    query, score = torch.randn(BATCH, WIDTH), torch.empty(BATCH, SHARED)
    while len(laps) < 2 or clock() - begin < words.seconds:
        lap = clock()
        for ends in parts:
            index = torch.cat([ends, torch.randint(words.entities, (SHARED,))])
            rows = table[index]
            negatives = rows[len(ends) :]
            torch.mm(query, negatives.T, out=score)
            score @ negatives
            score.T @ query
            table[index] = rows
        laps.append(clock() - lap)
    return LAP * BATCH / min(laps[1:])


def pykeen(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second of PyKEEN."""
    import peers

    made = torch.stack(list(statements(words.entities, 2 * BATCH)), dim=1)
    width = WIDTH // 2 if words.decoder == "ComplEx" else WIDTH  # in complex numbers
    model, factory = peers.made(words.decoder, made, words.entities, RELATIONS, width)
    laps = peers.epochs(
        model,
        factory,
        SHARED,
        BATCH,
        3,
        wait=lambda: None,
        clock=clock,
        optimizer=lambda weights: torch.optim.Adagrad(weights, lr=0.1),
        sub_batch=BATCH // 8,  # private negatives of a whole step would fill the memory before the table does
    )
    return len(made) / min(laps)


def importing(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second that are read, numbered, parted and written."""
    from gnnneg.data.ingest import ingest

    out = Path(words.data).with_name("data")
    shutil.rmtree(out, ignore_errors=True)
    share, begin = ASKED / int(words.entities * PER_ENTITY), clock()
    found = ingest(words.data, out, valid=share, test=share).counts
    return (found["train"] + found["valid"] + found["test"]) / (clock() - begin)


def pykeen_import(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second that PyKEEN reads and numbers."""
    from pykeen.triples import TriplesFactory

    begin = clock()
    return TriplesFactory.from_path(words.data, encoding="utf-8").num_triples / (clock() - begin)


def biggraph(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second of PyTorch-BigGraph, by what twice as many take more: it writes the model in each epoch."""
    import h5py
    import torchbiggraph.config
    import torchbiggraph.train

    folder, made = Path(words.data), statements(words.entities, SEEN)

    def taken(count: int) -> float:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "edges").mkdir(parents=True)
        (folder / "entity_count_all_0.txt").write_text(str(words.entities))
        (folder / "dynamic_rel_count.txt").write_text(str(RELATIONS))
        with h5py.File(folder / "edges" / "edges_0_0.h5", "w") as file:
            file.attrs["format_version"] = 1
            for name, column in zip(("lhs", "rel", "rhs"), made):
                file[name] = column[:count].numpy()
        config = torchbiggraph.config.ConfigSchema.from_dict(
            {
                "entity_path": str(folder),
                "edge_paths": [str(folder / "edges")],
                "checkpoint_path": str(folder / "model"),
                "entities": {"all": {"num_partitions": 1}},
                "relations": [{"name": "all", "lhs": "all", "rhs": "all", "operator": OPERATORS[words.decoder]}],
                "dynamic_relations": True,
                "dimension": WIDTH,
                "global_emb": False,
                "comparator": "dot",
                "loss_fn": "softmax",
                "lr": 0.1,
                "num_epochs": 1,
                "batch_size": BATCH,
                "num_batch_negs": BATCH // 2,
                "num_uniform_negs": SHARED - BATCH // 2,
                "eval_fraction": 0.0,
                "workers": words.threads,
            }
        )
        begin = clock() if words.clock == "wall" else _of_children()
        torchbiggraph.train.train(config)
        return (clock() if words.clock == "wall" else _of_children()) - begin

    half = taken(SEEN // 2)
    return SEEN / 2 / (taken(SEEN) - half)


def _of_children() -> float:
    """Processor seconds of this process and of those that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def rank(words: argparse.Namespace, clock: Callable[[], float]) -> float:
    """Statements a second ranked from both sides; ``--sampler bare``: the matrix products alone."""
    from gnnneg import datasets
    from gnnneg.decoders import ComplEx
    from gnnneg.encoders import Lookup
    from gnnneg.evaluation import Testbed, ranks
    from gnnneg.evaluation.ranking import QUERIES, _columns
    from gnnneg.models import KGEModel

    data = datasets.graphs(words.data, None)[0]
    bed = Testbed(data)
    test, n, r = bed.statements("test"), bed.num_nodes, bed.num_relations
    test = type(test)(*(column[:ASKED] for column in test))
    torch.manual_seed(0)
    model = KGEModel(Lookup(n, WIDTH, sparse=True), ComplEx(r, WIDTH))
    if words.sampler != "bare":
        known = bed.known
        ranks(model, None, type(test)(*(column[:1] for column in test)), known)  # what is loaded once is no ranking
        begin = clock()
        ranks(model, None, test, known)
        return len(test.rel_type) / (clock() - begin)
    asked = torch.cat([test.rel_type * n + test.head_index, (test.rel_type + r) * n + test.tail_index]).unique()
    table = model.encoder.weight.detach()
    query, columns = table[asked % n], _columns(n, 256.0, min(QUERIES, len(asked)))
    out = torch.empty(min(QUERIES, len(asked)), columns)
    torch.mm(query[:1], table[:columns].T, out=out[:1, : min(columns, n)])
    begin = clock()
    for part in query.split(QUERIES):
        for start in range(0, n, columns):
            some = table[start : start + columns]
            torch.mm(part, some.T, out=out[: len(part)].flatten()[: len(part) * len(some)].view(len(part), len(some)))
    return len(test.rel_type) / (clock() - begin)


INSIDE: dict[str, Callable[[argparse.Namespace, Callable[[], float]], float]] = {
    "importing": importing,
    "step": step,
    "bare": bare,
    "pykeen": pykeen,
    "pykeen_import": pykeen_import,
    "biggraph": biggraph,
    "rank": rank,
}


def inside(words: argparse.Namespace) -> None:
    """One measurement, within the memory that is allowed."""
    torch.set_num_threads(words.threads)
    if words.inside.startswith("pykeen"):  # it would take all, and the machine with it
        resource.setrlimit(resource.RLIMIT_DATA, (int(words.memory * 2**30),) * 2)
    rate = INSIDE[words.inside](words, CLOCKS[words.clock])
    print(json.dumps({"per_second": rate}))


# the rows


class Bench:
    """What all rows need to know."""

    def __init__(self, words: argparse.Namespace):
        self.words, self.folder = words, Path(words.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.entities, self.count = words.entities, int(words.entities * PER_ENTITY)
        self.record = recording(words.record, words.threads)
        self.text, self.data = self.folder / "statements.tsv.gz", self.folder / "data"
        self.environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(words.threads),
            "NUMBA_NUM_THREADS": str(words.threads),
        }
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE.parents[1]), os.getenv("PYTHONPATH"))))

    def spent(self, command: list[str], patience: float | None = None) -> tuple[float, float, str]:
        """Seconds, peak MiB and output of a command.

        Raises:
            RuntimeError: If it fails, with its last line, or if it takes longer than ``patience``.
        """
        out = self.folder / "said.txt"
        begin, late = time.perf_counter(), False
        with out.open("w") as file:
            done = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=self.environment)
            while True:
                pid, status, used = os.wait4(done.pid, os.WNOHANG)
                if pid:
                    break
                late = patience is not None and time.perf_counter() - begin > patience
                if late:
                    done.kill()
                time.sleep(0.05)
        done.returncode = os.waitstatus_to_exitcode(status)
        seconds = used.ru_utime + used.ru_stime if self.words.clock == "processor" else time.perf_counter() - begin
        said = out.read_text()
        if done.returncode:
            if late:
                raise RuntimeError(f"it took more than {patience:g} seconds")
            raise RuntimeError((said.strip().splitlines() or [f"exit {done.returncode}"])[-1])
        return seconds, used.ru_maxrss / 1024, said

    def gnnneg(self, *words: str) -> tuple[float, float, str]:
        return self.spent([*GNNNEG, *words])

    def alone(self, what: str, entities: int, patience: float | None = None, **options: object) -> tuple[float, float]:
        """A rate and the peak MiB of one measurement."""
        words = [sys.executable, str(HERE), "--inside", what, "--entities", str(entities)]
        for name in ("threads", "seconds", "clock", "memory"):
            words += [f"--{name}", str(getattr(self.words, name))]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        _, peak, said = self.spent(words, patience)
        return json.loads(said.strip().splitlines()[-1])["per_second"], peak

    def bears(self, what: str, **options: object) -> tuple[float | None, float | None, str]:
        """What a peer comes to at the largest size that it bears, and the words that say which."""
        for halved in range(HALVINGS):
            entities = self.entities >> halved
            try:
                rate, peak = self.alone(what, entities, self.words.patience, **options)
            except RuntimeError as error:
                print(f"{what}, {entities:,} entities: {error}", file=sys.stderr, flush=True)
            else:
                return rate, peak, f"{entities:,} entities"
        return None, None, f"not even with {entities:,} entities"

    def row(
        self, case: str, unit: str, ours: float, mib: float, peer: float | None, peak: float | None, name: str
    ) -> None:
        ratio = None if peer is None else (peer / ours if unit == "s" else ours / peer)
        told = {"suite": "scale", "case": case, "unit": unit, "ours": ours, "peer": peer, "peer_name": name}
        told |= {"ratio": ratio, "peak_mib": mib, "peer_peak_mib": peak, "entities": self.entities}
        told |= {"clock": self.words.clock}
        print(json.dumps(told), flush=True)
        self.record(told)

    # each of these is a row or two

    def written(self) -> None:
        """The text, once."""
        if not self.text.exists():
            partial = self.text.with_name("partial.tsv.gz")
            zipf.write(partial, self.entities, RELATIONS, self.count, 0.7, 0)
            partial.rename(self.text)

    def ready(self) -> str:
        """The data set, imported unless a part before has done so."""
        if not self.data.exists():
            self.written()
            self.alone("importing", self.entities, data=self.text)
        return str(self.data)

    def imported(self) -> None:
        self.written()
        ours = self.alone("importing", self.entities, data=self.text)
        peer: tuple[float | None, float | None] = (None, None)
        name = "PyKEEN is not installed"
        if find_spec("pykeen"):
            plain = self.folder / "beginning.tsv"
            with gzip.open(self.text) as packed, plain.open("wb") as file:
                file.writelines(islice(packed, BEGINNING))
            try:
                peer = self.alone("pykeen_import", 1, self.words.patience, data=plain)
                name = f"PyKEEN, the first {min(self.count, BEGINNING):,}"
            except RuntimeError as error:
                name = f"PyKEEN fails: {error}"
        self.row("import of the text", "statements/s", *ours, *peer, name)

    def steps(self) -> None:
        for decoder in ("DistMult", "ComplEx"):
            own, both = (
                self.alone("step", self.entities, decoder=decoder, sampler="1,000 shared", corruption=sides)
                for sides in ("Either", "Both")
            )
            for name in self.words.peers:
                what, package = PEERS[name]
                peer: tuple[float | None, float | None, str] = (None, None, "is not installed")
                if find_spec(package):
                    peer = self.bears(what, decoder=decoder, data=self.folder / "biggraph")
                self.row(f"{decoder}, 1,000 shared", "triples/s", *own, *peer[:2], f"{name}, {peer[2]}")
            self.row(f"{decoder}, 1,000 shared, both sides", "triples/s", *both, *own, "one side")
            least = self.alone("bare", self.entities)
            self.row(f"{decoder}, 1,000 shared", "triples/s", *own, *least, "its rows and products alone")
        hardest = "hardest 64 of 256"
        own, plain, both = (
            self.alone("step", self.entities, decoder="DistMult", sampler=one, corruption=sides)
            for one, sides in ((hardest, "Either"), ("64 private", "Either"), (hardest, "Both"))
        )
        self.row(f"DistMult, {hardest}", "triples/s", *own, *plain, "64 uniform, private")
        self.row(f"DistMult, {hardest}, both sides", "triples/s", *both, *own, "one side")

    def ranked(self) -> None:
        ours, bare = (self.alone("rank", 1, data=self.ready(), sampler=how) for how in ("1,000 shared", "bare"))
        self.row(f"exact ranking of {ASKED:,}", "triples/s", *ours, *bare, "bare matrix products")

    def whole(self) -> None:
        """A run from the data set to its test."""
        fit = {"epochs": 4, "steps": self.words.steps, "evaluate_every": 2, "patience": None}
        seconds, mib, _ = self.run("whole", fit, {"valid_sample": 200})
        trained = json.loads((self.folder / "whole" / "result.json").read_text())["time"]["train_s"]
        if self.words.clock == "processor":  # which a run does not count
            self.row("ComplEx, whole run", "s", seconds, mib, None, None, f"{trained:,.0f} s of the clock for training")
        else:
            self.row("ComplEx, whole run", "s", seconds, mib, trained, None, "training alone")

    def killed(self) -> None:
        """A run that is killed in the middle and gone on with, against one that is left alone."""
        fit = {"epochs": 8, "steps": max(1, self.words.steps // 2), "evaluate_every": 1000, "checkpoint_seconds": 1}
        none = {"valid_sample": 1, "test": False}
        self.run("straight", fit, none)
        path, out = self.config("killed", fit, none), self.folder / "killed"
        start = self.until([*GNNNEG, "train", str(path), "--out", str(out), "--quiet"], out, 0)
        kept = max(_steps(out)) // fit["steps"]
        again = self.until([*GNNNEG, "resume", str(out), "--quiet"], out, kept, end=True)
        # not read whole: a process that is started later would have this one's peak for its own
        weights = [self.folder / name / "model" / "model.safetensors" for name in ("straight", "killed")]
        told = "the same bits" if filecmp.cmp(*weights, shallow=False) else "OTHER BITS"
        self.row(f"seconds until it trains, killed: {told}", "s", again[0], again[1], start[0], start[1], "a new run")

    def config(self, name: str, fit: dict[str, Any], evaluation: dict[str, Any]) -> Path:
        """Writes the config of a run with shared negatives that is not there."""
        return self.written_config(
            name, {**tree(self.ready(), "ComplEx", "1,000 shared", **fit), "evaluation": evaluation}
        )

    def written_config(self, name: str, asked: dict[str, Any]) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(asked))
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return path

    def run(self, name: str, fit: dict[str, Any], evaluation: dict[str, Any]) -> tuple[float, float, str]:
        path = self.config(name, fit, evaluation)
        return self.gnnneg("train", str(path), "--out", str(self.folder / name), "--quiet")

    def until(self, command: list[str], out: Path, kept: int, end: bool = False) -> tuple[float, float]:
        """Seconds until a run has trained a round more than it kept, and its peak MiB.

        It is let go on to its end, or killed once a checkpoint is there that it wrote in the middle.
        """
        log, began, stamp = out / "metrics.jsonl", time.perf_counter(), time.time()
        run = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        first, ended = None, 0
        while not ended and (end or first is None or not any(_steps(out))):
            time.sleep(0.02)
            ended, status, used = os.wait4(run.pid, os.WNOHANG)
            there = log.is_file() and log.stat().st_mtime > stamp and len(log.read_text().splitlines()) > kept
            if first is None and there:
                first = time.perf_counter() - began
                if self.words.clock == "processor":
                    first = used.ru_utime + used.ru_stime if ended else _used(run.pid)
        if not ended:
            run.send_signal(signal.SIGKILL)
            _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if first is None or (ended and not end):
            raise RuntimeError(f"{command} ended with {run.returncode} too early: more --steps.")
        if end and status:
            raise RuntimeError(f"{command} failed.")
        return first, used.ru_maxrss / 1024


def _used(pid: int) -> float:
    """Processor seconds of a process that runs, by Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _steps(out: Path) -> list[int]:
    """The steps of a run's checkpoints."""
    return [int(path.stem) for path in (out / "checkpoints").glob("*.pt")]


GNNNEG = [sys.executable, "-m", "gnnneg"]
PEERS = {"PyKEEN": ("pykeen", "pykeen"), "BigGraph": ("biggraph", "torchbiggraph")}  # what is measured, and its package
PARTS = ("imported", "steps", "ranked", "whole", "killed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=float, default=100_000)
    parser.add_argument("--folder", help="for the text, the data set and the runs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="of the part steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0, help="that steps are measured for")
    parser.add_argument("--steps", type=int, default=400, help="of a round of the whole run, which has four")
    parser.add_argument("--memory", type=float, default=12.0, help="GiB that a peer may take")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds that a peer may take")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well, as gnnneg bench does")
    for option in ("inside", "decoder", "sampler", "corruption", "data"):
        parser.add_argument(f"--{option}", help=argparse.SUPPRESS)
    words = parser.parse_args()
    words.entities = int(words.entities)
    if words.inside:
        inside(words)
        return
    if not words.folder:
        parser.error("--folder: say where the text, the data set and the runs shall lie.")
    bench = Bench(words)
    for part in words.parts:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
