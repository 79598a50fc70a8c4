"""Whatever a file holds, a reader gives statements or one sentence; nothing else."""

import bz2
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import ENDINGS, READERS, read_statements
from gnnneg.data.formats.statements import Statements
from gnnneg.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # a changed file may well be one to warn of
EXCERPTS = Path(__file__).parent / "excerpts"
EXAMPLES = int(os.environ.get("GNNNEG_FUZZ", 150))  # of each kind; a long search is 'GNNNEG_FUZZ=100000 pytest ...'
TABLE = "a\tr\tb\t1\n'c'\tr\tb\t-1\nd\tr\t\u03b2\t0.5\n"
RDF = (
    '<?xml version="1.0"?>\n<!DOCTYPE rdf:RDF [<!ENTITY o "http://www.w3.org/2002/07/owl#">]>\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/" xmlns:owl="&o;" '
    'xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"><owl:Class rdf:about="http://e/A"><rdfs:subClassOf>'
    '<owl:Restriction><owl:onProperty rdf:resource="http://e/p"/><owl:onClass rdf:resource="http://e/B"/>'
    "<owl:maxQualifiedCardinality>0</owl:maxQualifiedCardinality></owl:Restriction></rdfs:subClassOf></owl:Class>"
    '<owl:ObjectProperty rdf:about="http://e/p"/><e:A rdf:about="http://e/a"><e:p rdf:resource="http://e/b"/>'
    '<rdfs:label xml:lang="en">ay</rdfs:label></e:A></rdf:RDF>'
)
OBO = (
    "format-version: 1.4\n\n[Term]\nid: T:1\nname: a\nis_a: T:2\n"
    'relationship: has_part T:3 {cardinality="0", source="x"} ! c\n\n[Typedef]\nid: has_part\nname: has part\n'
)


def parquet() -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "\u03b2"]}), sink)
    return sink.getvalue()


# a whole file for each reader, by a name that tells it
WHOLE: dict[str, bytes] = {
    **{p.name: p.read_bytes() for p in sorted(EXCERPTS.iterdir()) if p.suffix in ENDINGS and p.name != "truewalks.tsv"},
    "truewalks": (EXCERPTS / "truewalks.tsv").read_bytes(),
    "a.tsv": TABLE.encode(),
    "a.csv": ("head,relation,tail,x\n" + TABLE.replace("\t", ",")).encode(),
    "a.parquet": parquet(),
    "a.jsonl": b'{"head": "a", "relation": "r", "tail": "b", "x": [1]}\n{"tail": 1, "relation": "r", "head": "c"}\n',
    "a.nt": b'<http://e/a> <http://e/r> <http://e/b> .\n_:x <http://e/r> "l"@en .\n',
    "a.nq": b"<http://e/a> <http://e/r> <http://e/b> <http://e/g> .\n",
    "a.rdf": RDF.encode(),
    "a.owl": RDF.encode(),
    "a.jsonld": json.dumps({"@id": "http://e/a", "http://e/p": {"@id": "http://e/b"}}).encode(),
    "b.obo": OBO.encode(),
    "b.gaf": (EXCERPTS / "goa.gaf")
    .read_bytes()
    .replace(b"2.2", b"2.1", 1)
    .replace(b"|enables", b"")
    .replace(b"enables", b""),
}
# what means something to one of them
WORDS = [
    *(b"\t", b"\n", b"\r", b"\r\n", b"\0", b"NOT", b"|", b"NOT|", b'"', b"'", b"<", b">", b"(", b")", b"[", b"]", b"{"),
    *(
        b"}",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xed\xa0\x80",
        b"\\u",
        b"\\uD800",
        b"\\U00110000",
        b"<>",
        b"_:",
    ),
    *(b".", b"!", b"#", b"0/0", b"1/2", b"100%", b"-1", b"nan", b"inf", b"1e999", b"9" * 400, b"GO:", b":", b"null"),
    *(b"true", b"&o;", b"&#0;", b"&#xD800;", b"<!--", b"]]>", b"@prefix", b"PAR1", b"\x1f\x8b\x08", b"BZh91AY&SY"),
]


