"""Definitions from a file through an import to the graph, and on from there."""

import json
import tracemalloc
import warnings
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data import definitions
from gnnneg.data.account import Account
from gnnneg.data.definitions import (
    DEFINITIONS_FILE,
    Defined,
    distinct,
    joined,
    read_definitions,
    write_definitions,
)
from gnnneg.data.formats.files import read_statements
from gnnneg.data.hetero import by_type, from_hetero
from gnnneg.data.ingest import ingest
from gnnneg.data.ontology import inherited
from gnnneg.datasets import load
from gnnneg.errors import UserError
from gnnneg.experiment.graph import read_named, write_named
from gnnneg.experiment.pack import _named
from gnnneg.verdicts import Statement, Verdicts
from gnnneg.verdicts.out import outcome
from gnnneg.verdicts.out.dataset import write_dataset

IAO, SKOS = "http://purl.obolibrary.org/obo/IAO_0000115", "http://www.w3.org/2004/02/skos/core#definition"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"

OBO = r"""format-version: 1.4

[Term]
id: T:1
name: red cell
def: "A cell\, \"red\"\n in  colour." [PMID:1, ISBN:2] {comment="old"}
is_a: T:2
relationship: part_of T:3

[Term]
id: T:2
def: "" []

[Term]
id: T:9
def: "Of nothing." []

[Term]
id: T:8
def: "Gone." [PMID:3]
is_obsolete: true

[Typedef]
id: part_of
name: part of
def: "Within something." []
"""


