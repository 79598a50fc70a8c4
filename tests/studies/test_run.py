"""Studies run: what is recorded, what is run again, in which order, and what stops it."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch
from studies.toy import CONFIG, STUDY, TUNED, written_to

from gnnneg import Ranking, Run, UserError, train_config
from gnnneg.cli import main
from gnnneg.documents import parse_yaml
from gnnneg.experiment.lock import alone
from gnnneg.experiment.trainer import Trainer
from gnnneg.studies import Order, processes, run_studies, work
from gnnneg.studies.definition import digest, read
from gnnneg.studies.failures import Failures
from gnnneg.studies.queue import Queue
from gnnneg.studies.run import left
from gnnneg.studies.work import CLAIMS, Worker, struck_at
from gnnneg.training import Interrupted, Stop


def order(home: Path, **options) -> Order:
    return Order(results=home / "results", runs=home / "runs", **options)


def records(home: Path, name: str = "toy") -> list[dict]:
    return [json.loads(line) for line in (home / "results" / f"{name}.jsonl").read_text().splitlines()]


def todo(home: Path, *paths: Path) -> list[str]:
    queue = Queue([read(path) for path in paths], home / "results", Trainer())
    return [job.name for job, _ in left(queue)]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A study that was run."""
    folder = tmp_path_factory.mktemp("study")
    said = []
    run_studies([written_to(folder)], order(folder), said.append)
    assert [one.done for one in said] == [1, 2, 3, 4]
    assert [one.left for one in said] == [3, 2, 1, 0]
    return folder


def test_each_training_has_a_record_that_says_all_of_it(home, tmp_path):
    """Against the run folder, and against the same config trained by itself."""
    found = records(home)
    assert [(one["variant"], one["seed"]) for one in found] == [("few", 0), ("many", 0), ("few", 1), ("many", 1)]
    one = found[3]
    (path,) = (home / "runs" / "toy").glob("synthetic-many-1-*")
    result = json.loads((path / "result.json").read_text())
    halves = one["metrics"]["test"].pop("half_links")
    assert one["metrics"] == result["metrics"]
    assert halves == Run.load(path).evaluate(Ranking(per="half_links")).kept()
    whole = sum(of["queries"] * of["mrr"] for of in halves.values()) / sum(of["queries"] for of in halves.values())
    assert whole == pytest.approx(one["metrics"]["test"]["mrr"])
    assert one["config"] == parse_yaml((path / "config.yaml").read_text(), "")
    assert one["config"]["task"]["init_args"]["sampler"]["init_args"]["num_negatives"] == 16
    assert one["config"]["fit"]["max_seconds"] == 60
    assert one["config_hash"] == digest(one["config"])
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    seconds = [sum(line["seconds"] for line in lines[:place] if "loss" in line) for place in range(len(lines))]
    curve = [[line["epoch"], round(at, 3), line["valid"]["mrr"]] for line, at in zip(lines, seconds) if "valid" in line]
    assert one["curve"] == {"of": "mrr", "epochs": curve}
    assert len(curve) == 3
    assert one["ended"] == "epochs"
    assert one["seconds"]["wall"] >= one["seconds"]["train"] > 0
    assert one["seconds"]["processor"] > 0
    assert one["machine"]["threads"] == 1
    assert one["machine"]["memory_mib"] > 100
    assert one["command"] == sys.argv
    assert one["versions"]["torch"] == torch.__version__
    assert len(one["commit"] or 40 * "0") == 40
    assert one["fingerprint"] == json.loads((path / "data.json").read_text())["graphs"]
    again = ["--task.sampler.num_negatives", "16", "--seed", "1"]
    same = train_config(home / "base.yaml", again, tmp_path / "run", progress=False)
    assert same.metrics["test"] == one["metrics"]["test"]


def test_what_has_a_record_is_not_run_again(home, monkeypatch):
    before = (home / "results" / "toy.jsonl").read_bytes()
    monkeypatch.setattr(Trainer, "__call__", None)
    run_studies([home / "toy.yaml"], order(home))
    assert (home / "results" / "toy.jsonl").read_bytes() == before
    assert not list((home / "runs").glob("*/*/checkpoints"))


