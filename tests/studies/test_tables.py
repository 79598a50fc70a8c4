"""Tables, tests and pages of records whose figures are known, worked out by hand."""

import json
import math
import warnings
from pathlib import Path

import pytest
from studies.toy import MARK, STUDY, TUNED, made, record, written_to

from gnnneg import UserError
from gnnneg.cli import main
from gnnneg.studies.definition import digest, read
from gnnneg.studies.page import page, strangers
from gnnneg.studies.records import Records
from gnnneg.studies.show import refuse_strangers, shown, written
from gnnneg.studies.standing import chosen, short, standing
from gnnneg.studies.tables import tables

T1 = 12.706205  # Student's .975 quantile at one degree of freedom
P1 = 2 / math.pi * math.atan(1 / 5)  # of differences .2 and .3, which are 5 standard errors from 0
FIGURES = {("few", 0): 0.1, ("few", 1): 0.2, ("many", 0): 0.3, ("many", 1): 0.5}


def same(_) -> list:
    return MARK


def found_of(tmp_path: Path, figures: dict, study: str = STUDY):
    path = written_to(tmp_path, study)
    made(path, tmp_path / "results", figures)
    return shown(path, tmp_path / "results", same)


def test_means_intervals_and_tests_are_those_worked_by_hand(tmp_path):
    found = found_of(tmp_path, FIGURES)
    many, few = found.blocks["synthetic", ""]
    assert (many.cell.variant, few.cell.variant) == ("many", "few")  # the better first
    assert few.figures["mrr"].mean == pytest.approx(0.15)
    assert few.figures["mrr"].high - 0.15 == pytest.approx(T1 * 0.05, rel=1e-5)  # s / sqrt 2 is .05
    assert many.figures["mrr"].mean - many.figures["mrr"].low == pytest.approx(T1 * 0.1, rel=1e-5)
    assert many.figures["hits@10"].mean == pytest.approx(0.2)
    assert (few.seconds, few.cut, few.missing) == (8.0, 1, [])
    (test,) = found.tests
    assert (test.first, test.second, test.shared) == ("many", "few", 2)
    assert test.found.difference == pytest.approx(0.25)  # of .2 and .3
    assert test.found.high - 0.25 == pytest.approx(T1 * 0.05, rel=1e-5)
    assert (test.found.p, test.p) == (pytest.approx(P1), pytest.approx(P1))


MORE = STUDY.replace("seeds: 2", "  more: {task.sampler.num_negatives: 32}\nseeds: 2")


def test_of_several_data_sets_their_mean_alone_is_tested(tmp_path):
    """Many is better by .2 and .3 on the one, by .1 and .2 on the other: the mean .2 has the squared error
    (.0025 + .0025) / 4 and 2 degrees of freedom, so that t is the root of 32, and p 1 - t / sqrt(2 + 32). More is as
    good as few in the mean. So two p are corrected, and not all six.
    """
    figures = {**FIGURES, ("few", 2): 0.2, ("few", 3): 0.3, ("many", 2): 0.3, ("many", 3): 0.5}
    more = {("more", seed): figures["few", seed] + by for seed, by in enumerate((0.1, -0.1, 0.1, -0.1))}
    study = MORE.replace("[synthetic]", "{synthetic: {}, UMLS: {seeds: '2..3'}}")
    found = found_of(tmp_path, {**figures, **more}, study)
    p = 1 - math.sqrt(32 / 34)
    said = [(test.data, test.first, test.shared, round(test.found.difference, 9), test.p) for test in found.tests]
    assert said == [
        ("synthetic", "many", 2, 0.25, None),
        ("UMLS", "many", 2, 0.15, None),
        ("", "many", 4, 0.2, pytest.approx(2 * p)),
        ("synthetic", "more", 2, 0.0, None),
        ("UMLS", "more", 2, 0.0, None),
        ("", "more", 4, 0.0, pytest.approx(1.0)),
    ]
    text = page(found, "toy.svg")
    assert "| UMLS | many | few | +0.1500 | [-0.4853, +0.7853] | 2 | 2 |  |  |" in text
    assert "| all 2 | many | few | +0.2000 | [+0.0479, +0.3521] | 4 | 4 | 0.0299 | 0.0597 |" in text  # 4.302653 errors
    assert "Only the mean over data sets, each of the same weight, is tested." in text
    assert "corrected for 2 tests." in text


