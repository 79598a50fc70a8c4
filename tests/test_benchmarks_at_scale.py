"""Each row of the benchmarks of scale says what was measured: at a tiny size, by a clock of the test."""

import importlib
import itertools
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from gnnneg.cli import main
from gnnneg.data.facts import Facts
from gnnneg.data.statements import triplets
from gnnneg.datasets import load
from gnnneg.experiment.settings import plan
from gnnneg.records import Triplets

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # as for a script of that folder
scale, at_scale, zipf, samplers = (
    importlib.import_module(name) for name in ("scale", "at_scale", "zipf", "scale_samplers")
)
ENTITIES, STATEMENTS = 300, int(300 * 20.6 / 4.6)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """The rows of a graph of 300 entities, without peers; every look at the clock takes a second."""
    for name, small in {"ASKED": 20, "BATCH": 16, "SHARED": 8, "WIDTH": 8, "LAP": 2}.items():
        monkeypatch.setattr(scale, name, small)
    monkeypatch.setattr(zipf, "BLOCK", 4096)
    monkeypatch.setattr(scale, "SAMPLERS", {**scale.SAMPLERS, "1,000 shared": scale.uniform(8, shared=True)})
    monkeypatch.setattr(scale, "find_spec", lambda name: None)
    ticks = itertools.count()

    def alone(self, what, entities, patience=None, **options):
        words = Namespace(entities=entities, seconds=0.0, threads=1, **{"decoder": None, "sampler": None, **options})
        return scale.INSIDE[what](words, lambda: float(next(ticks))), 10.0

    monkeypatch.setattr(scale.Bench, "alone", alone)

    def made(clock="wall", record=None, peers=tuple(scale.PEERS)):
        words = {"threads": 1, "steps": 2, "patience": 9.0, "record": record, "peers": peers}
        return scale.Bench(Namespace(entities=ENTITIES, folder=tmp_path, clock=clock, **words))

    return made