def test_a_changed_config_makes_records_stale(home, tmp_path):
    """Of the one variant that it changes; they are told of, and run again."""
    path = tmp_path / "toy.yaml"
    (tmp_path / "base.yaml").write_text(CONFIG)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy.jsonl").write_bytes((home / "results" / "toy.jsonl").read_bytes())
    path.write_text(STUDY.replace("num_negatives: 16", "num_negatives: 8").replace("seeds: 2", "seeds: 1"))
    with pytest.warns(UserWarning, match="stale|left aside") as told:
        run_studies([path], order(tmp_path))
    said = [str(one.message) for one in told]
    stale = "toy: synthetic / many, seed 0 is stale (the study or its config says something else of it now)"
    assert said[0] == f"{stale}: it no longer counts, and a run makes it again."
    assert said[1].startswith(f"2 records of {tmp_path / 'results' / 'toy.jsonl'} are of trainings that")
    assert len(said) == 2
    new = records(tmp_path)[4:]
    assert [(one["variant"], one["config"]["task"]["init_args"]["sampler"]["init_args"]) for one in new] == [
        ("many", {"num_negatives": 8, "shared": True})
    ]


def test_a_line_cut_short_is_dropped_aloud_and_recorded_again(home, tmp_path):
    """A kill in the middle of an append: of the run folder, nothing is trained twice."""
    for name in ("base.yaml", "toy.yaml"):
        (tmp_path / name).write_bytes((home / name).read_bytes())
    os.symlink(home / "runs", tmp_path / "runs")
    (tmp_path / "results").mkdir()
    file, whole = tmp_path / "results" / "toy.jsonl", (home / "results" / "toy.jsonl").read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.warns(UserWarning, match=r"toy\.jsonl: the last line is not whole .* recorded again"):
        run_studies([tmp_path / "toy.yaml"], order(tmp_path))
    lines = file.read_bytes().splitlines()
    assert lines[:3] == whole.splitlines()[:3]
    mended, before = json.loads(lines[3]), json.loads(whole.splitlines()[3])
    assert len(lines) == 4
    assert (mended["metrics"], mended["ended"]) == (before["metrics"], before["ended"])
    assert mended["seconds"]["wall"] == pytest.approx(before["seconds"]["wall"], abs=1)
    assert mended["started"] == before["started"]


@pytest.mark.parametrize(
    ("change", "ended"),
    [
        (("training: 60", "training: 0.001"), "seconds"),
        (("seeds: 2", "seeds: 1\nsettings: {optimizer.lr: 1.0e-9, fit.epochs: 50, fit.patience: 2}"), "patience"),
    ],
)
def test_what_has_ended_a_training_is_known_without_its_checkpoints(tmp_path, change, ended):
    """They are removed once there is a record, which is lost here. The last epoch alone is ``epochs``, as above."""
    path = written_to(tmp_path, STUDY.replace(*change).replace("seeds: 2", "seeds: 1"))
    run_studies([path], order(tmp_path))
    before = records(tmp_path)
    assert [one["ended"] for one in before] == [ended, ended]
    (tmp_path / "results" / "toy.jsonl").unlink()
    run_studies([path], order(tmp_path))
    assert [one["ended"] for one in records(tmp_path)] == [ended, ended]
    assert [one["started"] for one in records(tmp_path)] == [one["started"] for one in before]  # not trained again


def test_a_damaged_line_in_between_is_refused(tmp_path):
    path = written_to(tmp_path)
    (tmp_path / "results").mkdir()
    for line, why in (('{"kind": "training"', "Expecting"), ("[]", "no JSON object"), ('{"kind": "x"}', "lacks data")):
        (tmp_path / "results" / "toy.jsonl").write_text(f"{line}\n")
        with pytest.raises(UserError, match=rf"toy\.jsonl is damaged in line 1 .*{why}"):
            run_studies([path], order(tmp_path))


