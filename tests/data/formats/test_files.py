import builtins
import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import ENDINGS, READERS, read_statements
from gnnneg.data.ingest import ingest
from gnnneg.errors import MissingExtra, UserError

EXCERPTS = Path(__file__).parent / "excerpts"


@pytest.mark.parametrize(
    ("file", "module", "extra"),
    [("family.ttl", "pyoxigraph", "rdf"), ("family.ofn", "pyhornedowl", "owl"), ("go.obo", "fastobo", "obo")],
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, file: str, module: str, extra: str) -> None:
    usual = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == module:
            raise ImportError(name)
        return usual(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=rf"needs the extra '{extra}': pip install 'gnnneg\[{extra}\]'"):
        read_statements(EXCERPTS / file)


def test_every_reader_has_an_excerpt_or_is_a_table() -> None:
    shown = {ENDINGS.get(path.suffix) for path in EXCERPTS.iterdir()} - {None, "tsv"}
    assert set(READERS) - shown == {
        "csv",
        "tsv",
        "jsonl",
        "parquet",
        "ntriples",
        "truewalks",
    }  # which have tests of their own
    assert set(ENDINGS.values()) | {"truewalks"} == set(READERS)


@pytest.mark.parametrize("file", sorted(p.name for p in EXCERPTS.iterdir() if p.suffix in ENDINGS))
def test_every_reader_says_that_a_file_is_empty_or_no_text(tmp_path: Path, file: str) -> None:
    format = "truewalks" if file == "truewalks.tsv" else None
    for content in (b"", b"\n", b"\xff\xfe\x00a\n"):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(UserError, match=file):
            read_statements(tmp_path / file, format)
    with pytest.raises(UserError, match="does not exist"):
        read_statements(tmp_path / "no" / file, format)


FILES = sorted(p.name for p in EXCERPTS.iterdir() if p.suffix in ENDINGS)


@pytest.mark.filterwarnings("ignore:.*are read as stated")  # of a graph called "false"
@given(st.sampled_from(FILES), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, file: str, data: st.DataObject) -> None:
    """Some bytes are cut out and others put in: nothing but a UserError may come of it."""
    raw = (EXCERPTS / file).read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    length = data.draw(st.integers(0, 12))
    new = data.draw(st.binary(max_size=2) | st.sampled_from([b"\t", b"\n", b"NOT", b'"', b"<", b">", b")", b"]", b"}"]))
    (tmp_path / file).write_bytes(raw[:start] + new + raw[start + length :])
    try:
        found = read_statements(tmp_path / file, "truewalks" if file == "truewalks.tsv" else None)
    except UserError:
        return
    assert found.table.num_rows > 0
    assert found.table.column_names[:4] == ["head", "relation", "tail", "label"]
    assert not any(column.null_count for column in found.table.columns)


@pytest.mark.filterwarnings("ignore:.*are read as stated")  # of a graph called "false"
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compressed_files(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    suffix = "gz" if pack is gzip.compress else "bz2"
    for file in (f for f in FILES if f != "truewalks.tsv"):
        path = tmp_path / f"{file}.{suffix}"
        path.write_bytes(pack((EXCERPTS / file).read_bytes()))
        packed, plain = read_statements(path), read_statements(EXCERPTS / file)
        assert packed.table.equals(plain.table)
        assert packed.left_out == plain.left_out
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(UserError, match=r"is not a whole|cannot be read"):
            read_statements(path)


OWL_RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:owl="http://www.w3.org/2002/07/owl#">'
    '<owl:Class rdf:about="http://e/A"><rdfs:subClassOf><owl:Class '
    'rdf:about="http://e/B"/></rdfs:subClassOf></owl:Class></rdf:RDF>'
)
TURTLE = "# c\n@prefix : <http://e/> .\n:A :r :B .\n:B :r :A .\n"
QUADS = "# c\n<http://e/A> <http://e/r> <http://e/B> <http://e/g> .\n"
NTRIPLES = "\n<http://e/A> <http://e/r> <http://e/B> .\n"


