"""What an import counts, refuses and settles; and that nothing of a folder is lost in silence."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from gnnneg.data.catalogue import read_card
from gnnneg.data.check import check
from gnnneg.data.ingest import Report, ingest
from gnnneg.data.layout import Labels
from gnnneg.data.statements import triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

WHOLE: dict[str, Any] = {"valid": 0.0, "test": 0.0}
CIRCLE = [("a", "r", "b"), ("b", "r", "c"), ("c", "r", "d"), ("d", "r", "a")]


def write(path: Path, rows: list[tuple[str, ...]], sign: str = "\t") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(sign.join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def said(folder: Path, polarity: str = "stated", split: str | None = None) -> set[tuple[str, str, str]]:
    data = load(folder)
    names, relations = data["entity"].names, data.relation_names
    columns = (x.tolist() for x in triplets(data, polarity, split))
    return {(names[h], relations[r], names[t]) for h, r, t in zip(*columns)}


def test_a_folder_in_other_words(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.txt", CIRCLE)
    write(tmp_path / "f" / "val.txt", [("a", "r", "c")])
    write(tmp_path / "f" / "test.txt", [("b", "r", "d")])
    write(tmp_path / "f" / "test_negatives.txt", [("b", "r", "a", "-1")])
    write(tmp_path / "f" / "valid.denied", [("c", "r", "a")])
    (tmp_path / "f" / "README.md").write_text("")
    report = ingest(tmp_path / "f", tmp_path / "out")
    assert said(tmp_path / "out", split="valid") == {("a", "r", "c")}
    assert said(tmp_path / "out", "denied", "test") == {("b", "r", "a")}
    assert said(tmp_path / "out", "denied", "valid") == {("c", "r", "a")}
    assert report.left_out == {"file 'README.md': its name is that of no split": 1}
    assert report.notes == []
    assert {"file 'val.txt' as valid, stated", "file 'valid.denied' as valid, denied"} <= set(report.used)
    card = yaml.safe_load((tmp_path / "out" / "dataset.yaml").read_text())
    assert card["account"] == {"used": report.used, "left_out": report.left_out}
    assert read_card(tmp_path / "out" / "dataset.yaml").account["left_out"] == report.left_out


def test_a_denied_file_may_not_state(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.txt", CIRCLE)
    write(tmp_path / "f" / "test_negatives.txt", [("b", "r", "a", "-1"), ("b", "r", "d", "1")])
    with pytest.raises(UserError, match="all of its statements are denied, but its 4 states some"):
        ingest(tmp_path / "f", tmp_path / "out")


def test_labels_in_a_denied_file_are_read(tmp_path: Path) -> None:
    """InferWiki's negatives are false (-1, -1c) or unknown (0c)."""
    write(tmp_path / "f" / "train.txt", CIRCLE)
    write(tmp_path / "f" / "test_neg.txt", [("b", "r", "a", "-1"), ("b", "r", "d", "0c"), ("c", "r", "a", "-1c")])
    with pytest.raises(UserError, match=r"neg.txt:2: the label '0c' is none of"):
        ingest(tmp_path / "f", tmp_path / "out")
    labels = Labels(denied=("-1", "-1c"), unknown=("0c",))
    write(tmp_path / "f" / "train.txt", [(*row, "1") for row in CIRCLE])
    with pytest.raises(UserError, match="the label '1' is none of"):
        ingest(tmp_path / "f", tmp_path / "out", label="4", labels=labels)
    labels = Labels(("1",), labels.denied, labels.unknown)
    report = ingest(tmp_path / "f", tmp_path / "out", label="4", labels=labels)
    assert report.left_out == {"labelled unknown": 1}
    assert said(tmp_path / "out", "denied", "test") == {("b", "r", "a"), ("c", "r", "a")}


