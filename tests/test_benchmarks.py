"""Both sides of a bench compute the same, and a bench's own table means something."""

import importlib.util
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
