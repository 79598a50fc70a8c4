"""One config with several seeds: which, side by side, what fails, what is stopped, what is there already."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from experiment.helpers import TINY, everything, weights

import gnnneg
from gnnneg import UserError
from gnnneg.cli import main
from gnnneg.experiment import repeated, resume, train_config
from gnnneg.experiment.repeated import environment, numbers
from gnnneg.training import Interrupted

pytestmark = [pytest.mark.filterwarnings("always:seed "), pytest.mark.filterwarnings("always:The run of seed")]

# in place of a training: copies a run, gives it its seed, and notes what it was started with
STAND_IN = """
import json, os, shutil, sys, time
from pathlib import Path

words, home = sys.argv[1:], Path(os.environ["STAND_IN"])
run = Path(words[words.index("--out") + 1] if "--out" in words else words[1])
seed = int(run.name.rpartition("-")[2])
note = {"words": words, "threads": os.environ["OMP_NUM_THREADS"], "begin": time.time()}
mode = json.loads((home / "mode.json").read_text()).get(str(seed))
if mode == "wait":
    (home / f"{seed}.waits").touch()
    time.sleep(60)
if mode == "fail":
    print("Warning: it looks bad", file=sys.stderr)
    print("The loss is nan at epoch 1: lower the learning rate.", file=sys.stderr)
    sys.exit(2)
if mode == "die":
    os.kill(os.getpid(), 9)
print("Warning: the same for all", file=sys.stderr)
time.sleep(0.5)
shutil.copytree(home / "template", run, dirs_exist_ok=True)
config = (run / "config.yaml").read_text().replace("seed: 0", f"seed: {seed}")
(run / "config.yaml").write_text(config)
result = json.loads((run / "result.json").read_text())
result["seed"], result["metrics"]["test"]["mrr"] = seed, 0.3 + seed / 10
(run / "result.json").write_text(json.dumps(result))
(home / f"{seed}.json").write_text(json.dumps({**note, "end": time.time()}))
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A data set, a config and a run of seed 0."""
    home = tmp_path_factory.mktemp("repeated")
    lines = {f"d{i}\ttreats\tx{i * j % 5}\n" for i in range(1, 10) for j in (1, 2, 3)}
    (home / "t.tsv").write_text("".join(sorted(lines)))
    assert main(["data", "import", str(home / "t.tsv"), "--out", str(home / "graph")]) == 0
    (home / "small.yaml").write_text(TINY % (home / "graph"))
    train_config(home / "small.yaml", [], home / "template", progress=False)
    return home


@pytest.fixture
def home(template, tmp_path, monkeypatch) -> Path:
    """A folder in which a stand-in trains."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    (tmp_path / "mode.json").write_text("{}")
    (tmp_path / "template").symlink_to(template / "template")
    shutil.copy(template / "small.yaml", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repeated, "BESIDE", "stand_in")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


def note(home: Path, seed: int) -> dict:
    return json.loads((home / f"{seed}.json").read_text())


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (3, [0, 1, 2]),
        ("3", [0, 1, 2]),
        ("2..4", [2, 3, 4]),
        ("0,3,7", [0, 3, 7]),
        ("7..7", [7]),
        ("0..1, 5", [0, 1, 5]),
        ([4, 2], [4, 2]),
    ],
)
def test_which_seeds_are_meant(said, meant):
    assert numbers(said) == meant


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", "give a number such as 5, or 2..6, or 0,3,7"),
        ("five", "give a number such as 5"),
        ("6..2", "give a number such as 5"),
        ("-1", "give a number such as 5"),
        ("1,,2", "give a number such as 5"),
        ("0", "asks for 0 runs: give 1 to 1000"),
        (0, "asks for 0 runs"),
        (-3, "asks for -3 runs"),
        ("1001", "asks for 1001 runs"),
        ("0..9999999999", "asks for 10000000000 runs"),
        ("1,2,1", "names 1 twice"),
        ("5,4294967296", "give a whole number from 0 to 4294967295"),
        ([1, -2], "give a whole number from 0"),
    ],
)
def test_other_words_are_one_sentence(said, sentence):
    with pytest.raises(UserError) as caught:
        numbers(said)
    assert sentence in str(caught.value)


