"""Inputs that nobody had in mind when the readers were written: each is read rightly, told of, or refused."""

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from gnnneg.data.ingest import Report, ingest
from gnnneg.data.statements import confidence, triplets
from gnnneg.datasets import load
from gnnneg.errors import UserError

Rows = list[tuple[str, ...]]
KGX = "id\tsubject\tpredicate\tobject\tnegated\ne1\tD1\thas\tP1\tFALSE\ne2\tD1\thas\tP2\t{}\n"
EDGES = {"columns": ["subject", "predicate", "object"], "label": "negated"}
PREFIX = "@prefix e: <http://e/> .\n"
QUAD = "<http://e/a> <http://e/r> <http://e/{}> <http://e/{}> .\n"


def brought(path: Path, content: str | bytes, **options: Any) -> Report:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ingest(path, path.parent / "out", **{"valid": 0.0, "test": 0.0, **options})


def said(folder: Path, polarity: str = "stated") -> Rows:
    data = load(folder)
    names, relations = data["entity"].names, data.relation_names
    return [(names[h], relations[r], names[t]) for h, r, t in zip(*(x.tolist() for x in triplets(data, polarity)))]


@pytest.mark.parametrize("word", ["TRUE", "1", "1.0", "Y", "yes", "t", " True "])
def test_negated_in_any_writing(tmp_path: Path, word: str) -> None:
    brought(tmp_path / "edges.tsv", KGX.format(word), **EDGES)
    assert said(tmp_path / "out") == [("D1", "has", "P1")]
    assert said(tmp_path / "out", "denied") == [("D1", "has", "P2")]


@pytest.mark.parametrize("word", ["NA", "None", "NaN", "-", "maybe"])
def test_what_may_mean_either_is_refused_with_the_way_out(tmp_path: Path, word: str) -> None:
    with pytest.raises(
        UserError, match=r"edges\.tsv:3: the label '.*' is none of .*; others get a meaning with --labels"
    ):
        brought(tmp_path / "edges.tsv", KGX.format(word), **EDGES)


@pytest.mark.parametrize("labels", [("0", "1"), ("0.0", "1.0"), ("1", "-1"), ("False", "True")])
def test_a_last_column_of_labels_without_a_header(tmp_path: Path, labels: tuple[str, str]) -> None:
    lines = "".join(f"a\tr\t{tail}\t{label}\n" for tail, label in zip("bc", labels))
    with pytest.raises(UserError, match="if it does, say --label 4"):
        brought(tmp_path / "a.tsv", lines)


def test_a_graph_in_one_json_object(tmp_path: Path) -> None:
    whole = {"nodes": [{"id": "D1"}], "edges": [{"subject": "D1"}]}
    with pytest.raises(
        UserError, match=r"is one object around all edges \(it has nodes, edges\): write one edge a line"
    ):
        brought(tmp_path / "kg.json", json.dumps(whole))
    with pytest.raises(UserError, match="because it has nodes, edges: write its statements one object a line"):
        brought(tmp_path / "kg.json", json.dumps(whole), format="wikidata")


def test_quotation_marks_of_a_tsv_are_no_part_of_names_unasked(tmp_path: Path) -> None:
    content = '"subject"\t"predicate"\t"object"\n"a"\t"r"\t"b"\n"b"\t"r"\t"c"\n'
    for options in ({}, {"columns": ["subject", "predicate", "object"]}):
        with pytest.raises(UserError, match=r"all fields .* are in quotation marks: .* --format csv --delimiter tab"):
            brought(tmp_path / "a.tsv", content, **options)
    rest = content.split("\n", 1)[1]
    brought(tmp_path / "as csv" / "a.tsv", content, format="csv", delimiter="tab", columns=["1", "2", "3"], header=True)
    brought(tmp_path / "as they are" / "a.tsv", rest, delimiter="tab")
    plain = {"columns": ["1", "2", "3"], "header": False}
    brought(tmp_path / "no header" / "a.tsv", rest, format="csv", delimiter="tab", **plain)
    assert said(tmp_path / "as csv" / "out") == [("a", "r", "b"), ("b", "r", "c")]
    assert said(tmp_path / "no header" / "out") == [("a", "r", "b"), ("b", "r", "c")]
    assert said(tmp_path / "as they are" / "out") == [('"a"', '"r"', '"b"'), ('"b"', '"r"', '"c"')]


@pytest.mark.parametrize("mark", ["utf-16", "utf-8-sig"])
def test_windows_text_in_gzip_under_another_name(tmp_path: Path, mark: str) -> None:
    report = brought(tmp_path / "a.tsv", gzip.compress("a\tr\té\r\nb\tr\tc\r\n".encode(mark)))
    assert said(tmp_path / "out") == [("a", "r", "é"), ("b", "r", "c")]
    assert report.used["a.tsv, decompressed (gzip)"] == 1