def read(path: Path, name: str, content: bytes, format: str | None) -> None:
    """Reads a file, which must be refused or make sense."""
    path.write_bytes(content)
    try:
        found = read_statements(path, "truewalks" if name == "truewalks" else format)
    except UserError as error:
        said = str(error)
    else:
        make_sense(found)
        said = ""
    assert "\n" not in said
    assert len(said) < 2_000


def make_sense(found: Statements) -> None:
    table = found.table
    assert table.num_rows
    assert table.column_names[:4] == ["head", "relation", "tail", "label"]
    assert not any(column.null_count for column in table.columns)
    for role in ("head", "relation", "tail"):
        assert all(name.encode() for name in table[role].to_pylist())
    if "confidence" in table.column_names:
        assert all(0 <= x <= 1 for x in table["confidence"].to_pylist())
    assert all(number >= 0 for number in found.left_out.values())
    assert found.labels is None or not any(column.null_count for column in found.labels.columns)


SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
NAMES = st.sampled_from(sorted(WHOLE))
PIECES = st.sampled_from(WORDS) | st.binary(max_size=3)


@given(NAMES, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES), min_size=1, max_size=4))
@SETTINGS
def test_cut_and_pasted(tmp_path: Path, name: str, changes: list[tuple[float, int, bytes]]) -> None:
    content = WHOLE[name]
    for place, length, new in changes:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    read(tmp_path / name, name, content, None)


@given(NAMES, st.floats(0, 1), st.floats(0, 1))
@SETTINGS
def test_truncated(tmp_path: Path, name: str, start: float, end: float) -> None:
    content = WHOLE[name]
    read(tmp_path / name, name, content[int(start * start * len(content)) : int(end * len(content)) + 1], None)


@given(NAMES, st.integers(0, 40), st.integers(0, 20), st.integers(0, 40), PIECES)
@SETTINGS
def test_fields_changed_and_moved(tmp_path: Path, name: str, row: int, column: int, other: int, new: bytes) -> None:
    """Of the lines of a table, or what looks like one."""
    sign = b"\t" if b"\t" in WHOLE[name] else b"," if name.endswith("csv") else b" "
    rows = [line.split(sign) for line in WHOLE[name].split(b"\n")]
    fields = rows[row % len(rows)]
    column, other = column % len(fields), other % len(fields)
    fields[column], fields[other] = fields[other], fields[column]
    fields[column] = new if row % 2 else fields[column] + new
    read(tmp_path / name, name, b"\n".join(map(sign.join, rows)), None)


PACK: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress]


@given(
    st.sampled_from(sorted(READERS)),
    st.binary(max_size=200) | st.text(max_size=60).map(str.encode),
    st.sampled_from(PACK),
)
@example("owl", b"<Ontology", bytes)
@example("obo", b"[Term]", bytes)
@SETTINGS
def test_noise(tmp_path: Path, format: str, content: bytes, pack: Callable[[bytes], bytes]) -> None:
    read(tmp_path / "noise", "noise", pack(content), format)


@pytest.mark.parametrize("format", sorted(READERS))
def test_every_file_in_every_format(tmp_path: Path, format: str) -> None:
    for content in WHOLE.values():
        read(tmp_path / "a.xyz", "a.xyz", content, format)
        read(tmp_path / "a.xyz", "a.xyz", content.decode(errors="replace").encode("utf-16"), format)


def test_every_reader_has_a_whole_file(tmp_path: Path) -> None:
    formats = {"truewalks"} | {ENDINGS[Path(name).suffix] for name in WHOLE if name != "truewalks"}
    assert formats == set(READERS)
    for name, content in WHOLE.items():
        (tmp_path / name).write_bytes(content)
        assert read_statements(tmp_path / name, "truewalks" if name == "truewalks" else None).table.num_rows
