"""A run knows what it was trained on, and tells when it is something else by now."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from experiment.helpers import TINY, everything, log, ring, trained

from gnnneg import Run, UserError
from gnnneg.cli import main
from gnnneg.data.statements import PAIR
from gnnneg.experiment import fingerprint as fingerprints
from gnnneg.experiment import resume
from gnnneg.experiment.fingerprint import _sorted, difference, fingerprint, names_of, order_of

OLD = Path(__file__).parent / "old"


def shuffled(data):
    """The same statements in another order."""
    for polarity in ("stated", "denied"):
        store = data["entity", polarity, "entity"]
        order = torch.randperm(store.edge_type.numel())
        for key, value in store.items():
            store[key] = value[:, order] if key == "edge_index" else value[order]
    return data


def test_the_same_statements_in_another_order_are_the_same():
    one, other = ring(), shuffled(ring())
    assert difference(fingerprint(one), fingerprint(other)) is None
    assert fingerprint(one)["order"] != fingerprint(other)["order"]
    for data in (one, other):  # alone, it takes no sort
        assert order_of(data) == fingerprint(data)["order"]


NAMED = [[], [""], ["a"], ["a", "b c", "~"], ['a"b', "x"], ["a\\b"], ["tab\t"], ["\x7f"], ["ü"], ["x", "", "日本", "y"]]


@pytest.mark.parametrize("names", [*NAMED, [f"n{i}" for i in range(10)], [*"abcdef", "é", *"ghijk"]])
@pytest.mark.parametrize("at_once", [1, 3, 1 << 16])
def test_names_count_as_their_list_in_json(names, at_once, monkeypatch):
    monkeypatch.setattr(fingerprints, "AT_ONCE", at_once)
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    assert names_of(names, [])["entities"] == {"count": len(names), "digest": digest}


def moved_to_train(data):
    data["entity", "stated", "entity"].split[9] = 0


def turned(data):
    data["entity", "stated", "entity"].edge_index[:, 9] = data["entity", "stated", "entity"].edge_index[:, 9].flip(0)


def another_relation(data):
    data["entity", "denied", "entity"].edge_type[4] = 1


def surer(data):
    data["entity", "stated", "entity"].confidence = torch.full((40,), 0.5)


def typed(data):
    data["entity"].type = torch.ones(20, 1, dtype=torch.bool)


def chosen(data):
    data["entity"].candidate_tails = torch.tensor([1, 2])


def featured(data):
    data["entity"].x = torch.rand(20, 3)


def paired(data):
    data[PAIR].edge_label_index, data[PAIR].edge_label = torch.tensor([[0], [1]]), torch.tensor([1])


def renamed(data):
    names = data["entity"].names
    data["entity"].names = [*names[:3], "somebody", *names[4:]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (moved_to_train, "stated train: 32 then, 33 now; stated test: 4 then, 3 now"),
        (turned, "stated test: 4 as before, but others"),
        (another_relation, "denied test: 2 as before, but others"),
        (
            surer,
            "stated train: 32 as before, but others; stated valid: 4 as before, but others; "
            "stated test: 4 as before, but others",
        ),
        (typed, "types: none then, 20 now"),
        (chosen, "candidate tails: none then, 2 now"),
        (featured, "features: none then, 20 now"),
        (paired, "labelled pairs: none then, 1 now"),
        (renamed, "entities: 20 as before, but others"),
    ],
)
def test_every_change_is_told(change, told):
    data = ring()
    before = fingerprint(data)
    change(data)
    assert difference(before, fingerprint(data)) == told
    assert difference(fingerprint(data), fingerprint(data)) is None


def test_pairs_and_types_are_told_apart_by_what_they_say():
    data, before = ring(), None
    for label in (0, 1):
        data["entity"].type = torch.eye(20, 2, dtype=torch.bool).roll(label, 1)
        data[PAIR].edge_label_index, data[PAIR].edge_label = torch.tensor([[0], [1]]), torch.tensor([label])
        now = fingerprint(data)
        assert (
            before is None
            or difference(before, now) == "types: 20 as before, but others; labelled pairs: 1 as before, but others"
        )
        before = now


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A run on imported data, as in the fifth of the cases."""
    home = tmp_path_factory.mktemp("built")
    for version, test in (("v1", "d\tr1\tb\n"), ("v2", "c\tr2\tb\n")):
        (home / version).mkdir()
        (home / version / "train.tsv").write_text("a\tr1\tb\nb\tr2\tc\nc\tr1\td\nd\tr2\ta\na\tr2\tc\nb\tr1\td\n")
        (home / version / "valid.tsv").write_text("a\tr1\td\n")
        (home / version / "test.tsv").write_text(test)
    (home / "small.yaml").write_text(TINY % (home / "g"))
    assert main(["data", "import", str(home / "v1"), "--out", str(home / "g")]) == 0
    assert main(["train", str(home / "small.yaml"), "--out", str(home / "run"), "--quiet"]) == 0
    return home


def leaked(home):
    (home / "v2" / "train.tsv").write_text((home / "v1" / "train.tsv").read_text() + "d\tr1\tb\n")
    return [home / "v2"]


