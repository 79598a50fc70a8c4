"""Every way in which a file may be written down gives the same text, and what is no text ends in one sentence."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data import decode
from gnnneg.data.decode import beginning, compression, ending, lines, text, unpacked
from gnnneg.errors import UserError


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train.tsv"), io.BytesIO())
    return out.getvalue()


def zstd(raw: bytes) -> bytes:
    return pa.compress(raw, codec="zstd", asbytes=True)


PACK: dict[str, Callable[[bytes], bytes]] = {
    **{"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd},
}
CODINGS = {
    "utf-8": lambda s: s.encode(),
    "utf-8 with a mark": lambda s: s.encode("utf-8-sig"),
    "utf-16 little": lambda s: b"\xff\xfe" + s.encode("utf-16-le"),
    "utf-16 big": lambda s: b"\xfe\xff" + s.encode("utf-16-be"),
}
TEXT = "β-catenin\tbinds\tα\n\n'𝔘'\tr\té\n"


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_same_text_however_it_is_written(tmp_path: Path, kind: str, coding: str, end: str) -> None:
    path = tmp_path / "a.txt"  # whose name tells nothing
    path.write_bytes(PACK[kind](CODINGS[coding](TEXT.replace("\n", end))))
    assert text(path) == TEXT
    assert list(lines(path)) == [(1, "β-catenin\tbinds\tα"), (2, ""), (3, "'𝔘'\tr\té")]
    assert beginning(path).startswith("β-catenin".encode())
    assert compression(path) == (None if kind == "plain" else kind)


ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=40)


@given(ANY, st.sampled_from(sorted(PACK)), st.sampled_from(sorted(CODINGS)), st.integers(1, 5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_may_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, kind: str, coding: str, chunk: int
) -> None:
    """In the midst of a character, of CRLF, of a line: as Python's own universal line ends."""
    monkeypatch.setattr(decode, "CHUNK", chunk + 3)  # a mark is read at once
    path = tmp_path / "a"
    path.write_bytes(PACK[kind](CODINGS[coding](content)))
    meant = content.replace("\r\n", "\n").replace("\r", "\n")
    assert text(path) == meant
    assert [line for _, line in lines(path)] == meant.removesuffix("\n").split("\n") if meant else True


def test_joined_files_keep_no_mark_in_their_midst(tmp_path: Path) -> None:
    one = "a\tr\tb\n".encode("utf-8-sig")
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf" + one + one + one)
    assert text(tmp_path / "a") == "a\tr\tb\n" * 3
    (tmp_path / "a.gz").write_bytes(gzip.compress(one) + gzip.compress(one))  # members of one archive
    assert text(tmp_path / "a.gz") == "a\tr\tb\n" * 2
    (tmp_path / "a.zst").write_bytes(zstd(one) + zstd(one))
    assert text(tmp_path / "a.zst") == "a\tr\tb\n" * 2
    (tmp_path / "a.bz2").write_bytes(bz2.compress(one) + bz2.compress(one))
    assert text(tmp_path / "a.bz2") == "a\tr\tb\n" * 2
    padded = lzma.compress(one) + bytes(4)  # as the format allows, and as xz writes streams for a disk's blocks
    (tmp_path / "a.xz").write_bytes(padded + padded)
    assert text(tmp_path / "a.xz") == "a\tr\tb\n" * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\r\ncaf\xe9\n".encode("latin-1"), r"a:2: not text in UTF-8 \(byte 0xe9\): save it as UTF-8"),
        (b"\xff\xfea\x00\n\x00\x00\xd8b\x00", r"a:2: not text in UTF-16"),
        (b"\xff\xfea\x00\n", r"a:1: not text in UTF-16"),
        ("a\nb\n".encode("utf-16-le"), r"a:1 .*holds zero bytes; if it is UTF-16, save it as UTF-8"),
        ("a\n".encode("utf-32"), "in UTF-32: save it as UTF-8"),
        (b"a\nb\nc\0", r"a:3 .*holds zero bytes"),
        (b"PK\x03\x04....", "zip archive: unpack it first"),
        (b"\n<!DOCTYPE HTML><html>", "a web page: download the file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS"),
        (gzip.compress(b"a", mtime=0)[:-3], "not a whole gzip file"),
        (gzip.compress(b"a", mtime=0) + b"junk", "not a whole gzip file"),
        (bz2.compress(b"a" * 99)[:-3], "not a whole bzip2 file"),
        (lzma.compress(b"a" * 99)[:-9], "not a whole xz file"),
        (zstd(b"abc" * 99)[:-4], "not a whole zstd file"),
        (bz2.compress(b"a") + b"junk", "not a whole bzip2 file"),
        (lzma.compress(b"a") + b"junk", "not a whole xz file"),
        (lzma.compress(b"a") + lzma.compress(b"b" * 99)[:-9], "not a whole xz file"),
        (gzip.compress(tar(), mtime=0), "a tar archive: unpack it first"),
        (b"\x04\x22\x4d\x18" + bytes(30), "packed with lz4: unpack it first"),
        (gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), r"packed twice \(gzip in gzip\)"),
    ],
)
def test_what_is_no_text_ends_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a").write_bytes(content)
    for reader in (text, lambda path: list(lines(path))):
        with pytest.raises(UserError, match=said):
            reader(tmp_path / "a")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no does not exist"):
        text(tmp_path / "no")
    with pytest.raises(UserError, match="is a folder, where a file is needed"):
        text(tmp_path)
    if os.path.exists("/dev/zero"):
        with pytest.raises(UserError, match="/dev/zero is no regular file"):
            text("/dev/zero")


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_a_bomb_is_refused_and_says_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(decode, "LARGEST", 4 << 20)
    path = tmp_path / "tb.tsv.gz"
    path.write_bytes(PACK[kind](b"a\tr\tb\n" * (1 << 20)))
    for reader in (text, unpacked, lambda path: sum(1 for _ in lines(path))):
        with pytest.raises(UserError, match=rf"more than 4 MiB and 100 times its size .* decompress it \({kind}\)"):
            reader(path)
    path.write_bytes(PACK[kind](bytes(12 << 20)))  # zero bytes end at the first
    with pytest.raises(UserError, match="zero bytes"):
        text(path)
    path.write_bytes(b"a\tr\tb\n" * (1 << 20))
    assert len(text(path)) == 6 << 20, "a plain file may be as large as it is"
    if kind == "gzip":
        path.write_bytes(gzip.compress(os.urandom(3 << 20).hex().encode(), 1))
        assert len(text(path)) == 6 << 20, "and a packed one that is packed in earnest"


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "LONGEST", 1 << 20)
    (tmp_path / "a").write_bytes(b"a\n" + b"b" * (3 << 20))
    for reader in (text, lambda path: list(lines(path))):
        with pytest.raises(UserError, match="a:2: a line is longer than 1 MiB: is it the right file"):
            reader(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"b" * (1 << 20) + b"\n" + b"b" * (1 << 20))
    assert len(list(lines(tmp_path / "a"))) == 2


def test_endings() -> None:
    names = ("a.tsv", "a.TSV.gz", "a.b.nt.bz2", "a.ttl.xz", "a.csv.zst", "a.gz", "a")
    assert [ending(name) for name in names] == [".tsv", ".tsv", ".nt", ".ttl", ".csv", "", ""]
