"""Both sides of a bench compute the same, and a bench's own table means something."""

import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from gnnneg.data.statements import message_graph
from gnnneg.data.synthetic import world

ROOT = Path(__file__).parents[1]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(ROOT / "benchmarks"))  # as for a script of that folder


@pytest.mark.parametrize("what", ["PNA", "sum", "max"])
def test_both_sides_of_the_bellman_ford_bench_compute_the_same(what, monkeypatch):
    """Ours and PyG's plain way, of which only the rates are compared there."""
    sides = importlib.import_module("bellman_ford")
    monkeypatch.setattr(sides, "_rate", lambda score: score().detach())
    data = world(60).data
    one, other = (side(Namespace(model=what), data) for side in (sides.ours, sides.peer))
    met = torch.unique(message_graph(data).edge_index[1])  # no message has no maximum
    assert_close(*((one, other) if what == "PNA" else (one[met], other[met])), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["bases", "blocks"])
def test_both_sides_of_the_convolution_bench_compute_the_same(form, monkeypatch):
    sides = importlib.import_module("relational")
    monkeypatch.setattr(sides, "_rate", lambda layer, x, edges: layer(x).detach())
    data, arguments = world(60).data, Namespace(model=form, width=16)
    assert_close(sides.ours(arguments, data), sides.peer(arguments, data), rtol=1e-4, atol=1e-5)


def test_a_network_that_asks_the_graph_is_ranked_by_the_minute(monkeypatch, capsys):
    """Rows of more and more statements, then the test; what it learnt in six seconds is far above chance, 0.03."""
    words = ["synthetic", "--minutes", "0.1", "--every", "0.05", "--statements", "10", "--batch", "8", "--test", "12"]
    monkeypatch.setattr(sys, "argv", ["curve.py", *words])
    threads = torch.get_num_threads()
    try:
        script("curve").main()
    finally:
        torch.set_num_threads(threads)
    head, _, *rows = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines())
    assert head == ["minutes", "statements", "MRR", "Hits@10"]
    assert rows[-1][0] == "test, 12"
    seen = [int(row[1].replace(",", "")) for row in rows]
    assert 0 < seen[0] < seen[-2] == seen[-1]
    for row in rows[1:]:
        mrr, hits = float(row[2]), float(row[3])
        assert 0.3 < mrr <= hits + (1 - hits) / 11 + 1e-4  # who is not among ten gives an eleventh at most


def test_the_workbench_bench_asks_and_tunes(capsys, monkeypatch):
    """The answers at once are those one by one, or it fails; a study takes longer than its trials."""
    words = ["--data", "synthetic", "--questions", "150", "--trials", "2", "--seconds", "0.2"]
    monkeypatch.setattr(sys, "argv", ["workbench.py", *words])
    monkeypatch.setattr("gnnneg.tuning.study.page", lambda about: "")
    bench = script("workbench")
    monkeypatch.setattr(bench, "TUNED", {**bench.TUNED, "data": {"name": "synthetic"}})
    threads = torch.get_num_threads()
    try:
        bench.main()
    finally:
        torch.set_num_threads(threads)
    asked, tuned = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert (asked["case"], tuned["case"]) == ("150 questions at once", "a study of 2 trials of 0.2 s")
    assert 0.4 <= tuned["peer"] < tuned["ours"]
    assert asked["ratio"] == asked["ours"] / asked["peer"]


def test_rows_of_waiting_are_medians(monkeypatch, capsys):
    rates = iter([1.0, 10.0, 3.0, 30.0, 2.0, 20.0] * 3)
    bench = script("waiting")
    monkeypatch.setattr(bench, "rate", lambda turns: next(rates))
    monkeypatch.setattr(sys, "argv", ["waiting.py"])
    bench.main()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["peer"], row["ours"], row["ratio"]) for row in rows] == [(2.0, 20.0, 10.0)] * 3
    assert rows[2]["case"] == "two threads beside 2 busy processes"