def rows(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_import_and_steps(bench, capsys):
    """All statements in a second; two batches of 16 in a second, by each decoder and sampler."""
    bench().imported()
    (told,) = rows(capsys)
    assert (told["case"], told["ours"], told["peer"]) == ("import of the text", STATEMENTS, None)
    assert told["peer_name"] == "PyKEEN is not installed"
    bench().steps()
    found = rows(capsys)
    assert [(row["case"], row["peer_name"]) for row in found] == [
        ("DistMult, 1,000 shared", "PyKEEN, is not installed"),
        ("DistMult, 1,000 shared", "BigGraph, is not installed"),
        ("DistMult, 1,000 shared, both sides", "one side"),
        ("DistMult, 1,000 shared", "its rows and products alone"),
        ("ComplEx, 1,000 shared", "PyKEEN, is not installed"),
        ("ComplEx, 1,000 shared", "BigGraph, is not installed"),
        ("ComplEx, 1,000 shared, both sides", "one side"),
        ("ComplEx, 1,000 shared", "its rows and products alone"),
        ("DistMult, hardest 64 of 256", "64 uniform, private"),
        ("DistMult, hardest 64 of 256, both sides", "one side"),
    ]
    assert {row["ours"] for row in found} == {2 * 16.0}
    assert [row["ratio"] for row in found] == [None, None, 1.0, 1.0] * 2 + [1.0, 1.0]
    bench(peers=["BigGraph"]).steps()
    assert [row["peer_name"] for row in rows(capsys) if "installed" in row["peer_name"]] == [
        "BigGraph, is not installed",
        "BigGraph, is not installed",
    ]


def test_ranking_is_measured_beside_its_products_without_an_import_before(bench, capsys):
    """The 20 test statements in a second; what is loaded once is done before the clock is looked at."""
    bench().ranked()
    (told,) = rows(capsys)
    assert (told["case"], told["ours"], told["peer"], told["ratio"]) == ("exact ranking of 20", 20, 20, 1)
    assert (told["peer_name"], told["peak_mib"], told["peer_peak_mib"]) == ("bare matrix products", 10, 10)


def test_a_peer_is_measured_at_the_largest_size_that_it_bears(bench, monkeypatch):
    asked = []

    def alone(self, what, entities, patience=None, **options):
        asked.append((entities, patience))
        if entities > most:
            raise RuntimeError("exit -9")
        return 5.0, 20.0

    monkeypatch.setattr(scale.Bench, "alone", alone)
    most = 100
    assert bench().bears("pykeen", decoder="ComplEx") == (5.0, 20.0, "75 entities")
    assert asked == [(300, 9.0), (150, 9.0), (75, 9.0)]
    most = 0
    assert bench().bears("pykeen") == (None, None, "not even with 9 entities")


@pytest.mark.parametrize("clock", ["wall", "processor"])
def test_a_whole_run_is_beside_its_training_by_the_same_clock(clock, bench, monkeypatch, capsys):
    def here(self, *words):
        assert main([*words, "--device", "cpu"]) == 0
        return 50.0, 70.0, ""

    monkeypatch.setattr(scale.Bench, "gnnneg", here)
    made = bench(clock)
    made.whole()
    (told,) = rows(capsys)
    result = json.loads((made.folder / "whole" / "result.json").read_text())
    assert result["metrics"]["test"]["mrr"] > 0
    assert (told["case"], told["unit"], told["ours"], told["peak_mib"]) == ("ComplEx, whole run", "s", 50.0, 70.0)
    if clock == "wall":
        assert told["peer"] == result["time"]["train_s"]
        assert told["peer_name"] == "training alone"
    else:
        assert told["peer"] is None
        assert told["peer_name"].endswith("s of the clock for training")


def test_each_sampler_is_trained_or_its_refusal_is_told(bench, monkeypatch, capsys):
    def here(self, *words):
        if code := main([*words, "--device", "cpu"]):
            raise RuntimeError(f"{code}: {capsys.readouterr().err.strip()}")
        return 50.0, 70.0, ""

    monkeypatch.setattr(scale.Bench, "gnnneg", here)
    made = bench()
    monkeypatch.setitem(samplers.CASES, "eight", {"sampler": scale.uniform(8)})
    told = samplers.tried(made, "eight", 2)
    lines = [json.loads(line) for line in (made.folder / "sampler" / "metrics.jsonl").read_text().splitlines()]
    second = next(line for line in lines if line["epoch"] == 2)
    assert told == {"case": "eight", "unit": "triples/s", "ours": second["triples_per_s"], "peak_mib": 70.0}
    told = samplers.tried(made, "1,000 uniform, shared", 2)
    assert (told["case"], told["unit"]) == ("refused: 1,000 uniform, shared", "s")
    assert "on a graph of 300 entities: ask for 1 to 300" in told["peer_name"]


@pytest.mark.parametrize("name", samplers.CASES)
def test_each_sampler_is_of_a_config_that_is_whole(name, bench, monkeypatch):
    monkeypatch.setattr(scale.Bench, "ready", lambda self: "data")
    task = plan(samplers.config(bench(), name, 5)).arguments["task"]
    assert (task.cls.__name__ == "KvsAll") == (name == "KvsAll")


RUN = """
import sys, time
from pathlib import Path
out = Path(sys.argv[4] if sys.argv[1] == "train" else sys.argv[2])
for name in ("checkpoints", "model"):
    (out / name).mkdir(parents=True, exist_ok=True)
again, left = sys.argv[1] == "resume", out.name == "straight"
for line in range(3 if again else 0, 4 if again else 3):
    with (out / "metrics.jsonl").open("a") as log:
        log.write("{}\\n")
    (out / "checkpoints" / f"{line:09}.pt").touch()
if not (again or left):
    time.sleep(60)  # to be killed
(out / "model" / "model.safetensors").write_text("%s" if again else "bits")
"""


@pytest.mark.parametrize(("bits", "told"), [("bits", "the same bits"), ("others", "OTHER BITS")])
@pytest.mark.parametrize("clock", ["wall", "processor"])
def test_a_killed_run_goes_on_to_the_same_bits_or_it_is_said(bits, told, clock, bench, monkeypatch, capsys, tmp_path):
    """By programs that write what a run writes: the first is ended in the middle, the second goes to its end."""
    program = tmp_path / "program.py"
    program.write_text(RUN % bits)
    monkeypatch.setattr(scale, "GNNNEG", [sys.executable, str(program)])
    monkeypatch.setattr(scale.Bench, "ready", lambda self: "data")
    made = bench(clock)
    made.killed()
    (row,) = rows(capsys)
    assert row["case"] == f"seconds until it trains, killed: {told}"
    assert (row["unit"], row["peer_name"]) == ("s", "a new run")
    assert 0 <= row["ours"] < 30
    assert 0 <= row["peer"] < 30
    assert (made.folder / "straight" / "model" / "model.safetensors").read_text() == "bits"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of 1,100 entities, as large as what is drawn from it, in the folder of a study."""
    folder = tmp_path_factory.mktemp("at-scale")
    at_scale.made(1100, folder)
    return folder


@pytest.mark.parametrize("name", at_scale.SAMPLERS)
def test_every_sampler_of_the_study_takes_a_step(name, world):
    words = Namespace(width=4, steps=1, seconds=1)
    settings = plan(at_scale.config(world / "world-1100", at_scale.SAMPLERS[name], words)).arguments
    data = load(world / "world-1100")
    task, train = settings["task"].build(Facts(data)), triplets(data, "stated", "train")
    loss = task(task.examples(Triplets(*(column[:8] for column in train))), torch.Generator().manual_seed(0))
    loss.backward()
    assert torch.isfinite(loss)


def test_the_study_at_scale_from_a_world_to_its_table(world, monkeypatch, capsys):
    """What is drawn is counted by what is true; a run that is there is not trained or recorded again."""

    def here(*words):
        assert main(list(words)) == 0, words

    monkeypatch.setattr(at_scale, "gnnneg", here)
    monkeypatch.setattr(at_scale, "again", lambda what, *paths: at_scale.drawn(*map(Path, paths)))
    monkeypatch.setattr(at_scale, "DRAWN", 20)
    words = ["--sizes", "1100", "--seconds", "0.01", "--steps", "1", "--width", "4", "--out", str(world)]
    words += ["--record", str(world / "records.jsonl")]
    monkeypatch.setattr(sys, "argv", ["at_scale.py", *words, "--samplers", "denied, then uniform"])
    at_scale.main()
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    (line,) = told[2:]
    _, name, *numbers = (word.strip("| ").replace(",", "") for word in line.split(" | "))
    mrr, hits, steps, true, above, mib = map(float, numbers)
    assert name == "denied then uniform"
    assert 0 < mrr <= 1
    assert 0 <= hits <= 1
    assert steps >= 1
    assert 0 <= true < 0.1  # all that is known is filtered, and what is denied is false
    assert 0 <= above <= 1
    assert mib > 100
    assert "denied, then uniform" in (world / "at-scale.svg").read_text()
    monkeypatch.setattr(at_scale, "gnnneg", lambda *words: pytest.fail("trained again"))
    at_scale.main()
    assert capsys.readouterr().out.splitlines() == told
    (record,) = (json.loads(line) for line in (world / "records.jsonl").read_text().splitlines())
    row = record["row"]
    assert (row["suite"], row["case"], row["entities"]) == ("at-scale", "denied, then uniform", 1100)
    assert row["ours"] == pytest.approx(mrr, abs=1e-4)
    assert (row["steps"], row["asked"]["max_seconds"]) == (steps, 0.01)


def test_the_truth_lies_beside_its_world(world):
    """Training statements are among what is true, by the numbers that they have in the data set."""
    data = load(world / "world-1100")
    truth = set(zip(*(column.tolist() for column in torch.load(world / "world-1100" / "truth.pt"))))
    train = list(zip(*(column.tolist() for column in triplets(data, "stated", "train"))))
    assert len(train) > 1000
    assert set(train) <= truth
    denied = list(zip(*(column.tolist() for column in triplets(data, "denied", "train"))))
    assert denied
    assert not set(denied) & truth


def test_a_sampler_has_one_colour_in_all_panels(tmp_path):
    """Also where another one, which comes before it, has no run of that size yet."""
    run = {"mrr": 0.5, "curve": [(0.0, 0.1), (1.0, 0.2)]}
    found = {(10, "first"): run, (10, "second"): run}
    said = []
    for more in ({}, {(20, "second"): run}):
        at_scale.draw({**found, **more}, tmp_path / "plot.svg")
        said.append((tmp_path / "plot.svg").read_text())
    blue, orange = "#1f77b4", "#ff7f0e"
    assert said[1].count(blue) == said[0].count(blue) > 0
    assert said[1].count(orange) > said[0].count(orange)
