import builtins
from pathlib import Path
from typing import Any

import pytest

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
