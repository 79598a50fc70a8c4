import errno
import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gnnneg.data import decode, download
from gnnneg.data.catalogue import FileSource
from gnnneg.data.download import fetch
from gnnneg.errors import UserError

CONTENT = b"".join(b"a%d\tr\tb%d\n" % (i, i) for i in range(50_000))
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``cut`` ends the first answers early, ``fail`` answers the first requests with that status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []
        self.fail: list[int] = []
        self.ranges = True
        self.log: list[tuple[str, str | None, int]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        content = server.files.get(self.path)
        status = server.fail.pop(0) if server.fail else 404 if content is None else 200
        begin = 0
        if status == 200 and asked and server.ranges:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            status = 206 if begin < len(content or b"") else 416
        server.log.append((self.path, asked, status))
        if status not in (200, 206):
            self.send_error(status)
            return
        body = (content or b"")[begin:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut.pop(0)] if server.cut else body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("GNNNEG_MIRROR", raising=False)
    server = Server()
    server.files["/train.txt"] = CONTENT
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def bring(server: Server, target: Path, sha256: str | None = SHA, **kwargs: int) -> Path:
    return fetch("toy", "train.txt", FileSource(f"{server.address}/train.txt", sha256), target, wait=0.0, **kwargs)


def statuses(server: Server) -> list[int]:
    return [status for *_, status in server.log]


def test_a_file_comes_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "raw" / "train.txt"
    assert bring(server, target).read_bytes() == CONTENT
    bring(server, target)
    assert statuses(server) == [200]
    assert [p.name for p in target.parent.iterdir()] == ["train.txt"], "nothing else is left behind"


def test_a_cut_connection_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cut = [len(CONTENT) // 2, 1000]
    bring(server, tmp_path / "train.txt")
    assert (tmp_path / "train.txt").read_bytes() == CONTENT
    first, second, third = server.log
    half = len(CONTENT) // 2
    assert (first[1:], second[1:], third[1:]) == ((None, 200), (f"bytes={half}-", 206), (f"bytes={half + 1000}-", 206))


def test_a_partial_file_of_an_earlier_run_is_used(server: Server, tmp_path: Path) -> None:
    server.cut = [1234]
    with pytest.raises(UserError, match="Cannot fetch toy/train"):
        bring(server, tmp_path / "train.txt", attempts=1)
    assert not (tmp_path / "train.txt").exists()
    bring(server, tmp_path / "train.txt")
    assert server.log[-1][1:] == ("bytes=1234-", 206)


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cut = False, [1000]
    assert bring(server, tmp_path / "train.txt").read_bytes() == CONTENT
    assert statuses(server) == [200, 200]


def test_a_partial_file_of_another_content_is_thrown_away(server: Server, tmp_path: Path) -> None:
    """The source changed between two runs: what was resumed is wrong, so it is fetched once more from the start."""
    server.files["/train.txt"], server.cut = b"x" * 5000, [1000]
    with pytest.raises(UserError):
        bring(server, tmp_path / "train.txt", attempts=1)
    server.files["/train.txt"] = CONTENT
    assert bring(server, tmp_path / "train.txt").read_bytes() == CONTENT
    assert statuses(server) == [200, 206, 200]


def test_a_partial_file_longer_than_the_whole(server: Server, tmp_path: Path) -> None:
    server.files["/train.txt"], server.cut = CONTENT * 2, [len(CONTENT) + 5]
    with pytest.raises(UserError):
        bring(server, tmp_path / "train.txt", attempts=1)
    server.files["/train.txt"] = CONTENT
    assert bring(server, tmp_path / "train.txt").read_bytes() == CONTENT
    assert statuses(server) == [200, 416, 200]


def test_trouble_is_waited_out(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.fail = [500, 503]
    fetch("toy", "train.txt", FileSource(f"{server.address}/train.txt", SHA), tmp_path / "train.txt", wait=0.5)
    assert statuses(server) == [500, 503, 200]
    assert slept == [0.5, 1.0]
    server.fail = [500] * 9
    with pytest.raises(UserError, match=r"answers 500 .* set GNNNEG_MIRROR"):
        bring(server, tmp_path / "other.txt", attempts=3)
    assert statuses(server)[3:] == [500] * 3


def test_a_missing_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"Cannot fetch toy/no\.txt \(http://.* answers 404 Not Found\): put the file at"
    ):
        fetch("toy", "no.txt", FileSource(f"{server.address}/no.txt"), tmp_path / "no.txt", wait=0.0)
    assert statuses(server) == [404]


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GNNNEG_MIRROR", raising=False)
    with pytest.raises(UserError, match=r"Connection refused\): put the file at .*train\.txt, or set GNNNEG_MIRROR"):
        fetch("toy", "train.txt", FileSource("http://127.0.0.1:9/train.txt"), tmp_path / "train.txt", wait=0.0)
    with pytest.raises(UserError, match="no source address"):
        fetch("toy", "train.txt", FileSource(), tmp_path / "train.txt")


def test_a_wrong_checksum_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"has sha256 {SHA[:12]}\.\.\., but the card says 000000000000"):
        bring(server, tmp_path / "train.txt", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == [], "neither the file nor a part of it is kept"


def test_without_a_digest_what_is_there_is_kept(server: Server, tmp_path: Path) -> None:
    bring(server, tmp_path / "train.txt", sha256=None)
    bring(server, tmp_path / "train.txt", sha256=None)
    assert statuses(server) == [200]


def test_a_full_disk_is_told_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_receive", full)
    with pytest.raises(OSError, match="No space left"):
        bring(server, tmp_path / "train.txt")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("remote", [False, True])
def test_the_mirror_comes_first(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, remote: bool
) -> None:
    content, name = (gzip.compress(CONTENT), "train.txt.gz") if packed else (CONTENT, "train.txt")
    if remote:
        server.files[f"/mirror/toy/{name}"] = content
        monkeypatch.setenv("GNNNEG_MIRROR", f"{server.address}/mirror/")
    else:
        (tmp_path / "mirror" / "toy").mkdir(parents=True)
        (tmp_path / "mirror" / "toy" / name).write_bytes(content)
        monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "mirror"))
    source = FileSource("http://127.0.0.1:9/never", SHA)
    assert fetch("toy", "train.txt", source, tmp_path / "train.txt").read_bytes() == CONTENT
    if not remote:
        assert (tmp_path / "mirror" / "toy" / name).read_bytes() == content, "the mirror is left as it is"
        assert server.log == []


