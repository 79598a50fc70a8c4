"""Tables and the page against the files they are made from."""

import json
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gnnneg.cli import main
from gnnneg.errors import UserError
from gnnneg.report.folder import read
from gnnneg.report.grouping import grouped, said
from gnnneg.report.page import page


def finished(path: Path, mrr: float, seed: int = 0, lr: float = 0.1, relation: str = "likes") -> Path:
    """A run folder of two test queries, with ranks 1 and 4 to 6."""
    path.mkdir()
    (path / "config.yaml").write_text(yaml.safe_dump({"optimizer": {"lr": lr}, "seed": seed}))
    (path / "environment.json").write_text(json.dumps({"seed": seed}))
    side = {"mrr": mrr, "hits@10": 0.5}
    test = {
        "mrr": mrr,
        "mr": 3.0,
        "hits@1": 0.1,
        "hits@3": 0.2,
        "hits@10": 0.5,
        "amri": 0.9,
        "head": side,
        "tail": side,
    }
    result = {
        "dataset": "toy",
        "seed": seed,
        "best_epoch": 2,
        "metrics": {"test": test},
        "time": {"train_s": 2.0 + seed},
    }
    (path / "result.json").write_text(json.dumps(result))
    lines = [
        {"epoch": 1, "loss": 3.0},
        {"epoch": 1, "loss": 1.0},
        {"epoch": 2, "loss": 1.0},
        {"epoch": 2, "valid": {"mrr": 0.3}},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    frame = {
        "optimistic": [1, 4],
        "pessimistic": [1, 6],
        "relation_name": [relation, relation],
        "cardinality": ["1-1", "N-N"],
    }
    pd.DataFrame({**frame, "degree": ["11+", "1–6"]}).to_parquet(path / "ranks.parquet")
    return path


def test_seeds_are_grouped_and_spread_is_the_samples(tmp_path):
    runs = [finished(tmp_path / f"a{seed}", mrr, seed) for seed, mrr in enumerate([0.3, 0.4, 0.35])]
    runs.append(finished(tmp_path / "b", 0.5, lr=0.2))
    best, other = grouped([read(run) for run in runs])
    assert (best["runs"], best["mrr"]) == (["b"], {"mean": 0.5, "std": None})
    assert other["seeds"] == [0, 1, 2]
    assert other["mrr"]["mean"] == pytest.approx(0.35)
    assert other["mrr"]["std"] == pytest.approx(statistics.stdev([0.3, 0.4, 0.35])) == pytest.approx(0.05)
    assert other["train_s"]["mean"] == pytest.approx(3.0)
    assert said(other["mrr"]) == "0.3500 ± 0.0500"


def test_page_shows_what_the_files_say(tmp_path):
    html = page([read(finished(tmp_path / "a", 0.3117)), read(finished(tmp_path / "b", 0.4225, lr=0.2))])
    text = re.sub(r"\s+", " ", html)
    assert "<td>mrr</td><td>0.3117</td><td>0.4225</td>" in text
    # ranks 1 and, realistic, 5: (1 + 1/5) / 2
    assert "<td>likes</td><td>2</td><td>0.6000</td><td>0.6000</td>" in text
    assert text.index("1–6") < text.index("11+")


def test_page_needs_no_network_and_runs_no_names(tmp_path):
    html = page([read(finished(tmp_path / "a", 0.3, relation="<script>alert(1)</script>"))])
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert not re.search(r"url\((?!#)", html)
    assert len(html) < 2_000_000


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda run: (run / "config.yaml").unlink(), "not a run folder"),
        (lambda run: (run / "result.json").unlink(), "gnnneg resume"),
        (lambda run: (run / "result.json").write_text("{"), "garbled"),
        (lambda run: (run / "result.json").write_text("[]"), "garbled"),
        (lambda run: (run / "metrics.jsonl").write_text("{\n"), "garbled"),
        (lambda run: (run / "environment.json").unlink(), "missing"),
    ],
)
def test_bad_folders_get_one_sentence(tmp_path, capsys, spoil, match):
    run = finished(tmp_path / "a", 0.3)
    spoil(run)
    with pytest.raises(UserError, match=match):
        read(run)
    for command in ("compare", "report"):
        assert main([command, str(run)]) == 2
        said = capsys.readouterr().err
        assert len(said.strip().splitlines()) == 1
        assert match in said


def test_commands(tmp_path, capsys):
    runs = [str(finished(tmp_path / "a", 0.3)), str(finished(tmp_path / "b", 0.4, lr=0.2))]
    assert main(["compare", *runs, "--json"]) == 0
    assert [row["mrr"]["mean"] for row in json.loads(capsys.readouterr().out)] == [0.4, 0.3]
    assert main(["report", *runs, "--out", str(tmp_path / "deep" / "page.html")]) == 0
    assert (tmp_path / "deep" / "page.html").read_text().startswith("<!doctype html>")
