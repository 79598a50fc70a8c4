"""Turns files into text. Only this module handles compression, encoding and line ends, within a memory limit.

The compression is recognised by the first bytes of a file, not by its name. Text is UTF-8 with or without a byte order
mark (BOM), or UTF-16 with one. A line ends with LF, CRLF or CR.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from gnnneg.errors import UserError

MIB = 1 << 20
CHUNK = MIB
LARGEST = 256 * MIB  # largest size after unpacking, for any compression ratio
MEMORY = 1 << 30  # limit for an xz file; the largest preset of xz needs a fifteenth of this
RATIO = 100  # above LARGEST, the largest compression ratio; real text shrinks to a tenth, rarely to a fiftieth
LONGEST = 64 * MIB  # longest line
MARK = "\ufeff"

PACKED = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
# what people often have instead of the data file
OTHERS = {
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"Rar!\x1a\x07": "a rar archive: unpack it first",
    b"\x04\x22\x4d\x18": "packed with lz4: unpack it first",
    b"\x1f\x9d": "packed with compress (.Z): unpack it first",
    b"\x00\x00\xfe\xff": "in UTF-32: save it as UTF-8",
    b"\xff\xfe\x00\x00": "in UTF-32: save it as UTF-8",
    b"version https://git-lfs.github.com": "a pointer of Git LFS and not the file itself: fetch it with 'git lfs pull'",
    b"<!doctype html": "a web page: download the file that it links to",
    b"<html": "a web page: download the file that it links to",
}
TAR, AT = b"ustar", 257  # the signature of a tar archive and its position
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def text(path: str | Path) -> str:
    """The text of a file, without a byte order mark and with LF line ends.

    Raises:
        UserError: If the file is missing, damaged or not text, if a line is longer than :data:`LONGEST`, or if the file
            unpacks to more than both :data:`LARGEST` and :data:`RATIO` times its size.
    """
    return "".join(texts(path))


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, without line ends. Only one line is in memory at a time.

    Raises:
        UserError: As :func:`text`.
    """
    number, rest = 0, ""
    for piece in texts(path):
        *whole, rest = (rest + piece).split("\n")
        yield from enumerate(whole, number + 1)
        number += len(whole)
    if rest:
        yield number + 1, rest


def unpacked(path: str | Path) -> bytes:
    """The bytes of a file, decompressed. For files that are not text, such as parquet.

    Raises:
        UserError: If the file is missing or damaged, or unpacks to more than the limits of :func:`text`.
    """
    return b"".join(pieces(Path(path)))


def pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, decompressed, in pieces.

    Raises:
        UserError: As :func:`unpacked`.
    """
    with _opened(path) as file:
        kind = _compression(file)
        made = 0
        try:
            with _unpacking(file, kind) as stream:
                while piece := stream.read(CHUNK):
                    if not made:
                        _refuse_others(path, piece)
                        twice = next((k for k, magic in PACKED.items() if kind and magic.match(piece)), None)
                        if twice is not None:
                            raise UserError(f"{path} is packed twice ({twice} in {kind}): unpack it once.")
                    made += len(piece)
                    if kind is not None and made > LARGEST and made > RATIO * file.tell():
                        raise UserError(
                            f"{path} grows to more than {LARGEST // MIB} MiB and {RATIO} times its size when it is "
                            f"decompressed: if that is meant, decompress it ({kind}) and give the plain file."
                        )
                    yield piece
        except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, pa.ArrowException, MemoryError) as error:
            if isinstance(error, UserError):
                raise
            what = f"is not a whole {kind} file" if kind is not None else "cannot be read"
            raise UserError(f"{path} {what}: {str(error).rstrip('.') or type(error).__name__}.") from None


def beginning(path: str | Path, size: int = 1 << 16) -> bytes:
    """The first bytes of a file, decompressed: enough to recognise its format. Text is returned in UTF-8 without a BOM.

    Raises:
        UserError: If the file is missing or damaged.
    """
    found = b""
    for piece in pieces(Path(path)):
        found += piece
        if len(found) >= size:
            break
    mark, encoding = _encoding(found)
    start = found[len(mark) : size]
    return start if encoding == "utf-8" else start.decode(encoding, "ignore").encode()


def compression(path: str | Path) -> str | None:
    """The compression of a file, by its first bytes: ``gzip``, ``bzip2``, ``xz``, ``zstd`` or None.

    Raises:
        UserError: If the file is missing.
    """
    with _opened(Path(path)) as file:
        return _compression(file)


def ending(path: str | Path) -> str:
    """The file name extension in lower case, without the extension of the compression."""
    path = Path(path)
    plain = Path(path.stem) if path.suffix.lower() in SUFFIXES else path
    return plain.suffix.lower()


def texts(path: str | Path) -> Iterator[str]:
    """The text of a file, in pieces.

    Raises:
        UserError: As :func:`text`.
    """
    path = Path(path)
    decoder: io.IncrementalNewlineDecoder | None = None
    encoding, number, length, before = "", 1, 0, "\n"
    for last, piece in _with_last(pieces(path)):
        if decoder is None:
            mark, encoding = _encoding(piece)
            piece = piece[len(mark) :]
            decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
        try:
            found = decoder.decode(piece, final=last)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(encoding, "replace")
            line = number + good.replace("\r\n", "\n").replace("\r", "\n").count("\n")
            wrong = f" (byte {error.object[error.start]:#04x})" if error.start < len(error.object) else ""
            name = "UTF-16" if encoding != "utf-8" else "UTF-8"
            raise UserError(f"{path}:{line}: not text in {name}{wrong}: save it as UTF-8.") from None
        if "\0" in found:
            line = number + found.count("\n", 0, found.index("\0"))
            raise UserError(
                f"{path}:{line} is not text in UTF-8: it holds zero bytes; if it is UTF-16, save it as UTF-8."
            )
        if MARK in found:  # concatenated files can have an invisible BOM in the middle
            found = (before + found).replace("\n" + MARK, "\n")[len(before) :]
        number += found.count("\n")
        at = found.rfind("\n")
        length = length + len(found) if at < 0 else len(found) - at - 1
        if length > LONGEST:
            raise UserError(f"{path}:{number}: a line is longer than {LONGEST // MIB} MiB: is it the right file?")
        before = found[-1:] or before
        yield found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    if not path.is_file():  # a device such as /dev/zero never ends
        raise UserError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}, where a file is needed.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    with file:
        yield file


def _compression(file: BinaryIO) -> str | None:
    start = file.read(10)
    file.seek(0)
    return next((kind for kind, magic in PACKED.items() if magic.match(start)), None)


def _unpacking(file: BinaryIO, kind: str | None) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file)
    if kind == "bzip2":
        return _Streams(file, bz2.BZ2Decompressor)
    if kind == "xz":
        return _Streams(file, partial(lzma.LZMADecompressor, memlimit=MEMORY))
    if kind == "zstd":
        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return file


class _Streams:
    """Reads several compressed streams that follow one another in a file, with zero bytes between them, as ``xz`` pads
    them.

    Python's own readers stop without an error at anything after the first stream that does not directly start another
    one.
    """

    def __init__(self, file: BinaryIO, make: Callable[[], Any]):
        self.file, self.make = file, make
        self.decoder, self.next = make(), b""

    def __enter__(self) -> "_Streams":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        """At most this many bytes; none at the end."""
        while True:
            if self.decoder.eof and not self._another():
                return b""
            if self.decoder.needs_input:
                self.next = self.next or self.file.read(CHUNK)
                if not self.next:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            given, self.next = (self.next, b"") if self.decoder.needs_input else (b"", self.next)
            found: bytes = self.decoder.decompress(given, size)
            if found:
                return found

    def _another(self) -> bool:
        """Whether another stream follows the one that has ended."""
        rest = self.decoder.unused_data.lstrip(b"\0")
        while not rest and (more := self.file.read(CHUNK)):
            rest = more.lstrip(b"\0")
        if rest:
            self.decoder, self.next = self.make(), rest
        return bool(rest)


def _encoding(start: bytes) -> tuple[bytes, str]:
    return next(((mark, name) for mark, name in MARKS.items() if start.startswith(mark)), (b"", "utf-8"))


def _refuse_others(path: Path, start: bytes) -> None:
    plain = start[:64].removeprefix(codecs.BOM_UTF8).lstrip()
    if start[AT:].startswith(TAR):
        raise UserError(f"{path} is a tar archive: unpack it first.")
    for magic, what in OTHERS.items():
        if start.startswith(magic) or plain.lower().startswith(magic):
            raise UserError(f"{path} is {what}.")


def _with_last(found: Iterator[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Each piece, and whether it is the last. No piece is too short to hold a whole BOM."""
    held = b""
    for piece in found:
        if len(held) >= 4:
            yield False, held
            held = b""
        held += piece
    yield True, held
