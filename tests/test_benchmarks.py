"""The benchmarks' own tables of samplers mean something."""

import importlib.util
from pathlib import Path

import pytest

from gnnneg.experiment import untrained

ROOT = Path(__file__).parents[1]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = [(suite, name) for suite, cases in script("worth").SUITES.items() for name in cases]


@pytest.mark.parametrize(("suite", "name"), CASES, ids=[f"{suite}: {name}" for suite, name in CASES])
def test_every_case_of_the_comparison_can_be_drawn_from(suite, name):
    """On a world of 200 entities: pools and neighbourhoods made smaller."""
    small = {'"num_negatives": 1024': '"num_negatives": 150', "256": "150", 'rs": 200': 'rs": 50', ": 100}": ": 64}"}
    settings = script("worth").SUITES[suite][name]
    for large, less in small.items():
        settings = [setting.replace(large, less) for setting in settings]
    config = ROOT / "configs" / "synthetic" / "uniform.yaml"
    assert untrained(config, settings).negatives("train", 60)["drawn"] > 50


def test_every_case_of_denied_statements_can_be_drawn_from():
    """One without denied statements, three with a term of them, two of two models."""
    config = ROOT / "configs" / "synthetic" / "uniform.yaml"
    found = {}
    for name, settings in script("worth").denied(str(config)).items():
        run = untrained(config, settings)
        found[name] = type(run.task).__name__, [type(made).__name__ for made in getattr(run.task, "generators", [])]
        assert run.negatives("train", 60)["drawn"] > 50
    assert found.pop("nothing denied") == ("LinkPrediction", [])
    assert {kind for kind, _ in found.values()} == {"LinkPrediction", "Dual"}
    assert all(made == ["DeniedStatements"] for kind, made in found.values() if kind == "LinkPrediction")


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
