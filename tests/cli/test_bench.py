"""Measurements side by side: what is run, once, and what is made of it."""

import json
import subprocess

import pytest

from gnnneg.cli import bench, main
from gnnneg.digits import rate
from gnnneg.errors import UserError


@pytest.fixture
def runs(monkeypatch):
    """What would have been run; ours is ten times as fast in half the memory, a little more at each run."""
    made = []

    def run(command, env, **_):
        made.append((command[2:], env))
        ours = command[2] == "ours"
        told = {"per_second": 10.0 * ours + 1 + len(made) / 1000, "peak_mib": 100 if ours else 200}
        return subprocess.CompletedProcess(command, 0, f"a word before\n{json.dumps(told)}\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    return made


@pytest.mark.parametrize("suite", bench.SUITES)
def test_rows_are_what_was_measured_and_nothing_is_measured_twice(suite, runs):
    rows = list(bench.measured([suite], 2))
    assert [row["case"] for row in rows] == [case.name for case in bench.SUITES[suite]]
    for row in rows:
        assert row["ratio"] == row["ours"] / row["peer"]
        assert row["peak_mib"] in (100, 200)
    said = [(tuple(words), env.get("MALLOC_MMAP_THRESHOLD_")) for words, env in runs]
    assert len(set(said)) == len(said)
    assert all(words[-2:] == ("--threads", "2") for words, _ in said)


def test_words_with_an_equals_sign_are_for_the_environment(runs):
    """The same case twice, one of them giving memory back."""
    first, second = list(bench.measured(["nbfnet"], 1))[:2]
    given = [env.get("MALLOC_MMAP_THRESHOLD_") for words, env in runs if words[:3] == ["ours", "nbfnet", "PNA"]]
    assert given == [None, "16777216"]
    assert first["ours"] != second["ours"]
    assert first["peer"] == second["peer"]
    assert first["unit"] == second["unit"] == "queries/s"


def test_a_measurement_that_fails_says_how(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nMemoryError: no more\n")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(UserError, match=r"ours rank DistMult --threads 2 failed: MemoryError: no more"):
        list(bench.measured(["rank"], 2))


def test_one_real_case(monkeypatch):
    """From the command's words to a number: uniform negatives on a graph of its own."""
    words = "ours", "draw", "Uniform", "--nodes", "1000"
    case = bench.Case("Uniform", words, words, "itself")
    monkeypatch.setitem(bench.SUITES, "negatives", [case])
    (row,) = bench.measured(["negatives"], 1)
    assert row["ratio"] == 1.0
    assert row["ours"] > 1_000
    assert row["unit"] == "negatives/s"


def test_prints_rates_that_can_be_compared(runs, capsys):
    """Slow cases with decimals: three queries a second against one are not 'x11 of 3 against 0'."""
    assert main(["bench", "nbfnet"]) == 0
    line = capsys.readouterr().out.splitlines()[0].split()
    assert line[line.index("ours") + 1] == "11"
    assert line[line.index("queries/s") - 1 :] == ["1", "queries/s", "x10.98", "MiB", "100", "against", "200"]
    assert [rate(value) for value in (0.1213, 2.834, 53.5e6)] == ["0.121", "2.83", "53,500,000"]


SCALE = """
import json, sys
row = {"suite": "scale", "case": "import", "unit": "statements/s", "ours": 2.0, "peer": 1.0, "peer_name": "a peer",
       "ratio": 2.0, "peak_mib": 10.0, "peer_peak_mib": 20.0, "said": sys.argv[1:]}
print(json.dumps(row), flush=True)
print(json.dumps({**row, "case": "whole", "peer": None, "ratio": None, "peer_peak_mib": None, "peer_name": "nobody"}))
print("The disk is full.", file=sys.stderr)
sys.exit("--threads 3" in " ".join(sys.argv))
"""


@pytest.fixture
def large(monkeypatch, tmp_path):
    """A measurement of scale that prints two rows, the second without a peer."""
    (tmp_path / "scale.py").write_text(SCALE)
    monkeypatch.setattr(bench, "script", lambda: tmp_path / "cases.py")
    return tmp_path


def test_scale_is_measured_at_the_size_that_is_asked_for(large, capsys):
    words = ["bench", "scale", "--entities", "4.6e6", "--folder", str(large / "kept"), "--processor-time"]
    assert main([*words, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["said"] == [
        *("--entities", "4600000", "--folder", str(large / "kept"), "--threads", "2", "--clock", "processor")
    ]
    assert second["peer"] is second["ratio"] is None
    assert main(words) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split()[-6:] == ["statements/s", "x2.00", "MiB", "10", "against", "20"]
    assert told[1].endswith("2  statements/s, MiB 10  (nobody)")


def test_scale_fails_in_a_sentence(large, capsys):
    assert main(["bench", "scale", "--threads", "3"]) == 2
    assert "The disk is full." in capsys.readouterr().err
    assert main(["bench", "scale", "--entities", "many"]) == 2
    assert "--entities" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--entities", "10"], "--entities 10: give at least 1,000"),
        (["--threads", "0"], "--threads 0: give at least 1."),
        (["--folder", "{}/scale.py"], "scale.py: a file is in its place"),
        (["--folder", "{}/scale.py/inside"], "inside: a file is in its place"),
    ],
)
def test_scale_refuses_before_it_measures(large, capsys, words, said):
    assert main(["bench", "scale", *(word.format(large) for word in words)]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert said in err
    assert err.count("\n") == 1


def test_scale_is_not_measured_unasked(large, runs, monkeypatch):
    """It would take an hour."""
    monkeypatch.setattr(bench, "scaled", lambda args: pytest.fail("measured"))
    monkeypatch.setattr(bench, "measured", lambda suites, threads: iter([]))
    assert main(["bench"]) == 0
