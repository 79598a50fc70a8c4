import builtins
import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import ENDINGS, READERS, read_statements
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
    assert set(READERS) - shown == {"csv", "tsv", "parquet", "ntriples", "truewalks"}  # which have tests of their own
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
