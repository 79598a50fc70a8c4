"""Study files: what they say, what is refused, and that those of the repository can be trained."""

import re
from itertools import zip_longest
from pathlib import Path

import pytest
from studies.toy import STUDY, TUNED, made, written_to

from gnnneg import UserError
from gnnneg.cli import main
from gnnneg.experiment import plan
from gnnneg.studies.definition import Definition, read
from gnnneg.studies.page import page
from gnnneg.studies.run import Order
from gnnneg.studies.show import refuse_strangers, shown, written
from gnnneg.studies.standing import chosen, refuse

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "studies").glob("*.yaml"))


def test_settings_stand_over_each_other_from_the_study_to_the_variant(tmp_path):
    text = """
question: Which?
models:
  wide: {config: base.yaml, task.model.encoder.hidden_channels: 8, optimizer.lr: 0.2}
  plain: {config: base.yaml}
settings: {optimizer.lr: 0.3, fit.epochs: 7}
data: {UMLS: {fit.epochs: 9, seeds: '3..4', budget: 5}, synthetic: null}
variants: {one: {fit.batch_size: 64}, two: {fit.epochs: 11, task.sampler: All}}
seeds: [5, 2]
budget: {training: 60, all: 1000}
"""
    study = read(written_to(tmp_path, text))
    cells = {cell.place: cell for cell in study.cells}
    assert len(cells) == 8
    first = cells["UMLS", "wide", "one"]
    assert first.tree["data"] == {"name": "UMLS"}
    assert first.tree["optimizer"]["init_args"]["lr"] == 0.2
    assert first.tree["task"]["init_args"]["model"]["init_args"]["encoder"]["init_args"]["hidden_channels"] == 8
    assert (first.tree["fit"]["epochs"], first.tree["fit"]["batch_size"]) == (9, 64)
    assert (first.seeds, first.seconds, first.tree["fit"]["max_seconds"]) == ((3, 4), 5.0, 5.0)
    second = cells["synthetic", "plain", "two"]
    assert second.tree["optimizer"]["init_args"]["lr"] == 0.3
    assert (second.tree["fit"]["epochs"], second.tree["task"]["init_args"]["sampler"]) == (11, "All")
    assert (second.seeds, second.seconds, study.most) == ((5, 2), 60.0, 1000.0)
    assert (study.metrics, study.tests, study.trials) == (("mrr",), (), 0)


def test_a_model_is_trained_on_the_data_sets_that_it_names(tmp_path):
    """Of two models and two data sets three pairs are left; tests are of one model on what it was trained on."""
    models = "models: {one: {config: base.yaml, data: [UMLS]}, two: {config: base.yaml, optimizer.lr: 0.2}}"
    text = STUDY.replace("config: base.yaml", models).replace("[synthetic]", "[synthetic, UMLS]")
    path = written_to(tmp_path, text)
    figures = {("few", 0): 0.1, ("few", 1): 0.2, ("many", 0): 0.3, ("many", 1): 0.5}
    study = made(path, tmp_path / "results", figures)
    places = dict.fromkeys((cell.data, cell.model) for cell in study.cells)
    assert list(places) == [("synthetic", "two"), ("UMLS", "one"), ("UMLS", "two")]
    assert "data" not in study.cells[-1].tree["task"]
    found = shown(path, tmp_path / "results", lambda _: None)
    assert found.there == found.wanted == 12
    tests = [(test.model, test.data, test.shared) for test in found.tests]
    assert tests == [("two", "synthetic", 2), ("two", "UMLS", 2), ("two", "", 4), ("one", "UMLS", 2)]
    written(found, tmp_path / "pages")
    assert "## synthetic, two" in (tmp_path / "pages" / "toy.md").read_text()


def test_a_model_has_the_variants_that_it_names(tmp_path):
    """Model one has no many, and so no test of it."""
    models = "models: {one: {config: base.yaml, variants: [few]}, two: {config: base.yaml, optimizer.lr: 0.2}}"
    path = written_to(tmp_path, STUDY.replace("config: base.yaml", models))
    study = made(path, tmp_path / "results", {("few", 0): 0.1, ("few", 1): 0.2, ("many", 0): 0.3, ("many", 1): 0.5})
    places = [(cell.model, cell.variant) for cell in study.cells]
    assert places == [("one", "few"), ("two", "few"), ("two", "many")]
    assert "variants" not in study.cells[0].tree["task"]
    found = shown(path, tmp_path / "results", lambda _: None)
    assert [(test.model, test.first, test.shared) for test in found.tests] == [("two", "many", 2)]
    written(found, tmp_path / "pages")


