"""Labels and synonyms from a file through an import to the graph."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from gnnneg.data import naming
from gnnneg.data.ingest import ingest
from gnnneg.data.labels import LABELS_FILE, Called, joined, read_labels, write_labels
from gnnneg.datasets import load
from gnnneg.errors import UserError

OBO = """format-version: 1.4

[Term]
id: T:1
name: red cell
synonym: "erythrocyte" EXACT []
synonym: "red cell" RELATED []
is_a: T:2
relationship: has_part T:3

[Term]
id: T:2
name: T:2

[Term]
id: T:9
name: of nothing

[Typedef]
id: has_part
name: has as a part
"""


def test_from_a_file_to_the_graph(tmp_path: Path) -> None:
    (tmp_path / "a.obo").write_text(OBO)
    ingest(tmp_path / "a.obo", tmp_path / "out", valid=0.0, test=0.0)
    data = load(str(tmp_path / "out"))
    assert list(data["entity"].names) == ["T:1", "T:2", "T:3"]
    assert list(data["entity"].labels) == ["red cell", "", ""]
    assert list(data["entity"].synonyms) == [["erythrocyte"], [], []]
    assert list(data.relation_names) == ["is_a", "has_part"]
    assert list(data.relation_labels) == ["", "has as a part"]
    assert "T:9" not in read_labels(tmp_path / "out" / LABELS_FILE)["name"].to_pylist()


def test_labels_are_kept_once_and_in_order(tmp_path: Path) -> None:
    one, other = Called(), Called()
    one.add("a", "A", " big\n a ", "a", "", "A")
    other.add("a", "another", "A")
    other.add("b", "B")
    table = joined([one.table(), None, other.table()])
    assert table is not None
    assert write_labels(tmp_path, table, ["a", "b", "c"]) == LABELS_FILE
    wanted = [("a", "A"), ("a", "big a"), ("a", "another"), ("b", "B")]
    assert [tuple(row.values()) for row in read_labels(tmp_path / LABELS_FILE).to_pylist()] == wanted
    assert write_labels(tmp_path, table, ["c"]) is None
    assert Called().table() is None
    assert joined([None]) is None


def test_a_file_that_is_no_table_of_labels(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"name": ["a"]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    pa.parquet.write_table(pa.table({"name": [["a"]], "label": ["b"]}), tmp_path / "c.parquet")
    for file in ("a.parquet", "c.parquet"):
        with pytest.raises(UserError, match=f"{file} is no table of names and labels"):
            read_labels(tmp_path / file)
    for file, wrong in (("b.parquet", "is not a parquet file"), ("d.parquet", "does not exist")):
        with pytest.raises(UserError, match=f"{file} {wrong}"):
            read_labels(tmp_path / file)


def test_relations_are_found_by_what_they_are_called(tmp_path: Path) -> None:
    """Names come before labels, and labels before synonyms; those of relations are kept as those of entities are."""
    label, also = "http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/2004/02/skos/core#altLabel"
    (tmp_path / "a.nt").write_text(
        "<http://e/a> <http://e/r> <http://e/b> .\n<http://e/a> <http://e/s> <http://e/b> .\n"
        f'<http://e/r> <{label}> "rel" .\n<http://e/r> <{also}> "relation" .\n<http://e/s> <{also}> "of" .\n'
    )
    ingest(tmp_path / "a.nt", tmp_path / "out", valid=0.0, test=0.0)
    data = load(tmp_path / "out")
    assert list(data.relation_labels) == ["rel", "of"]
    assert list(data.relation_synonyms) == [["relation"], []]
    assert [naming.relation(data, asked) for asked in ("http://e/s", "rel", "relation", "of")] == [1, 0, 0, 1]