def test_the_order_of_worth(tmp_path):
    """By hand: the study of more worth first, then data, seeds and variants as its file orders them."""
    text = STUDY.replace("[synthetic]", "{synthetic: {}, UMLS: {seeds: [3]}}")
    one = written_to(tmp_path, text, "one")
    assert todo(tmp_path, one) == [
        f"one: {data} / {variant} / seed {seed}"
        for data, seeds in (("synthetic", (0, 1)), ("UMLS", (3,)))
        for seed in seeds
        for variant in ("few", "many")
    ]
    two = written_to(tmp_path, STUDY + "worth: 0.5\norder: [variant, model, data, seed]\n", "two")
    assert todo(tmp_path, one, two)[:5] == [
        *(f"two: synthetic / {variant} / seed {seed}" for variant in ("few", "many") for seed in (0, 1)),
        "one: synthetic / few / seed 0",
    ]


LONG = STUDY.replace("seeds: 2", "seeds: 1\nsettings: {fit.epochs: 100000, fit.patience: null}")


def test_a_budget_stops_at_a_checkpoint_and_the_next_goes_on(tmp_path, capsys, monkeypatch):
    """The clock strikes in epoch 4, and in the second sitting in epoch 7."""
    path, told, ends = written_to(tmp_path, LONG), work._Ticking.record, [4, 7]

    def struck(self, record):
        told(self, record)
        if record["epoch"] >= ends[0]:
            monkeypatch.setattr(Worker, "late", True)
            os.kill(os.getpid(), signal.SIGTERM)  # as the timer does

    monkeypatch.setattr(work._Ticking, "record", struck)
    words = ["study", "run", str(path), *places(tmp_path), "--budget", "1000"]
    before = ""
    spent = 0.0
    while ends:
        monkeypatch.setattr(Worker, "late", False)
        assert main(words) == 0
        assert (
            "2 jobs are left, for about 2 minutes, the next toy: synthetic / few / seed 0." in capsys.readouterr().out
        )
        (folder,) = (tmp_path / "runs" / "toy").glob("synthetic-*")
        assert (folder / "metrics.jsonl").read_text().startswith(before)
        before = (folder / "metrics.jsonl").read_text()
        epochs = [line["epoch"] for line in map(json.loads, before.splitlines()) if "loss" in line]
        assert epochs == list(range(1, len(epochs) + 1))
        assert ends[0] <= len(epochs) <= ends[0] + 1
        (clock,) = (tmp_path / "runs" / "toy" / "clocks").iterdir()
        assert spent < (spent := json.loads(clock.read_text())["seconds"])
        ends.pop(0)
    assert not list((tmp_path / "results").iterdir())