@pytest.mark.parametrize(
    ("name", "content", "what", "number"),
    [
        ("a.owl", TURTLE, "Turtle", 2),
        ("a.rdf", TURTLE, "Turtle", 2),
        ("a.nt", TURTLE, "Turtle", 2),
        ("a.txt", TURTLE, "Turtle", 2),
        ("a.ttl", OWL_RDF, "RDF/XML", 3),  # two types and a subclass: as RDF, where the name is one of RDF
        ("a.obo", OWL_RDF, "RDF/XML", 1),
        ("a", OWL_RDF, "RDF/XML", 1),
        ("a.tsv", NTRIPLES, "N-Triples", 1),
        ("a.owl", NTRIPLES, "N-Triples", 1),
        ("a.nt", QUADS, "N-Quads", 1),
        ("a", QUADS, "N-Quads", 1),
        ("a.txt", (EXCERPTS / "go.obo").read_text(), "OBO", 4),
        ("a.tsv", (EXCERPTS / "goa.gaf").read_text(), "GAF", 5),
        ("a.gaf", (EXCERPTS / "goa.gpad").read_text(), "GPAD", 3),
        ("a.tsv", (EXCERPTS / "phenotype.hpoa").read_text(), "hpoa", 6),
        ("a.owl", (EXCERPTS / "family.ofn").read_text(), "", 9),
        ("a.txt", (EXCERPTS / "family.ofn").read_text(), "OWL functional syntax", 9),
        ("a.csv", (EXCERPTS / "wikidata.json").read_text(), "JSON", 5),
        ("a.json", '{"@id": "http://e/A", "http://e/r": {"@id": "http://e/B"}}', "JSON-LD", 1),
        ("a.xml", '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>', "", 0),
        ("a.ttl", NTRIPLES, "", 1),
        ("a.tsv", "<a\tb\tc>\n@prefix\tb\tc\n", "", 2),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_content_counts_for_more_than_the_name(
    tmp_path: Path, name: str, content: str, what: str, number: int, pack: Callable[[bytes], bytes]
) -> None:
    """And it is said aloud, in what the account says was used."""
    path = tmp_path / (name if pack is bytes else f"{name}.gz")
    path.write_bytes(pack(content.encode()))
    if not number:
        with pytest.raises(UserError, match="holds no statements"):
            read_statements(path)
        return
    found = read_statements(path)
    assert found.table.num_rows == number
    remarks = [remark for remark in found.left_out.taken if remark.startswith(f"{path.name},")]
    assert len(remarks) == bool(what)
    assert not what or f"read as {what}" in remarks[0]


def test_the_format_that_is_said_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "a.owl").write_text(TURTLE)
    assert read_statements(tmp_path / "a.owl", "rdf").table.num_rows == 2
    with pytest.raises(UserError, match="if it is Turtle, or other RDF, say --format rdf"):
        read_statements(tmp_path / "a.owl", "owl")
    (tmp_path / "a.ttl").write_text("\t".join("abc") + "\n")
    assert read_statements(tmp_path / "a.ttl", "tsv").table.num_rows == 1
    (tmp_path / "a.obo").write_bytes((EXCERPTS / "goa.gaf").read_bytes())
    assert read_statements(tmp_path / "a.obo", "gaf").table.num_rows == 5
    (tmp_path / "a.xyz").write_text("a b c\n")
    with pytest.raises(UserError, match="cannot tell the format from the name; say --format csv, tsv"):
        read_statements(tmp_path / "a.xyz")


def test_a_name_that_lies_about_its_packing_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.nt").write_bytes(gzip.compress(NTRIPLES.encode()))
    assert "a.nt, decompressed (gzip)" in read_statements(tmp_path / "a.nt").left_out.taken
    (tmp_path / "a.nt.gz").write_text(NTRIPLES)
    assert "a.nt.gz, which is not compressed" in read_statements(tmp_path / "a.nt.gz").left_out.taken
    (tmp_path / "a.nt.zst").write_bytes(pa.compress(NTRIPLES.encode(), codec="zstd", asbytes=True))
    assert not any("a.nt" in remark for remark in read_statements(tmp_path / "a.nt.zst").left_out.taken)


def test_parquet_without_its_ending(tmp_path: Path) -> None:
    table = pa.table({"head": ["a"], "relation": ["r"], "tail": ["b"]})
    for name in ("a.pq", "a", "a.csv"):
        pa.parquet.write_table(table, tmp_path / name)
        assert read_statements(tmp_path / name).table.num_rows == 1
        assert read_statements(tmp_path / name, "parquet").table.num_rows == 1
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.pq").read_bytes()))
    assert read_statements(tmp_path / "a.parquet.gz").table.num_rows == 1


def test_the_files_of_a_folder_are_asked_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.owl").write_text(TURTLE)
    (tmp_path / "data" / "test.nt").write_text("<http://e/A> <http://e/r> <http://e/A> .\n")
    report = ingest(tmp_path / "data", tmp_path / "out")
    assert (report.counts["train"], report.counts["test"]) == (2, 1)
    assert "train.owl, read as Turtle, which it is, in spite of its name" in report.used


@pytest.mark.filterwarnings("ignore:.*are read as stated")  # of a graph called "false"
@pytest.mark.parametrize("file", FILES)
def test_a_byte_order_mark_is_no_part_of_any_format(tmp_path: Path, file: str) -> None:
    """Case 11, and OWL, JSON and annotations: Windows saves them so."""
    format, content = "truewalks" if file == "truewalks.tsv" else None, (EXCERPTS / file).read_bytes()
    (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + content)
    marked, plain = read_statements(tmp_path / file, format), read_statements(EXCERPTS / file, format)
    assert marked.table.equals(plain.table)
    assert marked.left_out == plain.left_out


def test_a_mark_before_the_number_of_lines(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf2\na\tr\tb\nb\tr\tc\n")
    assert read_statements(tmp_path / "a.tsv", count_line=True).table["head"].to_pylist() == ["a", "b"]
