"""``make gpu`` where there is no GPU: every part at toy size, what a failing part leaves, and how it goes on."""

import json
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import gpu  # noqa: E402
import gpu_parts  # noqa: E402
import gpu_table  # noqa: E402
import peers  # noqa: E402
from on_gpu import record  # noqa: E402
from on_gpu.bench import Bench  # noqa: E402
from on_gpu.machine import outcomes  # noqa: E402

PARTS = list(gpu_parts.PARTS)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.filterwarnings("ignore")
def test_every_part_runs_at_toy_size(part, capsys, monkeypatch, tmp_path):
    """What it prints are records of that part, and none of them is an error."""
    monkeypatch.setenv("GNNNEG_GPU_RUNS", str(tmp_path))
    monkeypatch.setattr(Bench, "milliseconds", once)
    gpu_parts.PARTS[part][0](Bench("cpu", toy=True))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert told
    assert {one["part"] for one in told} == {part}
    assert [one["error"] for one in told if "error" in one] == []


def once(bench, work, warm: int = 5) -> dict[str, float]:
    """One call in place of a measurement."""
    work()
    return {"ms": 1.0, "ms_least": 1.0, "ms_most": 1.0}


def test_a_case_that_fails_is_told_and_the_next_goes_on(capsys):
    def fails():
        raise ValueError("too small\nand more")

    bench = Bench("cpu", toy=True)
    bench.case("steps", "one", fails, who="ours")
    bench.case("steps", "two", lambda: {"ms": 1.0})
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert one == {"part": "steps", "case": "one", "who": "ours", "error": "ValueError: too small"}
    assert two == {"part": "steps", "case": "two", "ms": 1.0}


def test_a_case_that_was_told_is_not_measured_again(capsys):
    """It has the same name, side and size."""
    bench = Bench("cpu", toy=True, told={("rgcn", "full", "ours", None)})
    for who in ("ours", "PyG"):
        bench.case("rgcn", "full", lambda: {"ms": 1.0}, who=who)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["who"] == "PyG"


def test_without_a_gpu_it_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "out")])
    assert gpu.main() == 2
    assert capsys.readouterr().err == (
        "There is no CUDA device here: run it where there is one, or with --dry on the CPU.\n"
    )
    assert not (tmp_path / "out").exists()


HERE = {"device": "cpu", "toy": True, "code": "c0de", "commit": "abc"}


def noted(part: str, case: str = "end", **more) -> dict:
    """A line of the record, made here unless it says otherwise."""
    end = {"end": "done", "seconds": 1.0} if case == "end" else {}
    return {"part": part, "case": case, **end, **HERE, **more}


def goes_on(record: Path, lines: list[dict], monkeypatch, *words: str) -> list[tuple[str, float]]:
    """What is measured, and its limit, where a record has these lines and then a half one."""
    record.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"part": "mach\n')
    asked = []
    monkeypatch.setattr(gpu, "where", lambda toy: HERE)
    monkeypatch.setattr(gpu, "measure", lambda part, limit, *others: asked.append((part, limit)))
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words, "--dry", "--out", str(record.parent)])
    assert gpu.main() == 0
    return asked


def test_it_goes_on_with_what_is_missing(monkeypatch, capsys, tmp_path):
    """A part that is done is not measured again, and that is said; one that was stopped is, and so is one with an error
    in a case, unless a later attempt had none.
    """
    lines = [
        noted("machine", "copy", ms=2.0),
        noted("machine"),
        noted("nccl", end="stopped after its limit of 1 seconds"),
        noted("rank", "TransE", who="ours", error="OutOfMemoryError: too large"),
        noted("rank"),
        noted("steps", "TransE", who="eager", error="OutOfMemoryError: too large"),
        noted("steps", "TransE", who="eager", ms=1.0),
        noted("steps"),
    ]
    words = "machine", "nccl", "rank", "steps"
    asked = goes_on(tmp_path / "record.jsonl", lines, monkeypatch, *words)
    assert [part for part, _ in asked] == ["nccl", "rank"]
    assert "machine        skipped: done before on cpu with the same code" in capsys.readouterr().out
    assert "<h2>machine</h2>" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("other", [{"device": "NVIDIA H200"}, {"toy": False}, {"code": "other"}], ids=str)
def test_what_was_measured_elsewhere_is_measured_here(monkeypatch, tmp_path, other):
    """On another card, at another size or with other code; another commit of the same code is no reason."""
    lines = [noted("machine", **other), noted("nccl", commit="def")]
    asked = goes_on(tmp_path / "record.jsonl", lines, monkeypatch, "machine", "nccl")
    assert [part for part, _ in asked] == ["machine"]
    assert "<h2>machine</h2>" not in (tmp_path / "page.html").read_text()


