"""Rows of benchmarks are kept as records, and read again as medians that were worked out by hand."""

import importlib
import json
import resource
import signal
import subprocess
import sys
import warnings
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from gnnneg import UserError
from gnnneg.cli import bench, main
from gnnneg.studies import recorder as recorders
from gnnneg.studies.measured import Spread, cases, read
from gnnneg.studies.recorder import Recorder
from gnnneg.studies.records import Records

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "docs")]  # as for their scripts
plan_check, scale, sharded, speed = (
    importlib.import_module(name) for name in ("plan_check", "scale", "sharded", "making.speed")
)
ROW = {"suite": "rgcn", "case": "30 bases", "unit": "edges/s", "ours": 200.0, "peer": 100.0, "peer_name": "PyG"}
ROW |= {"ratio": 2.0, "peak_mib": 10.0, "peer_peak_mib": 40.0}
ALONE = {**ROW, "case": "8 blocks", "peer": None, "ratio": None, "peer_peak_mib": None}


@pytest.fixture
def printed(monkeypatch):
    """Two rows, as the benchmark would print them."""
    monkeypatch.setattr(bench, "measured", lambda suites, threads: iter([ROW, ALONE]))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_row_that_is_printed_is_a_record_that_says_all_of_it(printed, tmp_path, capsys):
    file = tmp_path / "new" / "speed.jsonl"
    assert main(["bench", "rgcn", "--threads", "3", "--record", str(file)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    one, other = lines(file)
    assert (one["kind"], one["row"], other["row"]) == ("measurement", ROW, ALONE)
    assert one["command"] == sys.argv
    assert one["machine"]["threads"] == 3
    assert one["machine"]["cores"] >= 1
    assert one["machine"]["memory_mib"] > 100
    assert one["versions"]["torch"] == torch.__version__
    assert one["started"][:2] == "20"
    assert 0 <= other["seconds"]["wall"] < 60
    if (ROOT / ".git").exists():
        head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        assert one["commit"] == head.strip()
        assert one["dirty"] in (True, False)
    assert main(["bench", "rgcn", "--json", "--record", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == [ROW, ALONE]
    assert [record["row"] for record in lines(file)] == [ROW, ALONE, ROW, ALONE]
    assert [path.name for path in file.parent.iterdir()] == ["speed.jsonl"]


def test_a_median_is_of_all_records_of_a_case_on_one_machine(tmp_path):
    """Of 100, 400 and 220 times .5, 4 and 2: 220 and 2, whatever the commits; another number of threads is apart."""
    for commit, threads, ours, peer in (("a", 2, 100, 200), ("b", 2, 400, 100), ("c", 2, 220, 110), ("c", 1, 7, 7)):
        recorder = Recorder(tmp_path / "speed.jsonl", threads)
        recorder.about["commit"] = commit
        recorder({**ROW, "ours": ours, "peer": peer, "ratio": ours / peer})
    (tmp_path / "town.jsonl").write_text('{"format":1,"kind":"training"}\n')  # other files are passed over
    (tmp_path / "old.jsonl").write_text('{"data": "synthetic"}\nnot JSON\n')
    (tmp_path / "empty.jsonl").write_text("")
    two, one = sorted(cases(read(tmp_path)), key=lambda case: -case.figures["ours"].n)
    assert two.figures["ours"] == Spread(median=220.0, low=100.0, high=400.0, n=3)
    assert two.figures["peer"] == Spread(110.0, 100.0, 200.0, 3)
    assert two.figures["ratio"] == Spread(2.0, 0.5, 4.0, 3)
    assert (two.place["threads"], one.place["threads"], one.figures["ours"].n) == (2, 1, 1)
    assert two.about == {"suite": "rgcn", "case": "30 bases", "unit": "edges/s", "peer_name": "PyG"}
    assert speed.told(two.figures["ours"], "edges/s") == "220 edges/s (100 to 400, 3 records)"
    assert speed.told(one.figures["ours"], "edges/s") == "7 edges/s (1 record)"


def test_what_differs_in_a_size_a_clock_or_a_peer_is_no_measurement_of_the_same(tmp_path):
    recorder = Recorder(tmp_path / "speed.jsonl", 2)
    for more in ({}, {"entities": 5}, {"clock": "wall"}, {"processes": 2}, {"peer_name": "PyG 3"}, {"unit": "s"}, {}):
        recorder({**ROW, **more})
    found = cases(read(tmp_path))
    assert [case.figures["ours"].n for case in found] == [2, 1, 1, 1, 1, 1]
    for seconds in (12, 1_345.6):  # nothing is beside it, and the reason has a number
        recorder({**ROW, "case": "a run", "peer": None, "peer_name": f"{seconds:,} s of the clock"})
    recorder({**ROW, "case": "a run", "peer": None, "peer_name": "it is not installed"})
    found = cases(read(tmp_path))
    assert [case.figures["ours"].n for case in found] == [2, 1, 1, 1, 1, 1, 2, 1]
    recorder({**ROW, "ours": float("nan")})  # a measurement without a number counts nowhere
    assert [case.figures["ours"].n for case in cases(read(tmp_path))] == [2, 1, 1, 1, 1, 1, 2, 1]


def test_another_commit_in_the_middle_is_told(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "speed.jsonl", 2)
    for begin, now in (("aa", "aa"), ("aa", "aa+"), ("aa", "bb"), ("aa+", "aa")):
        recorder.about["commit"] = begin
        monkeypatch.setattr(recorders, "commit", lambda now=now: now)
        recorder(ROW)
    told = [(one["commit"], one["dirty"]) for one in lines(tmp_path / "speed.jsonl")]
    assert told == [("aa", False), ("aa", False), ("aa", True), ("aa", True)]


TRAINING = '{"format":1,"kind":"training","study":"town","data":"Town","model":"","variant":"random","seed":0}\n'


WRONG = ["folder", "notes", "notes/x", "training", "cut", "/dev/full", "/proc/x", "x" * 300, ""]


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_cannot_be_added_to_is_refused_before_anything_is_measured(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "measured", lambda *_: pytest.fail("measured"))
    Path("folder").mkdir()
    there = {"notes": "my notes", "training": TRAINING, "cut": TRAINING[:-50]}
    for file, text in there.items():
        Path(file).write_text(text)
    assert main(["bench", "rgcn", "--record", name]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "--record" in said.err
    assert "another file" in said.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == there


@pytest.fixture
def room():
    """A disk on which no file can be larger than so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_refused_before_anything_is_measured(tmp_path, room, monkeypatch):
    room(1000)
    with pytest.raises(UserError, match=r"--record .*speed\.jsonl cannot be written \(File too large\): make room"):
        Recorder(tmp_path / "speed.jsonl", 2)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_costs_no_record_before(tmp_path, room, capsys, monkeypatch):
    """The second row is cut short; what is added when there is room again stands where it stood."""
    file = tmp_path / "speed.jsonl"

    def rows(*_):
        yield ROW
        room(file.stat().st_size + 100)
        yield ALONE

    monkeypatch.setattr(bench, "measured", rows)
    assert main(["bench", "rgcn", "--record", str(file)]) == 2
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2  # both are printed
    assert "could not be written (File too large)" in told.err
    room(resource.RLIM_INFINITY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a line that is not whole
        assert [record["row"] for record in read(tmp_path)] == [ROW]
        Recorder(file, 2)(ALONE)
    assert [record["row"] for record in lines(file)] == [ROW, ALONE]


@pytest.mark.parametrize("row", [None, [], {"suite": "rgcn"}])
def test_a_damaged_measurement_is_refused(tmp_path, row):
    Recorder(tmp_path / "speed.jsonl", 2)(ROW)
    (one,) = lines(tmp_path / "speed.jsonl")
    Records(tmp_path / "speed.jsonl").append({**one, "row": row})
    with pytest.raises(UserError, match=r"speed\.jsonl is damaged in line 2 .*row\.ours"):
        read(tmp_path)


def test_scripts_keep_their_rows_alike(tmp_path, capsys):
    """A step of 4 ms that was planned with 3; of two processes memory and bytes too; TorchRec beside ours."""
    told = plan_check.rows("a case", 1000, 1, "wall", (0.004, 50.0, 0.0), (0.003, 40.0, 0.0))
    (row,) = told
    assert (row["ours"], row["peer"], row["ratio"], row["unit"]) == (4.0, 3.0, 0.75, "ms a step")
    _, memory, sent = plan_check.rows("a case", 1000, 2, "wall", (0.004, 50.0, 2e6), (0.003, 40.0, 1e6))
    assert (memory["ours"], memory["peer"], memory["unit"]) == (50.0, 40.0, "MiB each")
    assert (sent["ours"], sent["peer"], sent["ratio"], sent["processes"]) == (2.0, 1.0, 0.5, 2)
    line = {"side": "ours", "entities": 9, "negatives": "64 private", "processes": 2, "clock": "wall"}
    ours = {**line, "seconds_a_step": 2.0, "peak_mib": [5, 7]}
    theirs = {**ours, "side": "theirs", "seconds_a_step": 3.0, "peak_mib": [8, 6], "losses_differ_by": 1e-7}
    alone, beside, other = (sharded.measurement(*sides) for sides in ((ours, None), (theirs, ours), (theirs, None)))
    assert (alone["ours"], alone["peer"], alone["peak_mib"], alone["case"]) == (2.0, None, 7, "DistMult, 64 private")
    assert (beside["ours"], beside["peer"], beside["ratio"], beside["peer_name"]) == (2.0, 3.0, 1.5, "TorchRec")
    assert (beside["peak_mib"], beside["peer_peak_mib"], beside["losses_differ_by"]) == (7, 8, 1e-7)
    assert (other["ours"], other["case"]) == (3.0, "DistMult, 64 private, TorchRec")
    file = tmp_path / "speed.jsonl"
    words = Namespace(entities=300, folder=tmp_path / "made", clock="processor", threads=2, record=str(file))
    scale.Bench(words).row("import", "statements/s", 4.0, 10.0, 2.0, 20.0, "PyKEEN")
    (kept,) = lines(file)
    assert kept["row"] == json.loads(capsys.readouterr().out)
    assert (kept["row"]["ratio"], kept["row"]["clock"], kept["machine"]["threads"]) == (2.0, "processor", 2)
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        scale.Bench(Namespace(**{**vars(words), "record": str(tmp_path / "notes")}))
    assert capsys.readouterr().err.startswith("error: --record")


def test_the_page_has_a_table_for_each_suite_and_machine(tmp_path):
    assert "No measurement has a record yet" in speed.page([])
    recorder = Recorder(tmp_path / "speed.jsonl", 2)
    recorder.about |= {"commit": "0123456789+", "started": "2026-11-29T01:02:03+00:00"}
    scaled = {**ROW, "suite": "scale", "entities": 4_600_000, "clock": "processor", "peer_name": "basic_python*"}
    for row in (ROW, {**ROW, "ours": 300.0, "ratio": 3.0}, ALONE, scaled):
        recorder(row)
    text = speed.page(cases(read(tmp_path)))
    assert text.count(".. list-table::") == 2
    cells = [[cell.strip(" *-") for cell in one.splitlines()] for one in text.split("   * - ")[1:]]
    header, both, alone, *_ = cells
    assert header[:6] == ["case", "ours", "beside it", "times", "MiB", "last measured"]
    assert both[:3] == ["30 bases", "250 edges/s (200 to 300, 2 records)", "PyG: 100 edges/s (100 to 100, 2 records)"]
    assert both[3:5] == ["2.50", "10 against 40"]
    assert alone[:5] == ["8 blocks", "200 edges/s (1 record)", "PyG", "", "10"]
    assert "30 bases, 4,600,000 entities, processor time" in text
    assert r"basic\_python\*: 100 edges/s" in text
    assert "2026-11-29, ``0123456+``" in text