def test_what_is_packed_twice_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.tsv is packed twice \(gzip in gzip\): unpack it once"):
        brought(tmp_path / "a.tsv", gzip.compress(gzip.compress(b"a\tr\tb\n")))


@pytest.mark.parametrize("name", ["false", "negated", "notTrue/denied", "graph#negative"])
def test_a_named_graph_that_sounds_denied_is_told_of(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyoxigraph")
    content = QUAD.format("b", "g") + QUAD.format("c", name)
    with pytest.warns(UserWarning, match=rf"named graph .* read as stated: if .* say --denied-graph http://e/{name}"):
        report = brought(tmp_path / "a.nq", content)
    assert report.used[f"named graph 'http://e/{name}', as stated"] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        brought(tmp_path / "denied" / "a.nq", content, denied_graphs=[f"http://e/{name}"])
    assert said(tmp_path / "denied" / "out", "denied") == [("http://e/a", "http://e/r", "http://e/c")]


@pytest.mark.parametrize(
    "about", ["e:a e:r e:c {{| {} |}} .\n", "<< e:a e:r e:c >> {} .\n", "e:a e:r e:c .\n<< e:a e:r e:c ~ _:x >> {} .\n"]
)
def test_what_is_said_about_triples(tmp_path: Path, about: str) -> None:
    """Certainty is left out by name; that a triple is false is neither lost nor read as true."""
    pytest.importorskip("pyoxigraph")
    report = brought(tmp_path / "a.ttl", PREFIX + "e:a e:r e:b .\n" + about.format("e:certainty 0.5 ; e:by e:me"))
    assert report.left_out == {"triples about triples": 3}
    stated = [("a", "r", "b"), ("a", "r", "c")][: 2 if "e:c {{" in about or "e:c ." in about else 1]
    assert [tuple(x.removeprefix("http://e/") for x in row) for row in said(tmp_path / "out")] == stated
    for word in ("e:negated true", "e:isFalse 1", 'e:denied "yes"'):
        with pytest.raises(UserError, match=r"says that a triple is false, .* --denied-graph"):
            brought(tmp_path / "no" / "a.ttl", PREFIX + "e:a e:r e:b .\n" + about.format(word))
    assert brought(tmp_path / "yes" / "a.ttl", PREFIX + "e:a e:r e:b .\n" + about.format("e:negated false")).left_out


def test_one_statement_with_two_confidences_is_told_of(tmp_path: Path) -> None:
    report = brought(tmp_path / "a.tsv", "a\tr\tb\t.75\na\tr\tb\t.25\nb\tr\tc\t1\nb\tr\tc\t1\n", confidence="4")
    assert confidence(load(tmp_path / "out"), "stated").tolist() == [0.75, 0.25, 1.0, 1.0]
    assert report.duplicates == 2
    assert report.notes == ["1 lines repeat a statement with another confidence, and each is kept with its own."]


def test_features_and_other_files_of_a_folder_are_left_out_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    files = {"train.tsv": "a\tr\tb\nb\tr\tc\n", "nodes.tsv": "id\tage\na\t3\n", "x.npy": "1", "features.csv": "a,1\n"}
    for name, content in files.items():
        (folder / name).write_text(content)
    left = ingest(folder, tmp_path / "out").left_out
    assert left == {
        f"file {name!r}: its name is that of no split": 1 for name in ("features.csv", "nodes.tsv", "x.npy")
    }


def test_numbers_beside_a_statement_are_left_out_by_name(tmp_path: Path) -> None:
    report = brought(tmp_path / "a.csv", "head,relation,tail,dose,when\na,r,b,0.5,2020\nb,r,c,1.5,2021\n")
    assert report.left_out == {
        "column 4 (dose): no option names it": 2,
        "column 5 (when): no option names it": 2,
    }


def test_spellings_across_splits_and_a_trailing_tab(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "train.tsv").write_text("Caf\u00e9\tr\tb\nb\tr\tc\n", encoding="utf-8")
    (folder / "test.tsv").write_text("Cafe\u0301\tr\tc\n", encoding="utf-8")
    with pytest.raises(UserError, match="--tidy, or keep them apart with --no-tidy"):
        ingest(folder, tmp_path / "out")
    with pytest.raises(UserError, match=r"a\.tsv:2: expected 4 fields"):
        brought(tmp_path / "a.tsv", "a\tr\tb\t\nb\tr\tc\n")
