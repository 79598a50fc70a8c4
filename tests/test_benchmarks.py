"""The benchmarks' own tables of samplers mean something."""

import importlib.util
import json
from pathlib import Path

import pytest

from gnnneg.experiment import untrained

ROOT = Path(__file__).parents[1]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", script("worth").SAMPLERS)
def test_every_sampler_of_the_comparison_can_be_drawn_from(name):
    """On a world of 200 entities: pools and neighbourhoods made smaller."""
    tree = json.dumps(script("worth").SAMPLERS[name]).replace("256", "150").replace('rs": 200', 'rs": 50')
    config = ROOT / "configs" / "synthetic" / "uniform.yaml"
    assert untrained(config, ["--task.sampler", tree]).negatives("train", 60)["drawn"] > 1000


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
