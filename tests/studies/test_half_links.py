"""MRR by half-links in the tables of records whose figures are known, and of a run without ranks."""

import json

import pandas as pd
from studies.test_tables import same
from studies.toy import STUDY, made, record, written_to

from gnnneg.cli.study import _plain
from gnnneg.experiment.half_links import by_half_links
from gnnneg.studies.half_links import strata
from gnnneg.studies.page import HALVES, page
from gnnneg.studies.show import shown

FIGURES = {("few", 0): 0.1, ("few", 1): 0.2, ("many", 0): 0.3}
HALF = {"both": (4, 2.0), "only answer": (2, 0.5), "neither": (1, 0.0)}  # queries, and of the whole MRR so much


def found_of(tmp_path):
    path = written_to(tmp_path, STUDY)
    study = made(path, tmp_path / "results", {("many", 1): 0.4})  # of a version without half-links
    with (tmp_path / "results" / "toy.jsonl").open("a") as file:
        for cell in study.cells:
            for seed in (0, 1):
                if (cell.variant, seed) in FIGURES:
                    one = record(study, cell, seed, FIGURES[cell.variant, seed])
                    mrr = one["metrics"]["test"]["mrr"]
                    parts = {name: {"queries": n, "mrr": share * mrr} for name, (n, share) in HALF.items()}
                    one["metrics"]["test"]["half_links"] = parts
                    file.write(json.dumps(one) + "\n")
    return shown(path, tmp_path / "results", same)


def test_means_are_over_the_seeds_that_have_them(tmp_path):
    """Few has .1 and .2 of which twice is .2 and .4; many has one seed with half-links and one without."""
    found = found_of(tmp_path)
    rows = found.blocks["synthetic", ""]
    queries, (many, few) = strata(rows)
    assert queries == {"both": 4, "only answer": 2, "neither": 1}
    assert [round(one.mean, 9) for one in few] == [0.3, 0.075, 0.0]
    assert [(round(one.mean, 9), one.low) for one in many] == [(0.6, None), (0.15, None), (0.0, None)]
    text = page(found, "toy.svg")
    assert HALVES in text
    assert "| variant | both (4) | only answer (2) | neither (1) |" in text
    assert "| many | 0.6000 | 0.1500 | 0.0000 |" in text
    few, many = (row["half_links"] for row in _plain(found)["rows"])
    assert few["both"]["queries"] == 4
    assert (round(few["only answer"]["mrr"]["mean"], 9), many["neither"]["queries"]) == (0.075, 1)


def test_figures_of_a_stratum_may_be_metrics_of_a_study(tmp_path):
    path = tmp_path / "toy.yaml"
    found_of(tmp_path)
    path.write_text(STUDY.replace("hits@10", "half_links.only answer.mrr"))
    few, _ = shown(path, tmp_path / "results", same).rows
    assert round(few.figures["half_links.only answer.mrr"].mean, 9) == 0.075


def test_a_study_of_runs_that_rank_nothing_has_no_such_table(tmp_path):
    path = written_to(tmp_path, STUDY)
    made(path, tmp_path / "results", FIGURES)
    found = shown(path, tmp_path / "results", same)
    assert strata(found.rows) == ({}, [[], []])
    assert HALVES not in page(found, "toy.svg")
    assert by_half_links(tmp_path) == {}
    pd.DataFrame({"side": ["tail"], "degree": ["1"]}).to_parquet(tmp_path / "ranks.parquet")
    assert by_half_links(tmp_path) == {}