def test_what_is_tuned_is_what_the_study_the_model_and_the_variant_name(tmp_path):
    text = TUNED.replace("{task.sampler.num_negatives: 16}", "{tune: {task.sampler.num_negatives: [4, 8]}}")
    few, many = read(written_to(tmp_path, text)).cells
    space = {"optimizer.lr": {"low": 0.01, "high": 1.0, "log": True}}
    assert few.tree["tune"] == space
    assert many.tree["tune"] == {**space, "task.sampler.num_negatives": [4, 8]}
    refuse(read(written_to(tmp_path, text)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("question:", "asked:", "has no 'asked': did you mean"),
        ("seeds: 2", "", "lacks seeds"),
        ("seeds: 2", "seeds: 0", r"toy\.yaml: seeds asks for 0 runs"),
        ("seeds: 2", "seeds: 1.5", "seeds is 1.5: give a number"),
        ("seeds: 2", "seeds: [1, a]", "seeds has 'a': give whole numbers"),
        ("training: 60", "all: 60", "budget lacks training"),
        ("training: 60", "training: -1", "budget.training is -1: give a number above 0"),
        ("training: 60", "training: 60, each: 1", "budget has no 'each'"),
        ("base.yaml", "other.yaml", "Cannot read config"),
        ("config: base.yaml", "", "variants.few has no config"),
        ("config:", "models: {a: {}}\nconfig:", "both config and models"),
        ("config: base.yaml", "models: {a: {config: base.yaml, data: [UML]}}", r"a\.data names 'UML', which"),
        ("config: base.yaml", "models: {a: {config: base.yaml, data: []}}", r"models\.a\.data is empty: name one"),
        ("config: base.yaml", "models: {a: {config: base.yaml, data: UMLS}}", r"models\.a\.data should be a list"),
        (
            "config: base.yaml\ndata: [synthetic]",
            "models: {a: {config: base.yaml, data: [UMLS]}}\ndata: [UMLS, WN18]",
            "no model is for the data set 'WN18'",
        ),
        ("config: base.yaml", "models: {a: {config: base.yaml, variants: [fw]}}", r"a\.variants names 'fw', which"),
        (
            "config: base.yaml",
            "models: {a: {config: base.yaml, variants: [few]}}",
            "no model is for the variant 'many': leave it out",
        ),
        (
            "config: base.yaml",
            "models: {a: {config: base.yaml, variants: [few]}, b: {config: base.yaml, variants: [many]}}",
            r"tests has \['many', 'few'\], and no model has both",
        ),
        ("[synthetic]", "[UMLS, UMLS]", "data should name one or more, each once"),
        ("few: {}", "few: 3", r"variants\.few should be a mapping"),
        ("few: {}", "few: {seed: 3}", r"variants\.few sets seed: say it under seeds"),
        ("few: {}", "few: {data.name: UMLS}", "say it under data instead"),
        ("few: {}", "few: {fit.max_seconds: 3}", r"say it under budget\.training"),
        ("few: {}", "few: {tune: {optimizer.lr: [0.1, 0.2]}}", "has a tune, and the study has none"),
        ("{against: few}", "{against: fewer}", "names 'fewer', which is no variant"),
        ("{against: few}", "[[few, few]]", "give pairs of two variants"),
        ("[mrr, hits@10]", "[]", "metrics is empty"),
        ("[mrr, hits@10]", "mrr", "metrics should be a list"),
        ("seeds: 2", "seeds: 2\norder: [seed, data]", "order is"),
        ("seeds: 2", "seeds: 2\nworth: much", "worth is 'much': give a number"),
        ("seeds: 2", "seeds: 2\ntune: {space: {}}", "tune lacks trials"),
        ("seeds: 2", "seeds: 2\ntune: {trials: 0}", "tune.trials is 0: give a whole number"),
    ],
)
def test_a_wrong_study_is_one_sentence(tmp_path, capsys, old, new, words):
    assert old in STUDY
    path = written_to(tmp_path, STUDY.replace(old, new, 1))
    assert main(["study", "run", str(path), "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert len(said.splitlines()) == 1


def test_a_variant_that_makes_no_config_is_refused_by_its_name(tmp_path):
    path = written_to(tmp_path, STUDY.replace("few: {}", "few: {task.sampler: Unifrom}"))
    with pytest.raises(UserError, match=r"toy\.yaml, synthetic / few: .*Unifrom"):
        refuse(read(path))
    path = written_to(tmp_path, TUNED.replace("optimizer.lr", "optimizer.rl"))
    with pytest.raises(UserError, match=r"toy\.yaml, synthetic / few: tune\.optimizer\.rl"):
        refuse(read(path))


def test_numbers_of_an_order_are_in_range():
    for option in ({"jobs": 0}, {"budget": 0.0}):
        with pytest.raises(UserError, match="give"):
            Order(**option)


def test_two_studies_of_one_name_are_refused(tmp_path, capsys):
    (tmp_path / "other").mkdir()
    paths = [str(written_to(folder)) for folder in (tmp_path, tmp_path / "other")]
    assert main(["study", "run", *paths, "--dry-run"]) == 2
    assert "Two studies are called toy" in capsys.readouterr().err


def test_the_folder_of_a_data_set_lies_beside_its_study(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "dataset.yaml").write_text("name: mine")
    study = read(written_to(tmp_path, STUDY.replace("[synthetic]", "[mine]")))
    assert study.cells[0].tree["data"]["name"] == str(tmp_path / "mine")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_studies_of_the_repository_can_be_trained(file):
    """Every variant of the first model that has it, every model and every data set."""
    study, seen, near = read(file), set(), []
    for cell in study.cells:
        own = {("model", cell.model), ("variant", cell.variant)}
        if not own <= seen:
            near.append(cell)
        elif ("data", cell.data, cell.model) not in seen:
            plan(chosen(cell, 0, None))
        seen |= own | {("data", cell.data, cell.model)}
    refuse(Definition(**{**vars(study), "cells": tuple(near)}))


def differs(path: Path, file: Path, results: Path) -> str | None:
    """What a page has and the first records, as many as it names, do not make of its study; None if nothing."""
    text = path.read_text()
    count = int(re.search(r"from the first (\d+) lines of", text)[1])
    found = shown(file, results, lambda _: None, count)
    made = page(found, f"{path.stem}.svg").replace(f"{file.parents[1]}/", "")
    refuse_strangers(found, made)
    if found.records != count:
        return f"{count} lines"
    lines = zip_longest(text.splitlines(), made.splitlines())
    return next((f"{one} / {other}" for one, other in lines if one != other), None)


def test_every_number_of_the_pages_is_in_the_records(tmp_path):
    """A page of known records first, with a figure changed, with a record more, and with one that is gone."""
    (tmp_path / "studies").mkdir()
    file, results = written_to(tmp_path / "studies"), tmp_path / "results"
    made(file, results, {("few", 0): 0.1, ("few", 1): 0.2, ("many", 0): 0.3})
    out, _ = written(shown(file, results, lambda _: None), tmp_path / "pages")
    out.write_text(out.read_text().replace(f"{tmp_path}/", ""))
    assert differs(out, file, results) is None
    good, records = out.read_text(), (results / "toy.jsonl").read_text()
    for old in re.findall(r"\d\.\d{4}", good):
        out.write_text(good.replace(old, "0.9999", 1))
        assert "0.9999" in differs(out, file, results)
    out.write_text(good)
    (results / "toy.jsonl").write_text(records + records)
    assert differs(out, file, results) is None
    (results / "toy.jsonl").write_text("".join(records.splitlines(True)[:2]))
    assert differs(out, file, results) == "3 lines"


def test_every_number_of_an_answer_of_the_repository_is_in_its_records():
    """The site's page of a study is made from the records; the answer alone is written by people."""
    answered = [shown(file, ROOT / "results", lambda _: None) for file in FILES if "\nanswer:" in file.read_text()]
    assert answered
    for found in answered:
        assert found.there, f"{found.definition.name} has an answer and no record"
        refuse_strangers(found, page(found, "picture.svg"))