def test_the_clock_strikes_at_its_time_and_never_behind_the_block():
    assert Order(budget=10.0, since=3.0).until == 11.0  # the rest is for the checkpoint
    assert Order(budget=100.0, since=3.0).until == 93.0
    assert abs(Order().since - time.monotonic()) < 60
    with pytest.raises(KeyboardInterrupt), struck_at(time.monotonic() + 0.02):
        time.sleep(60)
    before = signal.getsignal(signal.SIGTERM)
    with struck_at(time.monotonic() + 60):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_study_has_a_budget_for_all_of_it(home, tmp_path, capsys):
    path = written_to(tmp_path, STUDY.replace("training: 60", "training: 60, all: 0.01"))
    run_studies([path], order(tmp_path))
    assert len(records(tmp_path)) == 1  # the first takes longer than that
    assert main(["study", "run", str(path), *places(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "3 jobs are left" in said
    assert "toy has used up its budget.all" in said


def killed(home: Path, monkeypatch, when) -> None:
    """Runs the study in ``home``; what a kill leaves on the disk at a line of some log is there then, and no more."""
    path, told = home / "toy.yaml", work._Ticking.record

    def struck(self, record):
        told(self, record)
        if when(record):
            shutil.copytree(home / "runs", home / "left")
            shutil.copytree(home / "results", home / "recorded", dirs_exist_ok=True)
            raise Stop  # what happens from here on is not there

    (home / "results").mkdir()
    monkeypatch.setattr(work._Ticking, "record", struck)
    with pytest.raises(Interrupted):
        run_studies([path], order(home))
    monkeypatch.setattr(work._Ticking, "record", told)
    for now, then in (("runs", "left"), ("results", "recorded")):
        shutil.rmtree(home / now)
        (home / then).rename(home / now)


def test_a_killed_training_goes_on_from_its_checkpoint(home, tmp_path, monkeypatch):
    """To the same bits, without an epoch again but that which the checkpoint did not know of."""
    path = written_to(tmp_path)
    killed(tmp_path, monkeypatch, lambda record: record["epoch"] == 2 and "valid" in record)
    (left_behind,) = (tmp_path / "runs" / "toy").glob("synthetic-*")
    assert left_behind.name.startswith("synthetic-few-0-")
    assert list((left_behind / "checkpoints").iterdir())
    assert list((tmp_path / "runs" / "toy" / CLAIMS).iterdir())  # whose process is no more
    assert not (tmp_path / "results" / "toy.jsonl").exists()
    began = (left_behind / "environment.json").read_bytes()
    run_studies([path], order(tmp_path))
    assert (left_behind / "environment.json").read_bytes() == began
    lines = [json.loads(line) for line in (left_behind / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "loss" in line] == [1, 2, 3]
    assert [one["metrics"] for one in records(tmp_path)] == [one["metrics"] for one in records(home)]


def test_who_works_on_a_training_keeps_others_from_it(tmp_path):
    path = written_to(tmp_path)
    queue = Queue([read(path)], tmp_path / "results", Trainer())
    worker = Worker(queue, tmp_path / "runs", lambda _: None, Failures(tmp_path / "failed"))
    first = next(queue.missing(queue.studies[0]))
    claims = tmp_path / "runs" / "toy" / CLAIMS
    claims.mkdir(parents=True)
    with alone(claims / f"{first.slug}.lock"):
        assert worker._next()
    assert [(one["variant"], one["seed"]) for one in records(tmp_path)] == [("many", 0)]


def test_a_training_that_fails_stops_no_other(tmp_path):
    path = written_to(
        tmp_path, STUDY.replace("num_negatives: 16", "num_negatives: 100000").replace("seeds: 2", "seeds: 1")
    )
    with pytest.raises(UserError, match=r"^1 job failed; first toy: synthetic / many / seed 0: .*100000"):
        run_studies([path], order(tmp_path))
    assert [one["variant"] for one in records(tmp_path)] == ["few"]


def test_ctrl_c_can_be_gone_on_with(tmp_path, monkeypatch):
    def struck(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "__call__", struck)
    with pytest.raises(Interrupted, match="the same command goes on"):
        run_studies([written_to(tmp_path)], order(tmp_path))


@pytest.fixture
def beside(monkeypatch) -> list:
    """Processes that work here, each until nothing is left, and what they are told."""
    seen = []

    class Beside(subprocess.Popen):
        stdin, pid, _child_created = None, 0, False

        def __init__(self, module, orders, environment):
            seen.append((module, orders, environment["OMP_NUM_THREADS"]))
            with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
                patch.setattr(processes, "until_input_ends", lambda: None)
                patch.setattr(sys, "stdout", io.StringIO())
                self.returncode = processes._work(json.dumps(orders))
                self.stdout = io.StringIO(sys.stdout.getvalue())

        def poll(self):
            return self.returncode

        terminate = wait = poll

    monkeypatch.setattr(processes, "started", Beside)
    return seen


def test_several_processes_share_a_study(home, tmp_path, beside):
    """Their orders, and what comes back of them."""
    path = written_to(tmp_path)
    said = []
    run_studies([path], order(tmp_path, jobs=2, budget=100.0), said.append)
    assert [module for module, *_ in beside] == ["gnnneg.studies.processes"] * 2
    assert [(orders["number"], threads) for _, orders, threads in beside] == [(0, "1"), (1, "1")]
    assert all(0 < orders["until"] - time.time() < 90 for _, orders, _ in beside)
    assert all(orders["command"] == sys.argv for _, orders, _ in beside)
    assert [one["metrics"] for one in records(tmp_path)] == [one["metrics"] for one in records(home)]
    assert [one.said.split(" in ")[0] for one in said] == [
        f"toy: synthetic / {one['variant']}, seed {one['seed']}: test MRR {one['metrics']['test']['mrr']:.4f}"
        for one in records(tmp_path)
    ]


def test_a_failure_of_several_processes_counts_once(tmp_path, beside, monkeypatch):
    """It is not tried again in the same session, and what depends on it is told."""
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")
    path = written_to(tmp_path, TUNED.replace("num_negatives: 16", "num_negatives: 100000"))
    said, tried, tune = [], [], work.tune
    monkeypatch.setattr(work, "tune", lambda *words, **options: [tried.append(words), tune(*words, **options)][1])
    with pytest.raises(UserError, match=r"^1 job failed, and 2 that depend on them; first toy: .* / many / tuning, 2"):
        run_studies([path], order(tmp_path, jobs=2), said.append)
    assert len(tried) == 2  # one of them by one process
    assert [one.said.partition(":")[0] for one in said] == ["toy"] * 3 + ["failed"]
    assert said[-1].left == 0
    with pytest.raises(UserError, match=r"^1 job failed"):  # tried again
        run_studies([path], order(tmp_path))
    assert len(tried) == 3


def test_every_variant_is_tuned_alike_and_the_best_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")  # pictures take longer than these trials
    path = written_to(tmp_path, TUNED.replace("seeds: 2", "seeds: 1"))
    run_studies([path], order(tmp_path))
    found = records(tmp_path)
    assert [(one["kind"], one["variant"]) for one in found] == [
        *(("tuning", "few"), ("training", "few"), ("tuning", "many"), ("training", "many"))
    ]
    for tuning, training in (found[:2], found[2:]):
        trials = tuning["trials"]
        assert len(trials) == 2
        best = max(trials, key=lambda trial: trial["mrr"])
        assert tuning["best"] == best["trial"]
        assert tuning["settings"] == {"optimizer.lr": best["optimizer.lr"]}
        assert training["config"]["optimizer"]["init_args"]["lr"] == best["optimizer.lr"]
        assert training["metrics"]["valid"]["mrr"] == best["mrr"] == tuning["value"]["valid"]
        assert training["metrics"]["test"]["mrr"] > 0
    assert found[1]["config"]["task"]["init_args"]["sampler"]["init_args"]["num_negatives"] == 4
    assert todo(tmp_path, path) == []
    path.write_text(path.read_text().replace("trials: 2", "trials: 3"))  # which makes another study of all
    assert todo(tmp_path, path) == [
        f"toy: synthetic / {variant} / {what}" for variant in ("few", "many") for what in ("tuning, 3 trials", "seed 0")
    ]


def test_what_would_be_run_is_listed_with_the_seconds_of_its_like(home, tmp_path, capsys):
    path = written_to(tmp_path, STUDY.replace("seeds: 2", "seeds: 3") + "  \n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy.jsonl").write_bytes((home / "results" / "toy.jsonl").read_bytes())
    assert main(["study", "run", str(path), *places(tmp_path), "--dry-run", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["job"] for one in listed] == [f"toy: synthetic / {variant} / seed 2" for variant in ("few", "many")]
    seconds = [one["seconds"]["wall"] for one in records(home) if one["variant"] == "few"]
    assert listed[0]["seconds"] == pytest.approx(sum(seconds) / 2)
    assert main(["study", "run", str(path), *places(tmp_path), "--dry-run"]) == 0
    assert "2 jobs" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def places(folder: Path) -> list[str]:
    return ["--results", str(folder / "results"), "--runs", str(folder / "runs")]
