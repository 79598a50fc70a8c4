"""Tables and folders as strangers have them: two columns of polarity, labels in some files only, lost columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.data.ingest import ingest
from gnnneg.data.statements import triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

FOUR = ["subject", "predicate", "object"]


def written(path: Path, *rows: tuple[str, ...], sign: str = "\t") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(sign.join(row) + "\n" for row in rows))
    return path


def said(folder: Path) -> dict[str, list[tuple[str, str, int]]]:
    """Head, tail and split of each statement, by polarity."""
    data = load(folder)
    names = data["entity"].names
    return {
        polarity: [
            (names[h], names[t], s)
            for h, t, s in zip(
                triplets(data, polarity).head_index.tolist(),
                triplets(data, polarity).tail_index.tolist(),
                data["entity", polarity, "entity"].split.tolist(),
            )
        ]
        for polarity in ("stated", "denied")
    }


@pytest.mark.parametrize(
    ("name", "values"), [("negated", ("False", "True")), ("truth", ("1", "-1")), ("is_true", ("yes", "no"))]
)
def test_a_second_column_of_polarity_is_not_lost_beside_the_label(
    tmp_path: Path, name: str, values: tuple[str, str]
) -> None:
    head = (*FOUR, "label", name)
    path = written(tmp_path / "e.tsv", head, ("a", "r", "b", "1", values[0]), ("a", "r", "c", "1", values[1]))
    asked: dict[str, Any] = {"columns": FOUR, "label": "label"}
    with pytest.raises(UserError, match=f"as if it too said .* the label is column 4: .* say --ignore {name}"):
        read_statements(path, **asked)
    assert read_statements(path, **asked, ignore=[name]).table["label"].to_pylist() == [True, True]


def test_beside_a_label_yes_and_no_may_be_of_something_else(tmp_path: Path) -> None:
    head = (*FOUR, "negated", "reviewed")
    path = written(tmp_path / "e.tsv", head, ("a", "r", "b", "False", "yes"), ("a", "r", "c", "True", "no"))
    found = read_statements(path, columns=FOUR, label="negated")
    assert found.table["label"].to_pylist() == [True, False]
    assert found.left_out == {"column 5 (reviewed): no option names it": 2}


def test_no_term_was_found_on_either_side(tmp_path: Path) -> None:
    rows = [("A:1", "skos:exactMatch", "B:1"), ("sssom:NoTermFound", "skos:exactMatch", "B:2")]
    path = written(tmp_path / "m.sssom.tsv", ("subject_id", "predicate_id", "object_id"), *rows)
    found = read_statements(path, columns=["subject_id", "predicate_id", "object_id"])
    assert found.table["head"].to_pylist() == ["A:1"]
    assert found.left_out == {"statements that nothing was found: their head or tail is sssom:NoTermFound": 1}


def test_labels_in_valid_and_test_alone(tmp_path: Path) -> None:
    """WN11 and FB13 as Socher et al. gave them: three columns of what is true in train, four in dev and test."""
    folder = tmp_path / "wn11"
    written(folder / "train.txt", ("a", "r", "b"), ("b", "r", "c"), ("c", "r", "a"))
    written(folder / "dev.txt", ("a", "r", "c", "1"), ("b", "r", "a", "-1"))
    written(folder / "test.txt", ("c", "r", "b", "1"), ("a", "r", "a", "-1"))
    report = ingest(folder, tmp_path / "out", label="4")
    assert said(tmp_path / "out") == {
        "stated": [("a", "b", 0), ("b", "c", 0), ("c", "a", 0), ("a", "c", 1), ("c", "b", 2)],
        "denied": [("b", "a", 1), ("a", "a", 2)],
    }
    assert report.used["file 'train.txt' without a column of labels, all stated"] == 3
    (folder / "dev.txt").unlink()
    (folder / "test.txt").unlink()
    with pytest.raises(UserError, match=r"train\.txt has no column 4"):
        ingest(folder, tmp_path / "no", label="4")


@pytest.mark.parametrize("end", ["denied", "file"])
def test_a_file_of_denials_whose_labels_state(tmp_path: Path, end: str) -> None:
    """A 1 that means "negative" there is none of the labels of the other file."""
    folder = tmp_path / "d"
    rows = [("a", "r", "c", "1"), ("b", "r", "a", "1")]
    train = written(folder / "train.txt", ("a", "r", "b", "1"), ("b", "r", "c", "1"), ("c", "r", "a", "1"))
    if end == "file":
        path, more = folder, {}
        written(folder / "test_negatives.txt", *rows)
    else:
        path, more = train, {"denied": written(tmp_path / "no.txt", *rows), "valid": 0.0, "test": 0.0}
    with pytest.raises(UserError, match="all of its statements are denied, but its column 4, which is the label, st"):
        ingest(path, tmp_path / "out", label="4", **more)


def test_the_source_of_denials_may_stand_where_labels_do(tmp_path: Path) -> None:
    train = written(tmp_path / "t.txt", ("a", "r", "b", "1"), ("b", "r", "c", "1"))
    no = written(tmp_path / "no.txt", ("a", "r", "c", "PMID:1"))
    ingest(train, tmp_path / "out", label="4", denied=no, valid=0.0, test=0.0)
    assert said(tmp_path / "out")["denied"] == [("a", "c", 0)]


def test_json_is_still_a_table(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps({"head": "a", "relation": "r", "tail": x}) + "\n" for x in "bc"))
    assert read_statements(path).table["tail"].to_pylist() == ["b", "c"]