def test_a_data_set_that_shares_one_seed_is_not_in_the_mean(tmp_path):
    found = found_of(tmp_path, FIGURES, STUDY.replace("[synthetic]", "{synthetic: {}, UMLS: {seeds: [0]}}"))
    said = [(test.data, test.shared, test.found and test.found.n, test.p) for test in found.tests]
    assert said == [("synthetic", 2, 2, None), ("UMLS", 1, None, None), ("", 2, 2, pytest.approx(P1))]
    text = page(found, "toy.svg")
    assert "| 1 of 2 | many | few | +0.2500 | [-0.3853, +0.8853] | 2 | 2 | 0.1257 | 0.1257 |" in text
    assert "A data set with fewer than two pairs has no interval." in text


def test_models_are_compared_each_with_itself(tmp_path):
    models = "models: {one: {config: base.yaml}, two: {config: base.yaml, optimizer.lr: 0.2}}"
    found = found_of(tmp_path, FIGURES, STUDY.replace("config: base.yaml", models))
    assert list(found.blocks) == [("synthetic", "one"), ("synthetic", "two")]
    assert [(test.model, test.p) for test in found.tests] == [(one, pytest.approx(2 * P1)) for one in ("one", "two")]


def test_what_is_missing_is_said(tmp_path):
    found = found_of(tmp_path, {("few", 1): 0.25})
    text = page(found, "toy.svg")
    assert "| few | 1 of 2 | 0.2500 | 0.1250 |" in text
    assert "| many | 0 of 2 | missing | missing |" in text
    assert "| synthetic | many | few | missing |  | 0 |" in text
    assert "There is no answer yet. 1 of 4 trainings have a record." in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: one["config"].update(seed=7), "its config was changed by hand"),
        (lambda one: one.update(definition="0"), "the study or its config says something else of it now"),
        (lambda one: _put(one, "lr", 0.2), "its config has another optimizer.lr now"),
        (lambda one: _put(one, "gone", 1), "its config has another optimizer.gone now"),
        (
            lambda one: one["fingerprint"][0]["entities"].update(digest="b"),
            "the data have changed (entities: 3 as before",
        ),
        (lambda one: one["fingerprint"].append(MARK[0]), "the data have changed (another number of graphs)"),
    ],
)
def test_a_record_that_no_longer_fits_is_stale(tmp_path, change, why):
    path = written_to(tmp_path)
    study = made(path, tmp_path / "results", FIGURES)
    one = record(study, study.cells[0], 1, 0.9)
    change(one)
    stands = standing(study, [one], same)
    assert stands.fresh == {}
    assert stands.stale["synthetic", "", "few", 1].startswith(why)
    good = record(study, study.cells[0], 1, 0.4)
    for several in ([one, good], [good, one]):  # what fits counts, wherever it stands
        stands = standing(study, several, same)
        assert stands.stale == {}
        assert stands.fresh["synthetic", "", "few", 1] == good
    newer = {**good, "metrics": {"test": {"mrr": 0.5}}}
    assert standing(study, [good, newer], same).fresh["synthetic", "", "few", 1] == newer  # the last of two


def _put(one: dict, key: str, value: float) -> None:
    one["config"]["optimizer"]["init_args"][key] = value
    one["config_hash"] = digest(one["config"])


def test_what_changes_no_figure_and_what_is_new_in_gnnneg_makes_nothing_stale(tmp_path):
    path = written_to(tmp_path)
    study = read(path)
    one = record(study, study.cells[0], 0, 0.4)
    one["config"]["device"], one["config"]["data"]["root"] = "cuda", "/elsewhere"
    one["config"]["fit"]["checkpoint_seconds"] = 3.0
    del one["config"]["optimizer"]["init_args"]["eps"]  # as before there was such a key
    one["config_hash"] = digest(one["config"])
    assert ("synthetic", "", "few", 0) in standing(study, [one], same).fresh
    assert ("synthetic", "", "few", 0) in standing(study, [one], lambda _: None).fresh  # nobody can tell of the data
    path.write_text(path.read_text().replace("Do more", "Would more").replace("seeds: 2", "seeds: 4"))
    assert ("synthetic", "", "few", 0) in standing(read(path), [one], same).fresh


def test_a_larger_budget_makes_stale_what_the_smaller_one_has_cut_short(tmp_path):
    """Seed 0 here was ended by its seconds, seed 1 was not."""
    path = written_to(tmp_path)
    study = made(path, tmp_path / "results", FIGURES)
    found = Records(tmp_path / "results" / "toy.jsonl").read()
    assert len(standing(study, found, same).fresh) == 4
    for seconds, fresh in ((30, [0, 1]), (61, [1])):
        path.write_text(STUDY.replace("training: 60", f"training: {seconds}"))
        stands = standing(read(path), found, same)
        assert [seed for *_, variant, seed in stands.fresh if variant == "few"] == fresh
    assert stands.stale["synthetic", "", "few", 0] == "it was cut short after 60 seconds, and has more now"
    trials = [{"seconds": 5.0}, {"seconds": None}]
    assert not short({**found[0], "ended": None, "trials": trials}, 61.0)
    assert short({**found[0], "ended": None, "trials": [*trials, {"seconds": 60.5}]}, 61.0)


