"""JSON lines are read as a table whose columns are their keys."""

import json
from pathlib import Path

import pytest

from gnnneg.data import json_lines
from gnnneg.data.formats.files import read_statements
from gnnneg.data.json_lines import read_json_lines
from gnnneg.errors import UserError

EDGES = [
    {"id": "e1", "subject": "D1", "predicate": "has", "object": "P1", "negated": False, "publications": ["PMID:1"]},
    {"id": "e2", "subject": "D1", "predicate": "has", "object": "P2", "negated": True},
    {"id": "e3", "subject": "D2", "predicate": "has", "object": "P1", "negated": None, "score": 0.5},
    {"id": "e4", "subject": "D2", "predicate": "has", "object": "P3", "score": 1},
]
COLUMNS = ["subject", "predicate", "object"]


def written(path: Path, edges: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(edge) + "\n" for edge in edges) + "\n")
    return path


@pytest.mark.parametrize("name", ["edges.jsonl", "edges.ndjson", "edges.json", "edges.tsv"])
def test_edges_of_kgx(tmp_path: Path, name: str) -> None:
    """Whatever the file is called; a negated edge is denied, and each key is accounted for."""
    found = read_statements(written(tmp_path / name, EDGES), columns=COLUMNS, label="negated")
    assert found.table["tail"].to_pylist() == ["P1", "P2", "P1", "P3"]
    assert found.table["label"].to_pylist() == [True, False, True, True]
    columns = "column 1 (id)", "column 6 (publications)", "column 7 (score)"
    assert found.left_out == {f"{column}: no option names it": 4 for column in columns}


def test_a_key_that_says_polarity_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"negated.*--label negated"):
        read_statements(written(tmp_path / "edges.jsonl", EDGES), columns=COLUMNS)


def test_what_a_key_lacks_is_null_wherever_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in later chunks, and in one chunk only."""
    monkeypatch.setattr(json_lines, "CHUNK", 50)
    count = 103
    path = tmp_path / "long.jsonl"
    late = {0: ', "x": "first"', 51: ', "y": 7', count - 1: ', "x": "last", "z": true'}
    path.write_text("".join(f'{{"a": {i}{late.get(i, "")}}}\n' for i in range(count)))
    table = read_json_lines(path)
    assert table["a"].to_pylist() == [str(i) for i in range(count)]
    for name, held in {"x": {0: "first", count - 1: "last"}, "y": {51: "7"}, "z": {count - 1: "true"}}.items():
        assert {i: text for i, text in enumerate(table[name].to_pylist()) if text is not None} == held


def test_texts_are_as_written(tmp_path: Path) -> None:
    """No date is parsed, no number rounded."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"head": "2020-01-01", "relation": 1.50, "tail": 12345678901234567890}\n')
    (row,) = read_statements(path).table.select(["head", "relation", "tail"]).to_pylist()
    assert row == {"head": "2020-01-01", "relation": "1.50", "tail": "12345678901234567890"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"head": "a", "relation": "r"}', "row 2 has no tail"),
        ('{"head": "a", "relation": "r", "tail": null}', "row 2 has no tail"),
        ('{"head": "a", "relation": "r", "tail": ""}', "row 2: the tail is empty"),
        ('{"head": "a", "relation": "r", "tail": ["b"]}', "tail.*holds list"),
        ('{"head": "a", "head": "b", "relation": "r", "tail": "c"}', ":3: the key 'head' occurs twice"),
        ('["a", "r", "b"]', ":3: each line should be an object"),
        ('{"head": "a"', ":3: not JSON"),
        ('{"head": "\\ud800", "relation": "r", "tail": "b"}', ":3: .*surrogates"),
    ],
)
def test_a_garbled_line_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"head": "a", "relation": "r", "tail": "b"}\n\n' + line + "\n")
    with pytest.raises(UserError, match=said):
        read_statements(path)


def test_lines_of_wikidata_stay_wikidata(tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_text('{"id": "Q1", "labels": {}, "claims": []}\n')
    with pytest.raises(UserError, match="no statements"):
        read_statements(path)


def test_one_object_around_all_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "kgx.json"
    path.write_text(json.dumps({"nodes": [], "edges": EDGES}, indent=1))
    with pytest.raises(UserError):
        read_statements(path)
    path.write_text(json.dumps({"nodes": [], "edges": EDGES}))
    with pytest.raises(UserError, match="it has nodes, edges"):
        read_statements(path, columns=COLUMNS)
