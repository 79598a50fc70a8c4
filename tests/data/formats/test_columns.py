"""Positions are positions, names are names, and what looks otherwise is asked about."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from gnnneg.data.formats import columns as looks
from gnnneg.data.formats.files import read_statements
from gnnneg.data.layout import LABELS, Labels
from gnnneg.errors import UserError

THREE = [("aspirin", "treats", "pain"), ("codeine", "treats", "cough"), ("codeine", "treats", "pain")]


def table(path: Path, rows: list[tuple[object, ...]], sign: str = "\t") -> Path:
    if path.suffix == ".parquet":
        names, *body = rows
        pa.parquet.write_table(pa.table(dict(zip(map(str, names), map(list, zip(*body))))), path)
    else:
        path.write_text("".join(sign.join(map(str, row)) + "\n" for row in rows))
    return path


def rows(path: Path, **options: Any) -> list[tuple[object, ...]]:
    found = read_statements(path, **options).table
    return list(zip(*(found[c].to_pylist() for c in ("head", "relation", "tail", "label"))))


def stated(some: list[tuple[str, str, str]]) -> list[tuple[object, ...]]:
    return [(*row, True) for row in some]


@pytest.mark.parametrize("file", ["a.csv", "a.tsv", "a.parquet"])
def test_digits_are_positions_whatever_the_header_says(tmp_path: Path, file: str) -> None:
    """A data frame calls its columns 0, 1, 2: column 1 is the first."""
    path = table(
        tmp_path / file, [("0", "1", "2", "3"), *((*row, "x") for row in THREE)], "," if file[2] == "c" else "\t"
    )
    given = {} if file == "a.parquet" else {"header": True}
    assert rows(path, columns=["1", "2", "3"], **given) == stated(THREE)
    assert read_statements(path, columns=["1", "2", "3"], source="4", **given).table["source"].to_pylist() == ["x"] * 3
    with pytest.raises(UserError, match="has no column 5; its first line has 4 fields"):
        read_statements(path, columns=["1", "2", "3"], source="5", **given)


@pytest.mark.parametrize(
    "names",
    [
        "source metaedge target",
        "head relation tail",
        "Subject Predicate Object",
        "subject_id predicate_id object_id",
        "h r t",
        "s p o",
        "node1 edge node2",
        "entity_1 rel entity_2",
        ":START_ID :TYPE :END_ID",
        "#src interaction dst",
        "sourceId relationship targetId",
        "0 1 2",
        "1 2 3",
    ],
)
def test_a_header_is_no_statement(tmp_path: Path, names: str) -> None:
    path = table(tmp_path / "a.tsv", [tuple(names.split()), *THREE])
    with pytest.raises(UserError, match=r"the first line, .* looks like names of columns: .* --no-header"):
        read_statements(path)
    assert rows(path, header=True) == stated(THREE)
    assert rows(path, header=False)[1:] == stated(THREE)
    report = read_statements(path, header=True).left_out.as_dict()
    assert any(what.startswith("the first line as names of columns") for what in report["used"])


@pytest.mark.parametrize("first", ["aspirin treats pain", "type type type2", "r r t", "source cites target", "0 0 1"])
def test_a_statement_is_no_header(tmp_path: Path, first: str) -> None:
    """Also one that has a word of headers in it, if its relation is that of others."""
    line = tuple(first.split())
    path = table(tmp_path / "a.tsv", [line, ("x", line[1], "y"), ("y", line[1], "x")])
    assert len(rows(path)) == 3


def test_a_statement_that_is_taken_for_a_header_is_noticed(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", list(THREE), ",")
    with pytest.raises(
        UserError, match=r"aspirin, treats, pain, looks like a statement, since .* 'treats': leave --header"
    ):
        read_statements(path, columns=["1", "2", "3"], header=True)
    assert rows(path, columns=["1", "2", "3"]) == stated(THREE)
    with pytest.raises(
        UserError, match=r"no column 'head'; it has aspirin, treats, pain: .*--columns 1,2,3 --no-header"
    ):
        read_statements(path)
    assert rows(path, columns=["1", "2", "3"], header=False) == stated(THREE)


def test_a_header_in_another_order_is_asked_about(tmp_path: Path) -> None:
    """The first three columns are no head, relation and tail there."""
    body = [("e1", "D:1", "has", "P:1"), ("e2", "D:2", "has", "P:1")]
    path = table(tmp_path / "a.tsv", [("id", "subject", "predicate", "object"), *body])
    for options in ({}, {"header": True}):
        with pytest.raises(UserError, match="--columns subject,predicate,object"):
            read_statements(path, **options)
    assert rows(path, columns=["subject", "predicate", "object"]) == [(*row[1:], True) for row in body]
    table(tmp_path / "a.tsv", [("id", "tail", "relation", "head"), *body])
    assert rows(path, header=True)[0] == ("P:1", "has", "D:1", True)


def test_names_are_found_whatever_their_blanks_and_capitals(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Head, relation ,\u00a0tail\na,r,b\n")
    assert rows(path) == [("a", "r", "b", True)]
    path.write_text("head,relation,tail,tail\na,r,b,c\n")
    with pytest.raises(UserError, match="has 2 columns 'tail'"):
        read_statements(path)
    path.write_text("head,rel\u200bation,tail\na,r,b\n")  # a space without width
    assert rows(path) == [("a", "r", "b", True)]
    path.write_text("head,rel\u200cation,tail\na,r,b\n")  # letters that are not to be joined
    with pytest.raises(UserError, match=r"it has head, 'rel\\u200cation', tail"):
        read_statements(path)


def test_numbers_of_lines_are_noticed(tmp_path: Path) -> None:
    for start, step in ((0, 1), (1, 1), (5, 3)):
        path = table(tmp_path / "a.tsv", [(start + step * i, *row) for i, row in enumerate(THREE)])
        with pytest.raises(UserError, match=r"first of its 4 columns seems to number the lines: .*--columns 2,3,4"):
            read_statements(path)
        assert rows(path, columns=["2", "3", "4"]) == stated(THREE)
        assert read_statements(path, columns=["2", "3", "4"]).left_out == {"column 1: no option names it": 3}
    path = table(tmp_path / "a.tsv", [("0", "0", "1", "x"), ("0", "1", "2", "x"), ("2", "0", "1", "x")])
    assert len(rows(path)) == 3, "ids of heads are not in order"
    table(path, [(str(i), *row[1:]) for i, row in enumerate(THREE)])
    assert len(rows(path)) == 3, "of three columns none is to spare"


def test_every_column_is_accounted_for(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        [("", "head", "relation", "tail", "score", "who"), *((i, *row, 0.5, "x") for i, row in enumerate(THREE))],
        ",",
    )
    account = read_statements(path, source="who", ignore=["score"]).left_out
    assert account == {"column 1: no option names it": 3, "column 5 (score): as --ignore says": 3}
    assert account.taken == {
        "the first line as names of columns: '', head, relation, tail, score, who": 1,
        **{"column 2 (head) as head": 3, "column 3 (relation) as relation": 3, "column 4 (tail) as tail": 3},
        **{"column 6 (who) as source": 3, "statements": 3},
    }
    with pytest.raises(UserError, match=r"column 6 \(who\) is the source, so it cannot be ignored"):
        read_statements(path, source="who", ignore=["who"])


@pytest.mark.parametrize(
    "labels",
    [
        ("1", "-1", "1"),
        ("1", "0", "0"),
        ("True", "False", "True"),
        ("1.0", "-1.0", "1.0"),
        ("-1",) * 3,
        ("", "True", ""),
    ],
)
def test_a_last_column_of_labels_is_not_ignored(tmp_path: Path, labels: tuple[str, ...]) -> None:
    path = table(tmp_path / "a.tsv", [(*row, x) for row, x in zip(THREE, labels)])
    with pytest.raises(
        UserError, match=r"column 4 holds .*: if it does, say --label 4, and if it does not, --ignore 4"
    ):
        read_statements(path)
    with pytest.raises(UserError, match="--label 4"):
        read_statements(path, columns=["1", "2", "3"])
    assert rows(path, ignore=["4"]) == stated(THREE)
    if "" not in labels:
        assert [row[3] for row in rows(path, label="4")] == [x.lower() in ("1", "1.0", "true") for x in labels]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("negated", ("", "True", "")),
        ("negated", (None, True, None)),
        ("is_negative", (False, True, False)),
        ("isNot", ("no", "yes", "no")),
        ("Denied", (0, 1, 0)),
        ("predicate_modifier", ("", "Not", "")),
        ("qualifier", ("", "NOT", "")),
        ("what", ("", "not", "")),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_denials_is_read_the_right_way_round_or_asked_about(
    tmp_path: Path, kind: str, name: str, values: tuple[object, ...]
) -> None:
    """The second of three is denied, whatever the column is called and whether it is text, numbers or truth values."""
    body = [(*row[:2], x, row[2], "z") for row, x in zip(THREE, values)]
    if kind == "csv":
        body = [tuple("" if x is None else x for x in row) for row in body]
    path = table(tmp_path / f"a.{kind}", [("head", "relation", name, "tail", "more"), *body], ",")
    with pytest.raises(UserError, match=f"--label {name}, and if it does not, --ignore {name}"):
        read_statements(path)
    expected = [(*row, i != 1) for i, row in enumerate(THREE)]
    assert rows(path, label=name) == expected
    assert rows(path, label="3", columns=["1", "2", "4"], **({"header": True} if kind == "csv" else {})) == expected


def test_labels_that_turn_a_negation_are_refused(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        [("head", "relation", "tail", "negated"), *((*row, x) for row, x in zip(THREE, ("False", "True", "False")))],
        ",",
    )
    for wrong in (
        Labels(("True",), ("False",)),
        Labels(("true", ""), ("0",)),
        Labels(denied=("False",), unknown=("True",)),
    ):
        with pytest.raises(UserError, match=r"'negated' is a negation, .* the opposite: exchange"):
            read_statements(path, label="negated", labels=wrong)
    assert [row[3] for row in rows(path, label="negated", labels=Labels(("False",), ("True",)))] == [True, False, True]
    assert [row[3] for row in rows(path, label="negated", labels=Labels(("False",), (), ("True",)))] == [True, True]


def test_an_empty_label_is_a_label(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", [(*row, x) for row, x in zip(THREE, ("yes", "", "no"))])
    assert [r[3] for r in rows(path, label="4", labels=Labels(("yes", ""), ("no",)))] == [True, True, False]
    found = read_statements(path, label="4", labels=Labels(("yes",), ("no",), ("",)))
    assert found.left_out == {"labelled unknown": 1}
    with pytest.raises(UserError, match=r"a.tsv:2: the label is empty, to which --labels stated= or --labels denied="):
        read_statements(path, label="4", labels=Labels(("yes",), ("no",)))
    with pytest.raises(UserError, match="every line is labelled unknown"):
        read_statements(path, label="4", labels=Labels((), (), ("yes", "no", "")))


def test_columns_of_innocent_values_are_left_alone(tmp_path: Path) -> None:
    """A constant 1, a score, a word: nothing is denied there."""
    for values in (("1", "1", "1"), ("0.5", "1", "0"), ("a", "b", "a"), ("", "", "")):
        path = table(tmp_path / "a.tsv", [(*row, x) for row, x in zip(THREE, values)])
        assert rows(path) == stated(THREE)
    path = table(
        tmp_path / "a.csv",
        [("head", "relation", "inferred", "tail"), *((*r[:2], x, r[2]) for r, x in zip(THREE, "101"))],
        ",",
    )
    assert rows(path) == stated(THREE)


def test_comments_before_a_table_are_counted(tmp_path: Path) -> None:
    """SSSOM has its metadata there."""
    path = tmp_path / "a.tsv"
    text = "#curie_map:\n#  a: http://a/\nsubject_id\tpredicate_id\tpredicate_modifier\tobject_id\n"
    path.write_text(text + "a:1\tr\t\tb:1\na:2\tr\tNot\tb:2\n")
    options = {"columns": ["subject_id", "predicate_id", "object_id"], "label": "predicate_modifier"}
    assert rows(path, **options) == [("a:1", "r", "b:1", True), ("a:2", "r", "b:2", False)]
    assert read_statements(path, **options).left_out == {"comment lines before the table (#)": 2}
    path.write_text("#head\trelation\ttail\na\tr\tb\n")
    assert rows(path, columns=["head", "relation", "tail"]) == [("a", "r", "b", True)]
    path.write_text("\n# note\n\na\tr\tb\n\nx\tr\ty\n")
    assert rows(path) == [("a", "r", "b", True), ("x", "r", "y", True)]
    path.write_text("\n# note\n\na\tr\tb\n\nx\t\ty\n")
    with pytest.raises(UserError, match=r"a\.tsv:6: .* but the relation is empty"):
        read_statements(path)
    path.write_text("\n2\na\tr\tb\nx\tr\ty\n")
    assert len(rows(path, count_line=True)) == 2
    path.write_text("# note\n1\na\tr\tb\n")
    with pytest.raises(UserError, match="stand where the number of lines should"):
        rows(path, count_line=True)


@pytest.mark.parametrize(
    ("file", "content", "advice"),
    [
        ("a.txt", "a r b\n", "--delimiter blank"),
        ("a.tsv", "a,r,b\n", "--delimiter comma"),
        ("a.csv", "a;r;b\n", "--delimiter semicolon"),
        ("a.txt", "<http://a> <http://r> <http://b> .\n", "--format ntriples"),
        ("a.txt", "!gaf-version: 2.2\nX\tY\n", "--format gaf"),
        ("a.txt", "@prefix : <http://a> .\n", "--format rdf"),
        ("a.txt", "format-version: 1.2\n", "--format obo"),
    ],
)
def test_another_format_is_told_of(tmp_path: Path, file: str, content: str, advice: str) -> None:
    """Where the user says that it is a table; without a word it is read as what it begins as."""
    (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=advice):
        read_statements(tmp_path / file, "csv" if file == "a.csv" else "tsv")


def test_parquet_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parts = {
        "head": pa.array(["a", "b"]).dictionary_encode(),
        "relation": pa.array([1, 2]),
        "tail": pa.array(["b", "a"]),
    }
    pa.parquet.write_table(pa.table(parts | {"vector": pa.array([[1.0], [2.0]])}), path)
    assert rows(path) == [("a", "1", "b", True), ("b", "2", "a", True)]
    for column, wrong, said in (
        ("tail", pa.array([["b"], ["a"]]), r"column 3 \(tail\), which should be the tail, holds lists or objects"),
        ("tail", pa.array([b"b", b"a"]), "column 'tail' holds binary"),
        ("tail", pa.array(["b", ""]), "row 2: the tail is empty"),
        ("tail", pa.array(["b", None]), "row 2 has no tail"),
    ):
        pa.parquet.write_table(pa.table(parts | {column: wrong}), path)
        with pytest.raises(UserError, match=said):
            read_statements(path)
    pa.parquet.write_table(pa.table({k: v[:0] for k, v in parts.items()}), path)
    with pytest.raises(UserError, match="has no rows"):
        read_statements(path)
    with pytest.raises(UserError, match="leave --header, --delimiter"):
        read_statements(path, header=True)
    pa.parquet.write_table(pa.table(parts), tmp_path / "a.pq")
    assert len(rows(tmp_path / "a.pq", format="parquet")) == 2


def test_meanings() -> None:
    assert looks.words("isNegated IS_NEGATED2") == ["is", "negated", "is", "negated", "2"]
    assert looks.meaning("label", ["1"]) is LABELS
    assert [looks.negates(n) for n in ("negated", "is_not", "NEG", "notes", "annotation", "head")] == [True] * 3 + [
        False
    ] * 3


@pytest.mark.parametrize(
    ("pro", "contra"), [("yes", "no"), ("positive", "negative"), ("+", "-"), ("affirmed", "negated"), ("T", "F")]
)
def test_words_for_and_against_are_asked_about(tmp_path: Path, pro: str, contra: str) -> None:
    """The sentence says how to read them."""
    path = table(tmp_path / "a.tsv", [(*row, x) for row, x in zip(THREE, (pro, contra, pro))])
    how = f"--label 4 --labels stated={pro.lower()} denied={contra.lower()}, and if it does not, --ignore 4"
    with pytest.raises(UserError, match=re.escape(how)):
        read_statements(path)
    undecided = table(tmp_path / "b.tsv", [(*row, x) for row, x in zip(THREE, (pro, contra, "Unsure"))])
    how = f"--label 4 --labels stated={pro.lower()} denied={contra.lower()} unknown=unsure, and"
    with pytest.raises(UserError, match=re.escape(how)):
        read_statements(undecided)
    labels = Labels((pro.lower(),), (contra.lower(),))
    assert [row[3] for row in rows(path, label="4", labels=labels)] == [True, False, True]


def test_a_first_line_that_stands_out_is_told_of(tmp_path: Path) -> None:
    more = [("x", "causes", "y"), ("x", "causes", "z")]
    path = table(tmp_path / "a.tsv", [("drug", "effect", "disease"), *THREE, *more])
    with pytest.warns(UserWarning, match="the first line, drug, effect, disease, is read as a statement, but"):
        assert len(rows(path)) == 6
    assert len(rows(path, header=True)) == 5
    assert len(rows(path, header=False)) == 6
    table(path, [("x", "effect", "disease"), *THREE, *more])
    assert len(rows(path)) == 6, "x occurs again"
    table(path, [("drug", "effect", "disease"), *THREE, more[0], ("x", "hates", "z")])
    assert len(rows(path)) == 6, "another relation occurs once"


@pytest.mark.parametrize("first", ["0,1,2", "head,relation,tail", "subject,predicate,object"])
def test_a_header_of_csv_is_no_statement_either(tmp_path: Path, first: str) -> None:
    """Case 12, h4: positions switch nothing off in silence."""
    path = table(tmp_path / "a.csv", [tuple(first.split(",")), *THREE], ",")
    with pytest.raises(UserError, match="--no-header"):
        rows(path, columns=["1", "2", "3"])
    assert rows(path, columns=["1", "2", "3"], header=True) == stated(THREE)