def test_a_tuned_training_has_the_budget_of_now(tmp_path):
    """The tuning is of a smaller one, and its best settings are kept. So is what ended it, until there is another."""
    path = written_to(tmp_path, TUNED)
    (cell, _), tuning = read(path).cells, {"config": {"data": {"name": "elsewhere"}, "optimizer": "best"}}
    tuning["config"]["fit"] = {**cell.tree["fit"], "max_seconds": 60.0, "batch_size": 8}
    path.write_text(TUNED.replace("training: 60", "training: 90"))
    found = chosen(read(path).cells[0], 3, tuning)
    assert found["fit"] == {**cell.tree["fit"], "max_seconds": 90.0, "batch_size": 8}
    assert (found["optimizer"], found["data"]["name"], found["seed"]) == ("best", "synthetic", 3)


def test_a_metric_that_no_record_has_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"toy\.yaml: no record has the metric 'hits@11': did you mean 'hits@10'"):
        found_of(tmp_path, FIGURES, STUDY.replace("hits@10", "hits@11"))
    (tmp_path / "new").mkdir()
    assert found_of(tmp_path / "new", {}, STUDY.replace("hits@10", "hits@11")).there == 0


def test_an_answer_has_only_numbers_of_the_tables(tmp_path):
    found = found_of(tmp_path, FIGURES, STUDY + "answer: More is better by +0.2500 with 2 seeds.\n")
    text = page(found, "toy.svg")
    refuse_strangers(found, text)
    assert "More is better by +0.2500 with 2 seeds." in text
    wrong = found_of(tmp_path, {}, STUDY + "answer: More is better by .26 with 2 seeds.\n")
    with pytest.raises(UserError, match=r"the answer has the number \.26, and no table"):
        refuse_strangers(wrong, page(wrong, "toy.svg"))
    assert strangers("v2 has 1,024 and .5, 0.25", "0.5 .5 1,024") == ["0.25"]


def test_a_metric_that_one_data_set_has_alone_is_missing_nowhere(tmp_path):
    """It is a dash where trainings have records without it; *missing* is what has no record."""
    path = written_to(tmp_path, STUDY)
    study = made(path, tmp_path / "results", FIGURES)
    lines = [json.loads(line) for line in (tmp_path / "results" / "toy.jsonl").read_text().splitlines()]
    for one in lines:
        if one["variant"] == "few":
            del one["metrics"]["test"]["hits@10"]
    text = page(tables(study, standing(study, lines, same), 4), "toy.svg")
    assert "| few | 2 | 0.1500 [-0.4853, 0.7853] | – | 1 of 2 |" in text
    assert "| missing |" not in text


def test_pages_and_pictures_are_made_of_records_alone(tmp_path):
    found = found_of(tmp_path, FIGURES)
    files = written(found, tmp_path / "pages")
    assert [path.name for path in files] == ["toy.md", "toy.svg"]
    text, drawn = (path.read_text() for path in files)
    assert "from the first 4 lines of results/toy.jsonl" in text
    assert "# Do more negatives help?\n\nTwo numbers of them.\n" in text
    assert "| synthetic | many | few | +0.2500 | [-0.3853, +0.8853] | 2 | 2 | 0.1257 | 0.1257 |" in text
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert ">many<" in drawn
    assert "var(" not in drawn
    assert "currentColor" not in drawn


def test_show_prints_the_tables_and_tells_of_what_is_stale(tmp_path, capsys):
    """The records here are of other data than the synthetic world: told, and not used."""
    path = written_to(tmp_path)
    study = made(path, tmp_path / "results", FIGURES)
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=".* is stale")
        assert main(["study", "show", str(path), "--results", str(tmp_path / "results"), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("is stale (the data have changed (entities: 3 then, 200 now))") == 4
    (said,) = json.loads(printed.out)
    assert [row["missing"] for row in said["rows"]] == [[0, 1], [0, 1]]
    assert Records(tmp_path / "results" / "toy.jsonl").read()[0]["study"] == study.name
    assert tables(study, standing(study, [], same), 0).there == 0