def test_a_folder_without_validation_is_told_of(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.txt", CIRCLE)
    (note,) = ingest(tmp_path / "f", tmp_path / "out").notes
    assert "no validation split" in note
    assert ingest(tmp_path / "f" / "train.txt", tmp_path / "file").notes == []


@pytest.mark.parametrize("name", ["not_treats", "NOT|treats", "NotTreats", "does not treat", "lacks_part"])
def test_relations_that_negate_are_told_of(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.tsv", [*CIRCLE, ("a", name, "c")])
    (note,) = ingest(path, tmp_path / "out", **WHOLE).notes
    assert f"1 relations seem to negate others, such as {name!r}" in note
    how = note.split("--negated '")[1].split("'")[0]
    assert ingest(path, tmp_path / "no", negated=how, **WHOLE).counts["denied_train"] == 1
    write(path, [*CIRCLE, ("a", "notes", "c"), ("a", "Nothing", "c"), ("a", "notable_for", "c")])
    assert ingest(path, tmp_path / "plain", **WHOLE).notes == []


def test_train_must_state_something(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.tsv", [("a", "r", "b", "-1")])
    write(tmp_path / "f" / "test.tsv", [("a", "r", "c", "1")])
    with pytest.raises(UserError, match=r"train of .* states nothing"):
        ingest(tmp_path / "f", tmp_path / "out", label="4")


def test_an_account_of_very_many_files_leaves_a_card_that_can_be_read(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.tsv", CIRCLE)
    for i in range(700):
        (tmp_path / "f" / f"{i}.dat").touch()
    report = ingest(tmp_path / "f", tmp_path / "out")
    assert len(report.left_out) == 700
    kept = read_card(tmp_path / "out" / "dataset.yaml").account["left_out"]
    assert kept["200 more entries"] == 200
    assert sum(kept.values()) == 700


@pytest.mark.parametrize("which", ["stated", "denied"])
def test_a_statement_in_two_splits(tmp_path: Path, which: str) -> None:
    end = "" if which == "stated" else "_denied"
    write(tmp_path / "f" / "train.tsv", CIRCLE)
    write(tmp_path / "f" / f"valid{end}.tsv", [("a", "r", "c"), *(CIRCLE[:1] if which == "stated" else [])])
    write(tmp_path / "f" / f"test{end}.tsv", [("a", "r", "c"), ("b", "r", "d")])
    number = 2 if which == "stated" else 1
    with pytest.raises(UserError, match=f"{number} statements are in two splits, such as .*--overlap drop, or .*keep"):
        ingest(tmp_path / "f", tmp_path / "out")
    assert ingest(tmp_path / "f", tmp_path / "drop", overlap="drop").overlap == number
    assert said(tmp_path / "drop", which, "valid") == {("a", "r", "c")}
    assert said(tmp_path / "drop", which, "test") == {("b", "r", "d")}
    assert ingest(tmp_path / "f", tmp_path / "keep", overlap="keep").overlap == number
    assert said(tmp_path / "keep", which, "test") == {("a", "r", "c"), ("b", "r", "d")}


def test_stated_in_one_split_and_denied_in_another(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.tsv", CIRCLE)
    write(tmp_path / "f" / "test_denied.tsv", [CIRCLE[0], ("a", "r", "c")])
    with pytest.raises(
        UserError, match=r"1 statements are both stated and denied, such as 'a' 'r' 'b': .*--wins stated"
    ):
        ingest(tmp_path / "f", tmp_path / "out")
    assert ingest(tmp_path / "f", tmp_path / "out", wins="stated").contradictions == 1
    assert said(tmp_path / "out", "denied") == {("a", "r", "c")}


def mirrored(report: Report) -> tuple[int, int]:
    return report.mirrored, report.asked


def test_mirrored_pairs(tmp_path: Path) -> None:
    """A symmetric relation as people write it: both ways."""
    rows = [(f"p{i}", "ppi", f"p{(i + j) % 30}") for i in range(30) for j in (1, 7)]
    path = write(tmp_path / "ppi.tsv", [*rows, *((t, r, h) for h, r, t in rows)])
    report = ingest(path, tmp_path / "together")
    assert (mirrored(report), report.counts["valid"], report.counts["test"]) == ((0, 24), 12, 12)
    assert check(load(tmp_path / "together")) == []
    report = ingest(path, tmp_path / "keep", mirrored="keep")
    found = check(load(tmp_path / "keep"))
    assert mirrored(report) == (len(found), 24)
    assert report.mirrored > 12
    assert {f.kind for f in found} == {"the other way round"}
    report = ingest(path, tmp_path / "drop", mirrored="drop")
    assert report.counts["valid"] + report.counts["test"] == 24 - report.mirrored
    assert check(load(tmp_path / "drop")) == []
    with pytest.raises(UserError, match="kept 'together', or 'drop' or 'keep' is said, not 'apart'"):
        ingest(path, tmp_path / "out", mirrored="apart")


def test_mirrored_pairs_of_given_splits(tmp_path: Path) -> None:
    write(tmp_path / "f" / "train.tsv", CIRCLE)
    write(tmp_path / "f" / "test.tsv", [("b", "s", "a"), ("a", "r", "c")])
    assert mirrored(ingest(tmp_path / "f", tmp_path / "out")) == (1, 2)
    assert len(said(tmp_path / "out", split="test")) == 2
    assert mirrored(ingest(tmp_path / "f", tmp_path / "drop", mirrored="drop")) == (1, 2)
    assert said(tmp_path / "drop", split="test") == {("a", "r", "c")}
    with pytest.raises(UserError, match="has splits of its own: mirrored pairs can be dropped or kept"):
        ingest(tmp_path / "f", tmp_path / "no", mirrored="together")


@pytest.mark.parametrize(
    ("one", "other"), [("Café", "Cafe\u0301"), ("b", "b "), ("b", "\u00a0b"), ("New York", "New  York")]
)
def test_one_thing_under_two_spellings(tmp_path: Path, one: str, other: str) -> None:
    """What one file states and another denies is a contradiction, whatever the spelling."""
    path = write(tmp_path / "yes.tsv", [("a", "r", one), ("c", "r", one)])
    no = write(tmp_path / "no.tsv", [("a", "r", other)])
    with pytest.raises(
        UserError, match=r"1 names of entity differ in blanks .*--tidy, or keep them apart with --no-tidy"
    ):
        ingest(path, tmp_path / "out", denied=no, **WHOLE)
    with pytest.raises(UserError, match="1 statements are both stated and denied"):
        ingest(path, tmp_path / "out", denied=no, tidy=True, **WHOLE)
    report = ingest(path, tmp_path / "tidy", denied=no, tidy=True, wins="denied", **WHOLE)
    assert (report.tidied, report.contradictions) == (1, 1)
    assert said(tmp_path / "tidy", "denied") == {("a", "r", one)}
    ingest(path, tmp_path / "apart", denied=no, tidy=False, **WHOLE)
    assert said(tmp_path / "apart", "denied") == {("a", "r", other)}


def test_blanks_after_commas(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [("head", " relation", " tail"), ("a", " r", " b"), ("c", " r", " d")], ",")
    assert ingest(path, tmp_path / "out", **WHOLE).tidied == 3
    assert said(tmp_path / "out") == {("a", "r", "b"), ("c", "r", "d")}
    assert ingest(path, tmp_path / "kept", tidy=False, **WHOLE).tidied == 0
    assert said(tmp_path / "kept") == {("a", " r", " b"), ("c", " r", " d")}
    write(path, [("head", "relation", "tail"), ("a", "r", " ")], ",")
    with pytest.raises(UserError, match="a name that is only blanks"):
        ingest(path, tmp_path / "none", **WHOLE)


def test_questions_that_another_split_answers_are_not_closed(tmp_path: Path) -> None:
    def item(name: str, claims: dict[str, list[Any]]) -> dict[str, Any]:
        return {"type": "item", "id": name, "claims": claims}

    def claim(prop: str, value: str | None) -> dict[str, Any]:
        snak: dict[str, Any] = {"snaktype": "novalue", "property": prop}
        if value is not None:
            kind = {"value": {"entity-type": "item", "id": value}, "type": "wikibase-entityid"}
            snak = {"snaktype": "value", "property": prop, "datavalue": kind, "datatype": "wikibase-item"}
        return {"mainsnak": snak, "type": "statement", "rank": "normal"}

    (tmp_path / "f").mkdir()
    train = [
        item("Q1", {"P1": [claim("P1", None)], "P2": [claim("P2", "Q9")]}),
        item("Q3", {"P1": [claim("P1", None)]}),
    ]
    for name, items in (("train", train), ("test", [item("Q1", {"P1": [claim("P1", "Q2")]})])):
        (tmp_path / "f" / f"{name}.json").write_text("[\n" + ",\n".join(map(json.dumps, items)) + "\n]\n")
    report = ingest(tmp_path / "f", tmp_path / "out")
    assert report.closed == 1
    assert pa.parquet.read_table(tmp_path / "out" / "closed.parquet").to_pylist() == [{"head": "Q3", "relation": "P1"}]
    assert report.left_out["'no answer' where there is one"] == 1


def test_a_denied_file_may_close_no_question(tmp_path: Path) -> None:
    """That it has no answer is denied there: it would have one."""
    write(tmp_path / "yes.tsv", CIRCLE)
    snak = {"snaktype": "novalue", "property": "r"}
    kind = {"value": {"entity-type": "item", "id": "c"}, "type": "wikibase-entityid"}
    some = {"snaktype": "value", "property": "r", "datavalue": kind, "datatype": "wikibase-item"}
    claims = [{"mainsnak": one, "type": "statement", "rank": "normal"} for one in (snak, some)]
    (tmp_path / "no.json").write_text(
        json.dumps({"type": "item", "id": "a", "claims": {"s": claims[:1], "r": claims[1:]}})
    )
    with pytest.raises(UserError, match="so none of them may be negated"):
        ingest(tmp_path / "yes.tsv", tmp_path / "out", denied=tmp_path / "no.json", **WHOLE)


def test_where_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tsv", CIRCLE)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ingest(path, ".", **WHOLE)
    assert sorted(os.listdir()) == ["dataset.yaml", "train.parquet"]
    assert sorted(os.listdir(tmp_path)) == ["a.tsv", "here"]
    assert read_card(tmp_path / "here" / "dataset.yaml").name == "here"
    with pytest.raises(UserError, match="UMLS is the name of a data set of gnnneg's own"):
        ingest(path, "UMLS", **WHOLE)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"seed": -1}, "A seed is a whole number from 0"),
        ({"seed": 1 << 70}, "A seed is a whole number from 0"),
        ({"valid": float("nan")}, "Shares valid nan"),
        ({"test": float("inf")}, "Shares valid 0.1 and test inf"),
        ({"overlap": "test"}, "overlap is 'drop' or 'keep', not 'test'"),
    ],
)
def test_options_out_of_range(tmp_path: Path, options: dict[str, Any], wrong: str) -> None:
    path = write(tmp_path / "a.tsv", CIRCLE)
    with pytest.raises(UserError, match=wrong):
        ingest(path, tmp_path / "out", **options)
    assert os.listdir(tmp_path) == ["a.tsv"]


def test_figures_of_the_import_are_those_of_the_data(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tsv",
        [
            *CIRCLE,
            (
                "d",
                "r",
                "c",
            ),
        ],
    )
    report = ingest(path, tmp_path / "out", **WHOLE)
    assert report.used["statements"] == len(said(tmp_path / "out")) == 5


def test_blank_nodes_of_two_files_in_two_syntaxes_are_two_and_say_the_same(tmp_path: Path) -> None:
    """Case 14: ``_:b0`` of test is nobody whom train knows, whatever the ending of the files."""
    iri = "<http://e/{}>".format
    train = [(iri("a"), iri("has"), "_:b0 ."), ("_:b0", iri("kind"), iri("k1") + " .")]
    train += [(iri("c"), iri("has"), iri("a") + " ."), (iri("c"), iri("kind"), iri("k1") + " .")]
    test = [(iri("c"), iri("has"), "_:b0 ."), (iri("a"), iri("kind"), iri("k1") + " .")]
    found = []
    for ending in ("nt", "ttl"):
        write(tmp_path / ending / f"train.{ending}", train, " ")
        write(tmp_path / ending / f"test.{ending}", test, " ")
        report = ingest(tmp_path / ending, tmp_path / f"out_{ending}")
        assert report.left_out["blank nodes"] == 3
        found.append([said(tmp_path / f"out_{ending}", split=split) for split in ("train", "test")])
    assert found[0] == found[1]
    assert [len(part) for part in found[0]] == [2, 1]