def test_a_mirror_without_the_file_leads_to_the_source(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "nothing"))
    assert bring(server, tmp_path / "train.txt").read_bytes() == CONTENT
    monkeypatch.setenv("GNNNEG_MIRROR", f"{server.address}/mirror")
    assert bring(server, tmp_path / "again.txt").read_bytes() == CONTENT
    assert [(path, status) for path, _, status in server.log[1:]] == [
        ("/mirror/toy/train.txt", 404),
        ("/mirror/toy/train.txt.gz", 404),
        ("/train.txt", 200),
    ]


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("train.txt.gz", gzip.compress(CONTENT)[:-20], "is not a whole gzip file: .*"),
        ("train.txt.gz", gzip.compress(CONTENT[1:]), rf"has sha256 .*, but the card says {SHA[:12]}\.\.\."),
        ("train.txt", CONTENT[1:], rf"has sha256 .*, but the card says {SHA[:12]}\.\.\."),
        ("train.txt", b"", rf"has sha256 e3b0c44298fc\.\.\., but the card says {SHA[:12]}\.\.\."),
    ],
    ids=["cut", "another", "plain", "empty"],
)
def test_a_damaged_mirror_is_said_and_the_source_tried(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, wrong: str
) -> None:
    (tmp_path / "toy").mkdir()
    place, target = tmp_path / "toy" / name, tmp_path / "raw" / "train.txt"
    place.write_bytes(content)
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path))
    with pytest.warns(UserWarning, match=rf"^{place} {wrong}: it is damaged or .* was taken from {server.address}/tra"):
        bring(server, target)
    assert target.read_bytes() == CONTENT
    assert place.read_bytes() == content, "the mirror is left as it is"
    target.unlink()
    del server.files["/train.txt"]
    told = rf"^{place} {wrong}; http.* answers 404 .*: it is .*; put the file with sha256 {SHA} in its place, or at "
    with pytest.raises(UserError, match=f"{told}{target}"):
        bring(server, target)
    with pytest.raises(
        UserError, match=rf"^{place} {wrong}: it is damaged .*; put the file with sha256 {SHA} in its pla"
    ):
        fetch("toy", "train.txt", FileSource(None, SHA), target)
    assert not list(target.parent.iterdir())


