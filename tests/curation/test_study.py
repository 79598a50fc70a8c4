"""The study of what each queue is worth: its record, its table, and what its curator says."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gnnneg import Fit
from gnnneg.data.statements import triplets

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("curation_study", ROOT / "benchmarks" / "curation.py")
study = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = study  # where its dataclass looks for it; these tests' folder has its own name
spec.loader.exec_module(study)


@pytest.fixture
def small(monkeypatch):
    """A small world, and one queue."""
    case = study.synthetic

    def made(seed):
        found = case(seed, num_entities=40)
        return replace(found, fit=Fit(epochs=1, batch_size=256), width=4, negatives=2)

    monkeypatch.setitem(study.CASES, "synthetic", made)
    monkeypatch.setattr(study, "NUMBERS", (3,))
    for name in set(study.QUEUES) - {"errors"}:
        monkeypatch.delitem(study.QUEUES, name)


def test_a_world_with_false_statements():
    """A twentieth of what is trained on is false, and all that is asked in valid and test is true."""
    case = study.synthetic(0, num_entities=60)
    share = {s: sum(case.true(triplets(case.data, "stated", s))) for s in ("train", "valid", "test")}
    size = {s: len(triplets(case.data, "stated", s).rel_type) for s in share}
    assert size["train"] - share["train"] == round(study.NOISE * share["train"])
    assert (share["valid"], share["test"]) == (size["valid"], size["test"])
    assert not any(case.true(triplets(case.data, "denied")))


def test_what_is_there_is_not_run_again(small, tmp_path, capsys):
    records = tmp_path / "records.jsonl"
    study.run_all("synthetic", records, range(1), (3,))
    lines = records.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    asked = [(row["queue"], row["questions"]) for row in rows]
    assert asked == [("none", 0), ("random statements", 3), ("errors", 3)]
    for row in rows[1:]:
        assert row["said_true"] + row["said_false"] == row["asked"] == row["questions"]
        assert row["said_unsure"] == 0
        assert 0 < row["mrr"] <= 1
        assert 0 <= row["auroc"] <= 1
    records.write_text("\n".join(lines[:2]) + "\n")
    study.run_all("synthetic", records, range(1), (3,))
    again = [json.loads(line) for line in records.read_text().splitlines()]
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in rows]
    study.run_all("synthetic", records, range(1), (3,))
    assert len(records.read_text().splitlines()) == len(lines)


def row(queue, number, seed, mrr, auroc=0.5):
    said = {"said_true": 1, "said_false": 2}
    return {"data": "synthetic", "queue": queue, "questions": number, "seed": seed, "mrr": mrr, "auroc": auroc, **said}


def test_differences_are_those_of_the_same_seed():
    """By hand: 0.3 and 0.1 more, of which the interval of two seeds is 0.2 +- 12.706 * 0.1."""
    rows = [row("none", 0, 0, 0.2), row("random statements", 3, 0, 0.1), row("random statements", 3, 1, 0.5)]
    rows += [row("errors", 3, 0, 0.4), row("errors", 3, 1, 0.6)]
    *_, last = study.table(rows)
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    assert cells[:6] == ["errors", "3", "2", "1", "2", "0.5000"]
    assert cells[6] == "+0.2000 (-1.0706 to +1.4706)"
    assert study.difference([0.1, 0.1001, 0.0999]).startswith("**+0.1000")


def test_the_page_shows_the_record():
    """Each line of the tables on the page is one that the record gives."""
    page = (ROOT / "docs" / "curate-study.md").read_text()
    rows = study.read(study.RECORDS)
    for name in study.CASES:
        mine = [one for one in rows if one["data"] == name]
        assert mine
        for line in study.table(mine):
            assert line in page