def test_each_has_its_share_of_the_cores_and_its_gpu():
    assert environment({}, 1, 2, 8, [])["OMP_NUM_THREADS"] == "4"
    assert environment({"OMP_NUM_THREADS": "3"}, 0, 2, 8, [])["OMP_NUM_THREADS"] == "3"  # the user's own, if fewer
    assert environment({"OMP_NUM_THREADS": "8"}, 0, 2, 8, [])["OMP_NUM_THREADS"] == "4"
    assert environment({}, 5, 6, 2, [])["OMP_NUM_THREADS"] == "1"
    seen = [environment({}, place, 3, 8, ["4", "7"])["CUDA_VISIBLE_DEVICES"] for place in range(3)]
    assert seen == ["4", "7", "4"]
    assert "CUDA_VISIBLE_DEVICES" not in environment({}, 0, 1, 8, [])


def test_runs_stand_beside_each_other_and_a_table_ends_them(home, capsys, monkeypatch):
    """Two at once of three; means and standard deviations of 0.3, 0.4 and 0.5 are 0.4 and 0.1."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    words = ["train", "small.yaml", "--seeds", "3", "--workers", "2", "--out", "runs/x", "--fit.epochs", "3"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    (line,) = [line for line in out.splitlines() if line.startswith("x ")]
    assert "  3  0.4 ± 0.1  " in line  # of two test statements, one digit
    assert err.count("Warning: ") == 1  # what all say is said once
    assert "seed 2: finished, test MRR 0.5000 (3 of 3)" in err
    notes = [note(home, seed) for seed in range(3)]
    assert [one["threads"] for one in notes] == ["2"] * 3
    assert notes[0]["begin"] < notes[1]["end"]
    assert notes[1]["begin"] < notes[0]["end"]
    assert notes[2]["begin"] > min(notes[0]["end"], notes[1]["end"])
    before = everything(home / "runs")
    assert main([*words, "--json"]) == 0  # again: nothing is left to do
    out, _ = capsys.readouterr()
    (told,) = json.loads(out)
    assert (told["n"], told["seeds"]) == (3, [0, 1, 2])
    assert told["metrics"]["mrr"] == {"mean": pytest.approx(0.4), "std": pytest.approx(0.1)}
    assert everything(home / "runs") == before


def test_what_a_process_is_started_with_trains_that_seed(home, tmp_path, capsys):
    """The command of the stand-in, given to the real one, makes the run that train makes of that seed."""
    (home / "mode.json").write_text('{"4": "die"}')
    with pytest.warns(UserWarning, match="The run of seed 4 failed: It was killed by signal 9"):
        done = gnnneg.train_seeds("small.yaml", [4, 1], ["--fit.epochs", "2"], "x", progress=False)
    assert (list(done.runs), list(done.failed)) == ([1], [4])
    shutil.rmtree("x-1")
    assert main(note(home, 1)["words"]) == 0
    train_config("small.yaml", ["--fit.epochs", "2", "--seed", "1"], "alone", progress=False)
    assert weights(home / "x-1") == weights(home / "alone")
    assert (home / "x-1" / "config.yaml").read_text() == (home / "alone" / "config.yaml").read_text()
    (home / "x-1" / "result.json").unlink()
    (home / "mode.json").write_text("{}")
    with pytest.warns(UserWarning, match="the same for all"):
        gnnneg.train_seeds("small.yaml", [1], ["--fit.epochs", "2"], "x", progress=False)
    assert note(home, 1)["words"][:2] == ["resume", "x-1"]


def test_one_that_fails_is_told_and_stops_no_other(home, capsys):
    (home / "mode.json").write_text('{"1": "fail"}')
    words = ["train", "small.yaml", "--seeds", "0,1,2", "--out", "x", "--quiet"]
    assert main(words) == 2
    out, err = capsys.readouterr()
    why = "The loss is nan at epoch 1: lower the learning rate."
    assert f"Warning: The run of seed 1 failed: {why}\n" in err
    assert "Warning: seed 1: it looks bad\n" in err
    assert err.splitlines()[-1] == f"1 of 3 runs failed, that of seed 1 first: {why}"
    assert "  2  0.4 ± 0.1  " in out  # 0.3 and 0.5
    (home / "mode.json").write_text("{}")
    first = note(home, 0)
    assert main(words) == 0  # the same command again does what is missing
    assert note(home, 0) == first
    assert "  3  0.4 ± 0.1  " in capsys.readouterr().out


def test_ctrl_c_stops_all_and_the_same_command_goes_on(home):
    (home / "mode.json").write_text('{"1": "wait", "2": "wait"}')

    def strike() -> None:
        while not all((home / name).exists() for name in ("0.json", "1.waits", "2.waits")):
            time.sleep(0.05)
        time.sleep(1.0)  # until the first is noted
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=strike, daemon=True).start()
    began = time.monotonic()
    with (
        pytest.warns(UserWarning, match="the same for all"),
        pytest.raises(Interrupted, match="Interrupted: 1 of 3 runs are finished, and the same command resumes"),
    ):
        gnnneg.train_seeds("small.yaml", 3, out="x", workers=3, progress=False)
    assert time.monotonic() - began < 30
    assert (home / "x-0").exists()
    assert not (home / "x-1").exists()
    (home / "mode.json").write_text("{}")
    with pytest.warns(UserWarning, match="the same for all"):
        assert list(gnnneg.train_seeds("small.yaml", 3, out="x", progress=False).runs) == [0, 1, 2]


def test_a_folder_of_another_run_is_refused_before_anything_starts(home, capsys):
    shutil.copytree(home / "template", "x-0")
    words = ["train", "small.yaml", "--seeds", "2", "--out", "x/"]
    for more, sentence in (
        (["--fit.epochs", "7", "--optimizer.lr", "0.5"], "x-0 holds a run of another config, by optimizer.lr, fit.epo"),
        (["--seed", "3"], "--seed and --seeds are given: leave one of the two out"),
        (["--workers", "0"], "--workers is 0: give at least 1"),
        (["--fit.epoch", "7"], "Did you mean 'epochs'"),
        (["--seeds", "some"], "--seeds is 'some': give a number such as 5"),
    ):
        assert main([*words, *more]) == 2
        err = capsys.readouterr().err
        assert sentence in err
        assert err.count("\n") == 1
    (home / "x-1").mkdir()
    (home / "x-1" / "mine.txt").write_text("mine")
    assert main(words) == 2
    assert "x-1 is not empty" in capsys.readouterr().err
    assert not list(home.glob("?.json"))
    assert main(["train", "small.yaml", "--workers", "2"]) == 2
    assert "--workers is for --seeds" in capsys.readouterr().err


def test_a_run_ends_resumably_when_whoever_started_it_has_gone(template, tmp_path):
    """However that comes, by kill -9 too: the pipe to it closes."""
    run = tmp_path / "run"
    words = ["train", str(template / "small.yaml"), "--fit.epochs", "1000000", "--fit.patience", "null", "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gnnneg.cli.beside", *words, "--out", str(run), "--fit.evaluate_every", "1000000"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not (run / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.1)
    _, err = process.communicate(timeout=120)  # which closes it
    assert process.returncode == 130, err
    assert b"go on with 'gnnneg resume" in err
    behind = len((run / "metrics.jsonl").read_text().splitlines())
    assert behind > 0
    tree = yaml.safe_load((run / "config.yaml").read_text())
    assert tree["fit"]["epochs"] == 1_000_000
    done = resume(run, progress=False, overrides=["--fit.epochs", str(behind + 1), "--fit.evaluate_every", "1"])
    assert done.result["metrics"]["test"]["mrr"] > 0