def test_one_of_two_in_a_mirror_may_be_damaged(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "train.txt").write_bytes(CONTENT[1:])
    (tmp_path / "toy" / "train.txt.gz").write_bytes(gzip.compress(CONTENT))
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path))
    with pytest.warns(UserWarning, match=r"train\.txt has sha256 .* was taken from .*train\.txt\.gz: replace it"):
        bring(server, tmp_path / "raw" / "train.txt")
    assert (tmp_path / "raw" / "train.txt").read_bytes() == CONTENT
    assert server.log == []


def test_a_long_download_shows_its_progress(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(download, "LONG", 0)
    assert bring(server, tmp_path / "train.txt").read_bytes() == CONTENT
    assert capfd.readouterr().err == "", "but not into a file"


def test_a_member_of_an_archive(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror has the member itself, the address the archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("16k/train.txt", CONTENT)
    server.files["/all.zip"] = archive.getvalue()
    source = FileSource(f"{server.address}/all.zip", SHA, member="16k/train.txt")
    assert fetch("toy", "train.txt", source, tmp_path / "train.txt", wait=0.0).read_bytes() == CONTENT
    for member, content in (("16k/no.txt", archive.getvalue()), ("16k/train.txt", archive.getvalue()[:-30])):
        server.files["/all.zip"] = content
        lacking = FileSource(source.url, SHA, member=member)
        with pytest.raises(UserError, match=f"is not a whole zip archive that has {member}"):
            fetch("toy", "train.txt", lacking, tmp_path / "other.txt", wait=0.0)
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "train.txt").write_bytes(CONTENT)
    monkeypatch.setenv("GNNNEG_MIRROR", str(tmp_path / "mirror"))
    server.log.clear()
    assert fetch("toy", "train.txt", source, tmp_path / "third.txt", wait=0.0).read_bytes() == CONTENT
    assert server.log == []


def test_of_several_at_once_one_brings_the_file(server: Server, tmp_path: Path) -> None:
    """A sweep on a fresh machine: the others wait and find it."""
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(bring(server, tmp_path / "train.txt"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == CONTENT for path in found] == [True] * 4
    assert statuses(server) == [200]
    assert [p.name for p in tmp_path.iterdir()] == ["train.txt"]


def test_a_bomb_in_a_mirror(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "LARGEST", 1 << 20)
    del server.files["/train.txt"]
    server.files["/mirror/toy/train.txt.gz"] = gzip.compress(b"a\tr\tb\n" * (1 << 20))
    monkeypatch.setenv("GNNNEG_MIRROR", f"{server.address}/mirror/")
    with pytest.raises(UserError, match=r"train\.txt\.gz grows to more than 1 MiB and 100 times its size"):
        bring(server, tmp_path / "train.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_is_not_there_is_mentioned(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mirror, wrong in ((tmp_path / "nothing", "is no folder"), (tmp_path, "has no such file")):
        monkeypatch.setenv("GNNNEG_MIRROR", str(mirror))
        with pytest.raises(UserError, match=rf"\(GNNNEG_MIRROR, {mirror}, {wrong}; http://.*404"):
            fetch("toy", "no.txt", FileSource(f"{server.address}/no.txt"), tmp_path / "no.txt", wait=0.0)
