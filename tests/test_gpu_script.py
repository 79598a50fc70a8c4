"""``make gpu`` where there is no GPU: every part at toy size, what a failing part leaves, and how it goes on."""

import json
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import gpu  # noqa: E402
import gpu_parts  # noqa: E402
import gpu_table  # noqa: E402
from on_gpu.bench import Bench, guarded  # noqa: E402

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
    bench = Bench("cpu", toy=True)
    with guarded(bench, "steps", "one", who="ours"):
        raise ValueError("too small\nand more")
    bench.tell("steps", "two", ms=1.0)
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert one == {"part": "steps", "case": "one", "who": "ours", "error": "ValueError: too small"}
    assert two == {"part": "steps", "case": "two", "ms": 1.0}


def test_without_a_gpu_it_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "out")])
    assert gpu.main() == 2
    assert capsys.readouterr().err == (
        "There is no CUDA device here: run it where there is one, or with --dry on the CPU.\n"
    )
    assert not (tmp_path / "out").exists()


def test_it_goes_on_with_what_is_missing(monkeypatch, capsys, tmp_path):
    """A part that is done is not measured again; one that was stopped is. A half-written line is no record."""
    record = tmp_path / "record.jsonl"
    lines = [
        {"part": "machine", "case": "copy", "ms": 2.0},
        {"part": "machine", "case": "end", "end": "done", "seconds": 1.0},
        {"part": "nccl", "case": "end", "end": "stopped after its limit of 1 seconds", "seconds": 1.0},
    ]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"part": "mach\n')
    asked = []
    monkeypatch.setattr(gpu, "measure", lambda part, *others: asked.append(part))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "machine", "nccl", "--dry", "--out", str(tmp_path)])
    assert gpu.main() == 0
    assert asked == ["nccl"]
    assert "<h2>machine</h2>" in (tmp_path / "page.html").read_text()


def test_a_part_is_stopped_at_its_limit(tmp_path):
    record = tmp_path / "record.jsonl"
    gpu.measure("steps", 0.2, "cpu", True, record)
    (end,) = [one for one in gpu.records(record) if one["case"] == "end"]
    assert end["end"] == "stopped after its limit of 0 seconds"


def test_the_page_shows_what_the_record_holds():
    root = BENCHMARKS.parent
    text, found = (root / "docs" / "gpu.md").read_text(), gpu.records(root / "results" / "gpu.jsonl")
    for name, table in gpu_table.TABLES.items():
        assert f"<!-- table: {name} -->\n{gpu_table.markdown(table(found))}\n<!-- end -->" in text