def denying(home):
    (home / "v1" / "train_denied.tsv").write_text("d\tr1\tc\n")
    return [home / "v1"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda home: [home / "v2"], "stated test: 1 as before, but others"),
        (leaked, "stated train: 6 then, 7 now"),
        (denying, "denied train: 0 then, 1 now"),
    ],
    ids=["other", "leak", "denied"],
)
@pytest.mark.parametrize("finished", [True, False])
def test_data_made_anew_are_told_by_every_verb(built, tmp_path, capsys, changed, told, finished):
    home = tmp_path / "copy"
    shutil.copytree(built, home)
    shutil.rmtree(home / "run")
    (home / "small.yaml").write_text(TINY % (home / "g"))
    assert main(["train", str(home / "small.yaml"), "--out", str(home / "run"), "--quiet"]) == 0
    if not finished:
        (home / "run" / "result.json").unlink()
    shutil.rmtree(home / "g")
    words = [str(word) for word in changed(home)]
    assert main(["data", "import", *words, "--out", str(home / "g")]) == 0
    before = everything(home / "run")
    triple = ["--head", "a", "--relation", "r1"]
    asked = [["evaluate"], ["predict", *triple], ["predict", *triple, "--tail", "b"], ["negatives"], ["resume"]]
    for verb, *rest in asked:
        capsys.readouterr()
        assert main([verb, str(home / "run"), *rest]) == 2
        said = capsys.readouterr().err
        assert f"g has changed since {home / 'run'} was trained on it (" in said
        assert told in said
        assert said.count("\n") == 1
    assert everything(home / "run") == before


def test_statements_in_another_order_are_taken_but_for_going_on(tmp_path):
    """Going on draws by place, so it is told there."""
    run = tmp_path / "run"
    trained(ring(), run)
    kept = json.loads((run / "data.json").read_text())
    kept["graphs"][0]["order"] = "0" * 16
    (run / "data.json").write_text(json.dumps(kept))
    assert Run.load(run).evaluate()["mrr"] > 0
    (run / "result.json").unlink()
    with pytest.warns(UserWarning, match="are in another order than before"):
        resume(run, progress=False)


def test_a_run_that_lost_its_fingerprint_is_not_asked_about_data(tmp_path):
    """Only runs of versions that kept none are known by their names alone."""
    run = tmp_path / "run"
    trained(ring(), run)
    (run / "data.json").unlink()
    with pytest.raises(UserError, match=r"data\.json is missing, .*: copy the run again"):
        Run.load(run).evaluate()
    began = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({key: value for key, value in began.items() if key != "config"}))
    assert Run.load(run).evaluate()["mrr"] > 0


def test_a_run_whose_own_statements_were_changed_is_told(tmp_path):
    trained(ring(), tmp_path / "a")
    data = ring()
    turned(data)
    trained(data, tmp_path / "b")
    shutil.copy(tmp_path / "b" / "statements.parquet", tmp_path / "a" / "statements.parquet")
    with pytest.raises(
        UserError, match=r"statements.parquet has changed since .* \(stated test: 4 as before, but others\)"
    ):
        Run.load(tmp_path / "a").evaluate()
    (tmp_path / "b" / "data.json").write_text('{"format": 1, "graphs": []}')
    with pytest.raises(UserError, match=r"data\.json is damaged"):
        Run.load(tmp_path / "b").evaluate()


@pytest.mark.filterwarnings("ignore:.* was validated at its end")  # which is so, after two of five epochs
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # options that have another name now
@pytest.mark.parametrize("kind", ["config", "own"])
def test_a_run_of_before_is_read_and_gone_on_with(kind, tmp_path):
    """Written by version 0 of the format, before there were fingerprints, locks and attributes."""
    shutil.copytree(OLD / kind, tmp_path / "run")
    run = Run.load(tmp_path / "run", "cpu")
    kept = json.loads((OLD / kind / "result.json").read_text())["metrics"]["test"]
    assert run.evaluate()["mrr"] == pytest.approx(kept["mrr"], rel=1e-4)
    name = run.data["entity"].names[0]
    assert len(run.predict(head=name, relation=run.data.relation_names[0], k=3)) == 3
    assert run.explain(name, run.data.relation_names[0], run.data["entity"].names[1])[0]["tail_rank"][0] >= 1
    assert run.negatives()["drawn"] > 0
    before = everything(tmp_path / "run")
    assert resume(tmp_path / "run", progress=False).metrics["test"] == kept | run.metrics["test"]
    assert everything(tmp_path / "run") == before
    text = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(text.replace("epochs: 2", "epochs: 4"))
    resume(tmp_path / "run", progress=False)
    assert [line["epoch"] for line in log(tmp_path / "run") if "loss" in line] == [1, 2, 3, 4]


@pytest.mark.parametrize("confident", [False, True])
@pytest.mark.parametrize("far", [1, 1 << 40])
def test_rows_are_sorted_as_by_all_their_columns(confident, far):
    """Numbers so large that three of them are none together are sorted column by column."""
    draw = np.random.default_rng(0)
    rows = [draw.integers(0, high, 500) * wide for high, wide in ((9, far), (3, 1), (7, far))]
    last = draw.random(500).round(1).astype(np.float32) if confident else None
    every = [*rows, *([last] if confident else [])]
    order = np.lexsort(every[::-1])
    for mine, theirs in zip(_sorted(rows, last), every, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs[order])
    assert [row.size for row in _sorted([row[:0] for row in rows], None)] == [0, 0, 0]
