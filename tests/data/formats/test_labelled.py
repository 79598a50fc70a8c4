import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from gnnneg.data.formats.files import read_statements
from gnnneg.data.layout import Labels
from gnnneg.errors import UserError

MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[4] / "shared" / "datasets")
ROWS = [
    ("a", "r", "b", "yes", "1", "x"),
    ("a", "r", "c", "no", "0.25", "y"),
    ("b", "r", "c", "?", "0", "y"),
    ("b", "s", "a", "never", "1e-1", "x"),
]
LABELS = Labels(("yes",), ("no", "never"), ("?",))


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_labels_confidence_and_source(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    names = ["s", "p", "o", "ok", "sure", "who"]
    if kind == "parquet":
        columns: dict[str, Any] = dict(zip(names, zip(*ROWS)))
        pa.parquet.write_table(pa.table(columns | {"sure": [float(x) for x in columns["sure"]]}), path)
    else:
        sign = "," if kind == "csv" else "\t"
        path.write_text("\n".join(sign.join(row) for row in [names, *ROWS]))
    options = {"columns": ["s", "p", "o"], "label": "ok", "confidence": "sure", "source": "who"}
    found = read_statements(path, **options, labels=LABELS)
    assert found.left_out == {"labelled unknown": 1}
    assert found.table.to_pydict() == {
        **{"head": ["a", "a", "b"], "relation": ["r", "r", "s"], "tail": ["b", "c", "a"]},
        **{"label": [True, False, False], "confidence": [1.0, 0.25, 0.1], "source": ["x", "y", "x"]},
    }
    plain = read_statements(path, columns=["s", "p", "o"])
    assert plain.table["label"].to_pylist() == [True] * 4
    assert plain.table.column_names == ["head", "relation", "tail", "label"]
    place = "a.parquet: row 3" if kind == "parquet" else f"a.{kind}:4"
    with pytest.raises(UserError, match=rf"{place}: the label '\?' is none of yes \(stated\); no, never"):
        read_statements(path, **options, labels=Labels(("yes",), ("no", "never")))


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "inf", "high", "1,0"])
def test_a_confidence_that_is_none(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.tsv").write_text(f"a\tr\tb\t0.5\na\tr\tc\t{value}\n")
    with pytest.raises(UserError, match=r"a.tsv:2: the confidence '.*' is no number from 0 to 1"):
        read_statements(tmp_path / "a.tsv", confidence="4")


def test_a_label_has_one_meaning() -> None:
    with pytest.raises(UserError, match="'no' has two meanings"):
        Labels(stated=("yes", "No"), unknown=("no",))


def test_a_source_may_be_empty_and_a_name_may_not(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tr\tb\t\na\tr\tc\tx\n")
    assert read_statements(tmp_path / "a.tsv", source="4").table["source"].to_pylist() == ["", "x"]
    with pytest.raises(UserError, match=r"a\.tsv:1: .* but the confidence is empty"):
        read_statements(tmp_path / "a.tsv", confidence="4")
    (tmp_path / "a.tsv").write_text("a\tr\tb\t\na\t\tc\tx\n")
    with pytest.raises(UserError, match=r"a\.tsv:2: .* but the relation is empty"):
        read_statements(tmp_path / "a.tsv", source="4")


def test_counts_and_delimiters(tmp_path: Path) -> None:
    """OpenKE's form: the number of lines, then head, tail, relation with blanks between."""
    (tmp_path / "a.txt").write_text("2\n0 1 0\n1 2 1\n")
    found = read_statements(tmp_path / "a.txt", columns=["1", "3", "2"], delimiter="blank", count_line=True)
    assert found.table.drop_columns(["label"]).to_pylist() == [
        {"head": "0", "relation": "0", "tail": "1"},
        {"head": "1", "relation": "1", "tail": "2"},
    ]
    (tmp_path / "a.txt").write_text("3\n0 1 0\n1 2 1\n")
    with pytest.raises(UserError, match="announces 3 lines, but 2 follow"):
        read_statements(tmp_path / "a.txt", columns=["1", "3", "2"], delimiter="blank", count_line=True)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"labels": LABELS}, "say which is the label"),
        ({"label": "3"}, "stands for two of head, relation, tail, label"),
        ({"delimiter": "dash"}, "Unknown delimiter 'dash'"),
        ({"confidence": "5"}, "has no column 5; its first line has 4 fields"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, options: dict[str, Any], wrong: str) -> None:
    (tmp_path / "a.tsv").write_text("a\tr\tb\t1\n")
    with pytest.raises(UserError, match=wrong):
        read_statements(tmp_path / "a.tsv", **options)


@pytest.mark.skipif(not (MIRROR / "InferWiki16k").is_dir(), reason=f"no mirror of the data sets at {MIRROR}")
@pytest.mark.parametrize(("split", "denied", "unknown"), [("valid", 1_738 + 172, 1_456), ("test", 1_707 + 161, 1_501)])
def test_real_third_value(split: str, denied: int, unknown: int) -> None:
    """InferWiki tells false (-1, or -1c after a check by hand) from unknown (0c)."""
    labels = Labels(denied=("-1", "-1c"), unknown=("0c",))
    found = read_statements(MIRROR / f"InferWiki16k/{split}_neg.txt", label="4", labels=labels)
    assert found.left_out == {"labelled unknown": unknown}
    assert found.table.num_rows == denied
    assert not pc.any(found.table["label"]).as_py()
