"""JSON lines are read as a table whose columns are their keys."""

import json
from pathlib import Path
from typing import Any

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
        ('{"head": "\\ud800", "relation": "r", "tail": "b"}', ":3: holds a lone surrogate"),
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


class Counted(str):
    """A text that counts how many of its letters are looked at."""

    looked = 0

    def count(self, sought: Any, start: Any = 0, end: Any = None) -> int:
        Counted.looked += (len(self) if end is None else end) - start
        return super().count(sought, start, end)

    def find(self, sought: Any, start: Any = 0, end: Any = None) -> int:
        Counted.looked += (len(self) if end is None else end) - start
        return super().find(sought, start, end)

    def __getitem__(self, part: Any) -> str:
        found = super().__getitem__(part)
        Counted.looked += len(found)
        return found


@pytest.mark.parametrize("before", ["", "\n", " \n\n  "])
def test_of_objects_over_several_lines_each_letter_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Whatever their number is: also after blank lines, each is decoded once and found in its line."""
    count, made = 200, list[Any]()
    path = tmp_path / "wide.json"
    path.write_text(before + "\n".join(json.dumps(edge, indent=1) for edge in EDGES * (count // 4)) + "\n")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made.append(pairs)
        return json_lines._once(pairs)

    decoder = json.JSONDecoder(object_pairs_hook=once, parse_int=str, parse_float=str, parse_constant=str)
    monkeypatch.setattr(json_lines, "_DECODER", decoder)
    monkeypatch.setattr(json_lines, "text", lambda file: Counted(file.read_text()))
    monkeypatch.setattr(Counted, "looked", 0)
    found = [*json_lines._objects(path)]
    assert [entry["object"] for _, entry in found] == [edge["object"] for edge in EDGES] * (count // 4)
    lines = path.read_text().split("\n")
    starts = [number for number, line in enumerate(lines, 1) if line.strip() == "{"]
    assert [where for where, _ in found] == [f"{path}:{number}" for number in starts]
    assert len(made) == count
    assert Counted.looked <= 2 * path.stat().st_size


def test_blank_lines_before_one_object_or_between_two(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ('\n{\n"a": 1\n}', '\n\n{\n"a": 1}\n\n{"a":\n1}\n \n'):
        path.write_text(text)
        assert {*read_json_lines(path)["a"].to_pylist()} == {"1"}
    path.write_text('\n{\n"a": 1}\n{"a": 1} x')
    with pytest.raises(UserError, match=r"a\.json:4: not JSON \(Expecting value at column 10\), where .* be: 'x'"):
        read_json_lines(path)
    path.write_text('{\n"a": 1}\n{"a": "\\ud800"}\n')
    with pytest.raises(UserError, match=r"a\.json:3: holds a lone surrogate"):
        read_json_lines(path)
    path.write_text('{\n"a": 1}\n\n{"a": 1, "a": 2}\n')
    with pytest.raises(UserError, match=r"a\.json:4: the key 'a' occurs twice"):
        read_json_lines(path)
