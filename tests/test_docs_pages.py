"""The code of the site's first pages and of its recipes runs, on fewer epochs and statements."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml

import gnnneg
from gnnneg.cli import main
from gnnneg.experiment import untrained

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, *languages: str) -> list[tuple[str, str]]:
    """The language and the text of each block of a page that is in one of these."""
    kinds = "|".join(languages)
    return re.findall(rf"^```({kinds})\n(.*?)^```", (DOCS / page).read_text(), flags=re.DOTALL | re.MULTILINE)


def executed(page: str, epochs: int = 2) -> dict:
    """Runs a page's Python and its commands, in their order, and gives the names that it has made."""
    space: dict = {}
    for language, block in blocks(page, "python", "bash"):
        if language == "python":
            fewer = re.sub(r"epochs=\d+", f"epochs={epochs}", block).replace('"train", 500', '"train", 50')
            exec(compile(fewer, page, "exec"), space)
            continue
        for line in block.splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
    return space


def test_start_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gnnneg.report.page.page", lambda *_: "")  # its pictures take longer than these trainings
    space = executed("start.md", epochs=3)
    assert space["hard"].num_negatives == 16
    assert all(run.metrics["test"]["mrr"] > 0.1 for run in space["runs"].values())
    assert space["drawn"]["hardness"] > 0.6  # of the hard ones
    assert space["answer"].iloc[0]["known"] == "denied"
    assert (tmp_path / "report.html").exists()
    assert "North Telecom" in capsys.readouterr().out


def test_why_runs(capsys):
    executed("why.md")
    assert "sampled" in capsys.readouterr().out


def test_judge_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = executed("judge.md", epochs=4)
    assert space["large"].metrics["test"]["mrr"] > space["small"].metrics["test"]["mrr"]
    assert "'over': 'statements'" in capsys.readouterr().out


def test_choose_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ((_, config),) = blocks("choose.md", "yaml")
    (tmp_path / "config.yaml").write_text(config)
    executed("choose.md")
    assert capsys.readouterr().out.count("false") >= 2
    other = ["--task.sampler", "Uniform", "--task.sampler.num_negatives", "16"]  # as the page changes it
    hard, random = untrained("config.yaml", []).negatives(), untrained("config.yaml", other).negatives()
    assert hard["hardness"] > random["hardness"] + 0.2


def test_extend_runs(tmp_path, monkeypatch):
    """A sampler and a metric of one's own, as the page has them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    close, known, median, nearness, separation = (block for _, block in blocks("extend.md", "python"))
    (tmp_path / "close.py").write_text(close)
    (tmp_path / "median.py").write_text(median + nearness)
    ((_, config),) = blocks("extend.md", "yaml")
    (tmp_path / "config.yaml").write_text(config)
    run = gnnneg.train_config("config.yaml", [], "runs/close", progress=False, allow="close,median")
    found = run.metrics["test"]["Median"]
    ranks = run.ranks()
    assert found["median"] == ranks.realistic.median()
    assert found["head"]["median"] == ranks.of("head").realistic.median()
    space: dict = {}
    for block in (close, known, median, nearness, separation):
        exec(compile(block, "extend.md", "exec"), space)
    data = gnnneg.load("synthetic")
    facts = gnnneg.Facts(data)
    sampler = space["CloseKnown"](facts.num_nodes, 50, reach=5)
    query = gnnneg.Query(*(column[:4] for column in gnnneg.triplets(data, "stated", "train")[:2]))
    target = gnnneg.triplets(data, "stated", "train").tail_index[:4]
    drawn = sampler(query, target, None)
    assert sampler.log_prob(query, target, None, drawn.index).exp().unique().tolist() == pytest.approx([0.1])
    everyone = torch.arange(facts.num_nodes).expand(4, -1)
    total = sampler.log_prob(query, target, None, everyone).exp().sum(1)
    assert total.tolist() == pytest.approx([1.0] * 4)
    with pytest.raises(gnnneg.UserError, match="give a number from 1 to"):
        space["Close"](10, 5, reach=10)
    apart = run.evaluate(space["Separation"]()).figures["separation"]
    assert apart == pytest.approx(run.classify()[0]["auroc"], abs=1e-4)  # no score is tied
    assert yaml.safe_load(config)["evaluation"] == ["median.Median"]
    words = ["--evaluation", "[median.Nearness]", "--fit.metric", "nearness"]
    chosen = gnnneg.train_config("config.yaml", words, "runs/near", progress=False, allow="close,median")
    lines = [json.loads(line) for line in Path("runs/near/metrics.jsonl").read_text().splitlines()]
    told = {line["epoch"]: line["valid"]["nearness"] for line in lines if "valid" in line}
    assert told[chosen.result["best_epoch"]] == max(told.values()) == chosen.metrics["valid"]["nearness"]


def test_a_page_with_code_is_run_by_some_test():
    tests = "\n".join(file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    with_code = {page.name for page in DOCS.glob("*.md") if blocks(page.name, "python", "bash")} - {"index.md"}
    assert {page for page in with_code if not re.search(rf"[\"'/]{re.escape(page)}[\"']", tests)} == set()
