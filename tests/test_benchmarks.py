"""The benchmarks' own tables of samplers mean something."""

import importlib.util
import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from gnnneg.cli import main
from gnnneg.data.statements import counts, message_graph
from gnnneg.data.synthetic import world
from gnnneg.datasets import load
from gnnneg.experiment import untrained
from gnnneg.samplers import KBGAN

ROOT = Path(__file__).parents[1]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(ROOT / "benchmarks"))  # as for a script of that folder
SUITES = script("suites").SUITES
CONFIG = ROOT / "configs" / "synthetic" / "uniform.yaml"
BASE = ROOT / "configs" / "UMLS" / "rgcn.yaml"
CASES = [
    (suite, name, settings)
    for suite in ("samplers", "budget", "curriculum", "margin-loss")
    for name, settings in SUITES[suite](CONFIG, ROOT).items()
]


@pytest.mark.parametrize(("suite", "name", "settings"), CASES, ids=[f"{suite}: {name}" for suite, name, _ in CASES])
def test_every_case_of_the_comparison_can_be_drawn_from(suite, name, settings):
    """On a world of 200 entities: pools and neighbourhoods made smaller."""
    small = {'"num_negatives": 1024': '"num_negatives": 150', "256": "150", 'rs": 200': 'rs": 50', ": 100}": ": 64}"}
    for large, less in small.items():
        settings = [setting.replace(large, less) for setting in settings]
    assert untrained(CONFIG, settings).negatives("train", 60)["drawn"] > 50


def test_every_case_of_denied_statements_can_be_drawn_from():
    """One without denied statements, three with a term of them, two of two models."""
    found = {}
    for name, settings in SUITES["denied"](CONFIG, ROOT).items():
        run = untrained(CONFIG, settings)
        found[name] = type(run.task).__name__, [type(made).__name__ for made in getattr(run.task, "generators", [])]
        assert run.negatives("train", 60)["drawn"] > 50
    assert found.pop("nothing denied") == ("LinkPrediction", [])
    assert {kind for kind, _ in found.values()} == {"LinkPrediction", "Dual"}
    assert all(made == ["DeniedStatements"] for kind, made in found.values() if kind == "LinkPrediction")


def test_what_was_interrupted_is_gone_on_with_or_begun_again(tmp_path, monkeypatch):
    """Without its end, a run ends as it did; without a checkpoint it is trained again; and both are looked at."""
    worth = script("worth")

    def here(command: list, **_: object) -> CompletedProcess:  # six starts of Python would take half a minute
        return CompletedProcess(command, main([str(word) for word in command[3:]]), stderr="")

    monkeypatch.setattr(worth, "subprocess", Namespace(run=here))
    arguments = Namespace(
        suite="samplers", config=CONFIG, out=tmp_path, seconds=100, settings=["--fit.epochs", "2", "--device", "cpu"]
    )
    out = worth.train("uniform", 0, arguments)
    assert out == tmp_path / "samplers-synthetic" / "uniform-0"
    wanted, trained = worth.figures(out), (out / "model" / "model.safetensors").stat().st_mtime
    for lost in ("result.json", "negatives.json"):
        (out / lost).unlink()
    assert worth.figures(worth.train("uniform", 0, arguments)) == wanted
    shutil.rmtree(out)
    out.mkdir()
    (out / "config.yaml").write_text("data: {}")
    assert worth.figures(worth.train("uniform", 0, arguments)) == wanted
    assert (out / "model" / "model.safetensors").stat().st_mtime > trained


def test_the_table_and_the_picture(tmp_path):
    """Means over seeds, best first."""
    worth = script("worth")
    keys = ("mrr", "hits", "steps", "false_negative_rate", "hardness", "perplexity", "type_consistency", "degree_ratio")
    found = {
        "low": [dict.fromkeys(keys, 0.1)],
        "high": [dict.fromkeys(keys, 0.2), dict.fromkeys(keys, 0.4)],
    }
    head, rule, first, second = worth.table(found)
    assert head.count("|") == rule.count("|") == first.count("|") == second.count("|")
    assert first.startswith("| high | 2 | 0.3000 ± 0.1414 |")
    assert second.startswith("| low | 1 | 0.1000 |")
    worth.frontier(found, tmp_path / "frontier.svg")
    assert "high" in (tmp_path / "frontier.svg").read_text()


@pytest.mark.parametrize("name", list(SUITES["dans"](BASE, ROOT)))
def test_every_case_of_the_comparison_with_dans_can_be_drawn_from(name):
    """Over an R-GCN, as there; what is made is as wide as the base."""
    settings = [
        setting.replace('"num_negatives": 80', '"num_negatives": 60') for setting in SUITES["dans"](BASE, ROOT)[name]
    ]
    run = untrained(BASE, [*settings, "--data.name", "synthetic"])
    assert run.negatives("train", 60)["drawn"] > 50


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("DANS, ten steps to one", {"steps": 10}),
        ("DANS, one step to ten", {"generator_steps": 10}),
        ("DANS, step sizes of the release", {"lr": 1e-3, "discriminator_lr": 1e-4}),
    ],
)
def test_what_tells_dans_at_another_pace_from_the_papers_is_that_alone(name, differs):
    def made(name: str) -> dict:
        settings = SUITES["dans"](BASE, ROOT)[name]
        options = json.loads(settings[settings.index("--task.generators") + 1])[0]["init_args"]
        return options | options.pop("adversary")

    assert made(name) == made("DANS, as in the paper") | differs


def test_policies_of_kbgan_are_trained_once_and_started_with(tmp_path):
    """Two policies' weights, in the two cases that say so."""
    made = SUITES["kbgan"](CONFIG, tmp_path)
    files = sorted(tmp_path.glob("policy-*/model/model.safetensors"))
    assert len(files) == 2
    written = [file.stat().st_mtime for file in files]
    assert SUITES["kbgan"](CONFIG, tmp_path) == made
    assert [file.stat().st_mtime for file in files] == written
    begun = {}
    for name, settings in made.items():
        sampler = untrained(CONFIG, settings).task.sampler
        begun[name] = isinstance(sampler, KBGAN) and any(
            torch.equal(sampler.policy.encoder.weight, load_file(file)["encoder.weight"]) for file in files
        )
    assert begun == {name: name.endswith("trained before") for name in made}


def test_more_and_more_denied_statements():
    """Shares of what trains; with none nothing is trained on."""
    found = {}
    for name, settings in SUITES["kept"](CONFIG, ROOT).items():
        run = untrained(CONFIG, settings)
        split = run.data["entity", "denied", "entity"].split
        found[name] = int((split == 0).sum())
    assert found["dual, 0"] == found["labelled examples, 0"] == 0
    assert (
        found["dual, 1"]
        == found["labelled examples, 1"]
        < found["dual, 5"]
        < found["dual, 50"]
        < found["dual, 100"]
        == 852
    )


def test_worlds_of_many_sizes(tmp_path):
    """Written as data sets of their own, with the worlds' own statements."""
    suites = script("suites")
    made = load(suites.written(500, tmp_path))
    assert counts(made)["train"] == counts(world(500).data)["train"]
    assert len(made["entity"].names) == 500


def test_lines_rise_with_the_number_in_the_name(tmp_path):
    """One line for each kind, in the legend by its name."""
    found = {f"{kind}, {n}": [{"mrr": n / 10, "steps": n}] for kind in ("few", "many") for n in (1, 4)}
    script("worth").lines(found, tmp_path / "lines.svg")
    assert all(kind in (tmp_path / "lines.svg").read_text() for kind in ("few", "many"))


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