def put(tmp_path: Path, name: str, content: str) -> Path:
    (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path / name


def rows(table: pa.Table | None) -> list[tuple[str, str]]:
    return [] if table is None else [(row["name"], row["definition"]) for row in table.to_pylist()]


def test_from_an_ontology_to_the_graph(tmp_path: Path) -> None:
    """The card names the file and counts definitions as used; those of what no statement names do not come along."""
    report = ingest(put(tmp_path, "a.obo", OBO), tmp_path / "out", valid=0.0, test=0.0)
    data = load(str(tmp_path / "out"))
    assert list(data["entity"].names) == ["T:1", "T:2", "T:3"]
    assert list(data["entity"].definitions) == ['A cell, "red" in colour.', "", ""]
    assert list(data.relation_names) == ["is_a", "part_of"]
    assert list(data.relation_definitions) == ["", "Within something."]
    assert "T:9" not in read_definitions(tmp_path / "out" / DEFINITIONS_FILE)["name"].to_pylist()
    assert report.used["definitions"] == 3
    assert report.left_out["references of definitions"] == 2
    assert not [what for what in report.left_out if what.startswith("def ")]


@pytest.mark.parametrize("suffix", ["nt", "ttl", "ofn"])
def test_of_several_one(tmp_path: Path, suffix: str) -> None:
    """Without a language or in English before others, an ontology's before SKOS', and the others are counted."""
    said = [
        ("a", SKOS, "Ein Anfang.", "@de"),
        ("a", SKOS, "A beginning.", ""),
        ("b", SKOS, "Second.", "@en-GB"),
        ("b", IAO, "The second.", ""),
        ("b", LABEL, "Bee", ""),
        ("c", IAO, "Drittes.", "@de"),
        ("c", IAO, "Drittes.", "@de-AT"),
        ("r", SKOS, 'Comes \\"before\\".', ""),
    ]
    if suffix == "ofn":
        notes = [f'AnnotationAssertion(<{what}> <http://e/{who}> "{text}"{lang})' for who, what, text, lang in said]
        facts = [
            f"ObjectPropertyAssertion(<http://e/r> <http://e/{one}> <http://e/{two}>)" for one, two in ("ab", "bc")
        ]
        content = "\n".join(["Ontology(<http://e/>", *facts, *notes, ")"])
    else:
        facts = [f"<http://e/{one}> <http://e/r> <http://e/{two}> ." for one, two in ("ab", "bc")]
        content = "\n".join(
            [*facts, *(f'<http://e/{who}> <{what}> "{text}"{lang} .' for who, what, text, lang in said)]
        )
    found = read_statements(put(tmp_path, f"a.{suffix}", content))
    assert rows(found.definitions) == [
        ("http://e/a", "A beginning."),
        ("http://e/b", "The second."),
        ("http://e/c", "Drittes."),
        ("http://e/r", 'Comes "before".'),
    ]
    assert found.labels is not None
    assert found.labels["label"].to_pylist() == ["Bee"]
    assert found.left_out.taken["definitions"] == 4
    assert found.left_out["further definitions of what has one"] == 2
    assert not found.left_out["literals"]


def test_a_long_text_is_a_definition_and_no_label(tmp_path: Path) -> None:
    """It is cut, which is counted; one of just so many characters is not."""
    text = "so " * 5_000
    content = f'<http://e/a> <http://e/r> <http://e/b> .\n<http://e/a> <{SKOS}> "{text}" .\n'
    found = read_statements(put(tmp_path, "a.nt", f'{content}<http://e/a> <{LABEL}> "{text}" .\n'))
    assert rows(found.definitions) == [("http://e/a", f"{text[:1_999]}\u2026")]
    assert (found.labels, found.left_out["literals"]) == (None, 1)
    assert found.left_out["ends of definitions of more than 2,000 characters"] == 1
    text = "x" * 2_000
    content = f'<http://e/a> <http://e/r> <http://e/b> .\n<http://e/a> <{SKOS}> "{text}" .\n'
    found = read_statements(put(tmp_path, "b.nt", content))
    assert rows(found.definitions) == [("http://e/a", text)]
    assert not found.left_out


def test_descriptions_of_wikidata(tmp_path: Path) -> None:
    """The English one, else that of all languages, else the first, as with labels; properties have one, too."""

    def entity(name: str, **texts: str) -> dict[str, object]:
        value = {"type": "wikibase-entityid", "value": {"id": "Q1"}}
        snak = {"snaktype": "value", "property": "P1", "datavalue": value}
        said = {language: {"language": language, "value": text} for language, text in texts.items()}
        return {"id": name, "descriptions": said or [], "claims": {"P1": [{"rank": "normal", "mainsnak": snak}]}}

    lines = [
        entity("Q1", de="Stadt", en="city"),
        entity("Q2", de="Fluss", mul="river"),
        entity("Q3", fr="lac", de="See"),
        entity("Q4"),
        entity("P1", en="where it is"),
    ]
    found = read_statements(put(tmp_path, "a.json", "\n".join(map(json.dumps, lines))), "wikidata")
    assert rows(found.definitions) == [("Q1", "city"), ("Q2", "river"), ("Q3", "lac"), ("P1", "where it is")]
    assert found.left_out == {"descriptions in other languages": 3}
    assert found.left_out.taken["definitions"] == 4


def test_files_of_a_folder_and_tidy_names(tmp_path: Path) -> None:
    """The first file's definition counts, what another says otherwise is counted, and so is that of the same name in
    another Unicode form.
    """
    (tmp_path / "in").mkdir()
    for split, text in (("train", "First."), ("test", "Other."), ("valid", "First.")):
        said = f'<http://e/a{split}> <http://e/r> <http://e/a> .\n<http://e/a> <{SKOS}> "{text}" .\n'
        put(tmp_path / "in", f"{split}.nt", said)
    report = ingest(tmp_path / "in", tmp_path / "out")
    data = load(tmp_path / "out")
    assert dict(zip(data["entity"].names, data["entity"].definitions))["http://e/a"] == "First."
    assert report.left_out["further definitions of what has one"] == 1
    two = f'<http://e/\u00e9> <http://e/r> <http://e/e\u0301> .\n<http://e/e\u0301> <{SKOS}> "Second." .\n'
    put(tmp_path, "b.nt", f'{two}<http://e/\u00e9> <{SKOS}> "One." .\n<http://e/b> <http://e/r> <http://e/c> .\n')
    report = ingest(tmp_path / "b.nt", tmp_path / "tidy", valid=0.0, test=0.0, tidy=True)
    data = load(tmp_path / "tidy")
    assert dict(zip(data["entity"].names, data["entity"].definitions))["http://e/\u00e9"] == "Second."
    assert report.left_out["further definitions of what has one"] == 1


GIVEN = [("a", " A\n b "), ("a", "A b"), ("b", "  "), ("a", "C"), ("b", "B")]


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_the_first_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However many are put into Arrow's memory at once."""
    monkeypatch.setattr(definitions, "AT_ONCE", at_once)
    one, account = Defined(), Account()
    for name, text in GIVEN:
        one.add(name, text)
    table = one.table(account)
    assert (rows(table), dict(account)) == ([("a", "A b"), ("b", "B")], {"further definitions of what has one": 1})
    assert Defined().table(account) is None
    assert table is not None
    assert write_definitions(tmp_path, table, ["b", "c"]) == DEFINITIONS_FILE
    assert rows(read_definitions(tmp_path / DEFINITIONS_FILE)) == [("b", "B")]
    assert write_definitions(tmp_path, table, ["c"]) is None
    pa.parquet.write_table(pa.table({"name": ["a"], "label": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a.parquet is no table of names and definitions: it has no columns name and"):
        read_definitions(tmp_path / "a.parquet")


def defined(**texts: str) -> pa.Table:
    one = Defined()
    for name, text in texts.items():
        one.add(name, text)
    found = one.table(Account())
    assert found is not None
    return found


def test_of_several_files_only_what_is_used_is_joined() -> None:
    """A dictionary says what is first; a sole table is returned as it is, and nobody asks what is used."""
    account, tables = Account(), [defined(a="A", b="B", z="Z"), None, defined(b="B", c="C", a="other"), defined(z="Y")]
    used = pa.array(["c", "b", "a"], pa.large_string())
    expected: dict[str, str] = {}
    for table in tables:
        for name, text in rows(table):
            if name in used.to_pylist():
                expected.setdefault(name, text)
    table = joined(tables, lambda: used, account)
    assert dict(rows(table)) == expected == {"a": "A", "b": "B", "c": "C"}
    assert account == {"further definitions of what has one": 1}  # that of z is used nowhere
    account.clear()
    assert joined([None, tables[0]], lambda: pytest.fail("asked"), account) is tables[0]
    assert joined([None], lambda: pytest.fail("asked"), account) is None
    assert rows(joined(tables, lambda: used[:0], account)) == []
    assert not account


def test_what_names_became_one(tmp_path: Path) -> None:
    account, once = Account(), defined(a="A", b="B")
    assert distinct(once, account) is once
    table = pa.concat_tables([once, defined(b="B", a="C"), defined(a="D", c="E")])
    assert rows(distinct(table, account)) == [("a", "A"), ("b", "B"), ("c", "E")]
    assert account == {"further definitions of what has one": 2}
    # the definition of another file is of the name in Unicode's composed form, which that of the statement becomes
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", "train.nt", f'<http://e/e\u0301> <http://e/r> <http://e/b> .\n<http://e/b> <{SKOS}> "B." .\n')
    content = f'<http://e/b> <http://e/r> <http://e/b> .\n<http://e/\u00e9> <{SKOS}> "E." .\n'
    put(tmp_path / "in", "test.nt", f'{content}<http://e/z> <{SKOS}> "Z." .\n')
    ingest(tmp_path / "in", tmp_path / "out")
    data = load(tmp_path / "out")
    assert dict(zip(data["entity"].names, data["entity"].definitions)) == {"http://e/\u00e9": "E.", "http://e/b": "B."}


def test_definitions_are_no_python_strings_for_long() -> None:
    """Of many long ones, no more than a few are held twice: what is allocated stays near the size of the texts."""
    count, length = 4 * definitions.AT_ONCE, 1_000
    tracemalloc.start()
    try:
        one = Defined()
        for number in range(count):
            one.add(str(number), f"{number} {'x' * length}")
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    table = one.table(Account())
    assert table is not None
    assert table.num_rows == count
    assert held < count * length / 4, held
    assert table.nbytes > count * length


def test_graphs_of_pyg() -> None:
    """A type without definitions has empty ones; nothing warns that nobody reads them, and all come back."""
    graph = HeteroData()
    graph["drug"].num_nodes, graph["gene"].names = 2, ["x", "y"]
    graph["gene"].definitions = ["A gene.", None]
    graph["drug", "hits", "gene"].edge_index = torch.tensor([[0, 1, 0], [0, 1, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = from_hetero(graph, valid=0.0, test=0.0)
        assert dict(zip(data["entity"].names, data["entity"].definitions))["x"] == "A gene."
        assert sum(map(bool, data["entity"].definitions)) == 1
        again = by_type(data)
    assert (again["gene"].definitions, "definitions" in again["drug"]) == (["A gene.", ""], False)
    graph["gene"].definitions = ["A gene.", 3]
    with pytest.raises(UserError, match="definitions of gene holds 3: give texts, or None"):
        from_hetero(graph)
    plain = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2, definitions=["one", "two"])
    assert from_hetero(plain, valid=0.0, test=0.0)["entity"].definitions == ["one", "two"]  # of as many nodes as edges


def test_what_follows_from_a_hierarchy_keeps_them(tmp_path: Path) -> None:
    ingest(put(tmp_path, "a.obo", OBO), tmp_path / "out", valid=0.0, test=0.0)
    data = load(tmp_path / "out")
    more = inherited(data, "is_a")
    assert more["entity"].definitions == data["entity"].definitions
    assert more.relation_definitions == data.relation_definitions


def test_they_are_kept_with_a_run_its_pack_and_its_verdicts(tmp_path: Path) -> None:
    ingest(put(tmp_path, "a.obo", OBO), tmp_path / "out", valid=0.0, test=0.0)
    data = load(tmp_path / "out")
    entity, relation = list(data["entity"].definitions), list(data.relation_definitions)
    write_named(tmp_path, data)
    with Verdicts(tmp_path / "v.sqlite") as verdicts:
        verdicts.record(Statement("T:2", "part_of", "T:3"), "deny", "ann")
        write_dataset(tmp_path / "after", data, verdicts, outcome(verdicts.standing(), "v.sqlite"))
    for found in (read_named(tmp_path), _named(data), load(tmp_path / "after")):
        assert list(found["entity"].definitions) == entity
        assert list(found.relation_definitions) == relation
