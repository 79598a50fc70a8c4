"""docs/runs.md is run as it stands, its commands too; what would be processes of their own, in this one."""

import re
import shlex
import warnings
from pathlib import Path

import yaml

from gnnneg.cli import main
from gnnneg.experiment.repeated import Repeated, _Crew

ROOT = Path(__file__).parents[1]


def _here(self: _Crew, orders: dict[int, list[str]], homes: dict[int, Path], done: Repeated, _: object) -> None:
    for seed, order in orders.items():
        assert main(order) == 0
        done.runs[seed] = homes[seed]


def test_repeating_comparing_and_going_on_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_Crew, "work", _here)
    space: dict = {}
    text = (ROOT / "docs/runs.md").read_text()
    for language, block in re.findall(r"^```(python|bash)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "On synthetic")  # the lead may be small
            if language == "python":
                exec(compile(block, "docs/runs.md", "exec"), space)
                continue
            for line in block.splitlines():
                assert main(shlex.split(line)[1:]) == 0, line
    (pair,) = space["table"].to_dict("records")
    assert (pair["over"], pair["n"], pair["least_p"]) == ("seeds", 3, 0.25)
    assert yaml.safe_load((tmp_path / "runs" / "complex-0" / "config.yaml").read_text())["fit"]["epochs"] == 8
    said = capsys.readouterr()
    assert "With 3 seeds no p is below 0.25." in said.out
    assert re.search(r"Paired over \d+ statements\.", said.out.replace(",", ""))
    assert len(re.findall(r"Warm start from .* (\d+) of \1 entities", said.err)) == 2


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs/runs.md").read_text()):
        assert "://" in link or (ROOT / "docs" / link).exists(), link