def test_trainings_share_what_is_left(monkeypatch, tmp_path):
    """All else leaves each of the two 70 seconds or more. By hand: of 180 seconds the first may take 90, and the second
    all that are left then; none takes more than 240.
    """
    rest = [part for part in PARTS if part not in gpu_parts.TRAININGS]
    assert sum(gpu_parts.PARTS[part][1] for part in rest) + 2 * 70 <= 580
    for words, wanted in (("complex", "nbfnet-train"), (90, 180)), (("nbfnet-train",), (180,)):
        asked = goes_on(tmp_path / "record.jsonl", [], monkeypatch, *words, "--seconds", "180")
        assert [seconds for _, seconds in asked] == pytest.approx(wanted, abs=0.5)
    ((_, seconds),) = goes_on(tmp_path / "record.jsonl", [], monkeypatch, "complex", "--seconds", "580")
    assert seconds == 240


def test_a_part_is_stopped_at_its_limit(tmp_path):
    record = tmp_path / "record.jsonl"
    gpu.measure("steps", 0.2, HERE, record)
    (end,) = [one for one in gpu.records(record) if one["case"] == "end"]
    assert end["end"] == "stopped after its limit of 0 seconds"
    assert {name: end[name] for name in HERE} == HERE


def test_what_a_part_has_started_is_stopped_with_it():
    """A child that would hold the pipe for a minute lets go of it."""
    words = ["sh", "-c", "sleep 60 & echo $!; wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stdout.readline()
        begin = time.monotonic()
        stop = gpu.Stop(running, 0.1)
        assert running.stdout.read() == ""
        assert time.monotonic() - begin < 30
        assert stop.cancel()


def test_the_code_is_told_by_what_it_is():
    """The same digest twice, and the device's name only where there is one."""
    one, two = record.where(True), record.where(True)
    assert one == two
    assert one["device"] == "cpu"
    assert len(one["code"]) == 12


def test_outcomes_are_counted_as_they_come():
    """With and without processes side by side, with and without a summary."""
    lines = [
        "tests/test_a.py::test_one[1 2] PASSED [ 10%]",
        "[gw0] [ 20%] FAILED tests/test_a.py::test_two",
        "[gw1] [ 30%] SKIPPED tests/test_b.py::test_three",
        "tests/test_b.py::test_four",
        "[gw1] [ 40%] PASSED tests/test_b.py::test_four",
    ]
    assert outcomes(lines) == {"passed": 2, "failed": 1, "skipped": 1, "which_failed": ["tests/test_a.py::test_two"]}
    summary = "FAILED tests/test_a.py::test_two - assert 1 == 2"
    assert outcomes([*lines, summary])["which_failed"] == [summary]


def test_tables_show_the_last_attempts_beside_the_fastest_peer(tmp_path):
    """By hand: 30 of ours, measured again, are three times 10 of the faster peer."""
    path, mark = tmp_path / "record.jsonl", {"device": "one", "toy": False, "code": "new"}
    told = [
        {"who": "ours", "per_second": 5.0, **mark, "code": "old"},
        {"who": "ours", "per_second": 20.0, **mark},
        {"who": "slow", "per_second": 6.0, **mark},
        {"who": "fast", "per_second": 10.0, **mark},
        {"who": "broken", "error": "no", **mark},
        {"who": "ours", "per_second": 30.0, **mark},
    ]
    path.write_text("".join(json.dumps({"part": "rgcn", "case": "full", **one}) + "\n" for one in told))
    (row,) = gpu_table.table("peers", path).splitlines()[2:]
    assert row == "| rgcn, full: edges | 30 |  |  | fast | 10 |  |  | 3 |"


def test_a_peer_makes_its_filter_once():
    """Not in what is timed. It ranks as its evaluator does."""
    from pykeen.evaluation import RankBasedEvaluator, evaluator

    draw = torch.Generator().manual_seed(0)
    known = torch.stack([torch.randint(high, (30,), generator=draw) for high in (9, 2, 9)], dim=1)
    made, _ = peers.made("DistMult", known, 9, 2, 4)
    judge = RankBasedEvaluator(filtered=True)
    wanted = judge.evaluate(made, known[:7], additional_filter_triples=[known], batch_size=3, use_tqdm=False)
    found = []
    keep = RankBasedEvaluator.finalize
    with (
        patch.object(evaluator, "prepare_filter_triples", wraps=evaluator.prepare_filter_triples) as filters,
        patch.object(RankBasedEvaluator, "finalize", lambda self: found.append(keep(self))),
    ):
        rank = peers.ranking(made, known[:7], [known], 3)
        assert [rank(), rank()] == [7, 7]
    assert filters.call_count == 1
    assert [one.get_metric("mrr") for one in found] == [wanted.get_metric("mrr")] * 2


def test_the_page_shows_what_the_record_holds():
    root = BENCHMARKS.parent
    text, path = (root / "docs" / "gpu.md").read_text(), root / "results" / "gpu.jsonl"
    (tests,) = [one for one in record.records(path) if one["part"] == "tests"]
    assert f"**{tests['passed']} passed, {tests['failed']} failed and {tests['skipped']} was skipped**" in text
    for name in gpu_table.TABLES:
        assert f"<!-- table: {name} -->\n{gpu_table.table(name, path)}\n<!-- end -->" in text
