"""Fetches the files of a card: mirror first, checked, resumed, retried, and never half there."""

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnnneg.data.catalogue import Card, FileSource
from gnnneg.data.decode import LARGEST, RATIO, pieces
from gnnneg.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHUNK = 1 << 18
LONG = 4 << 20
TIMEOUT = 30.0


def cache() -> Path:
    """The default folder of data sets: ``$XDG_CACHE_HOME/gnnneg``, or ``~/.cache/gnnneg``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gnnneg"


def sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(card: Card, folder: Path) -> None:
    """Checks the files of a card that are in ``folder`` against their digests.

    Raises:
        UserError: If one is missing or was changed.
    """
    for name in card.needed:
        digest, path = card.files[name].sha256, folder / name
        if not path.is_file():
            raise UserError(f"{path} does not exist, but the card of {card.name} names it.")
        if digest and sha256(path) != digest:
            raise UserError(f"{path} was changed since its card was written: restore it, or import the data again.")


def fetch(dataset: str, name: str, source: FileSource, target: Path, attempts: int = 5, wait: float = 0.5) -> Path:
    """Downloads one file to ``target``, uncompressed and checked. A file that is already there and right stays.

    ``GNNNEG_MIRROR`` (a folder or an address) is tried before the source, as ``MIRROR/<dataset>/<name>`` and the same
    with ``.gz``. If a file there is damaged, there is a warning and the next place is tried. A partial download is kept
    beside the target, and the next call continues it.

    Args:
        dataset (str): Name of the data set, the folder in the mirror.
        name (str): Name of the file.
        source (Source): Its address and digest.
        target (Path): Where to put it.
        attempts (int): Number of attempts if a connection fails or the server has an error. (default: :obj:`5`)
        wait (float): Seconds before the second attempt; doubled each time. (default: :obj:`0.5`)

    Raises:
        UserError: If it cannot be had, or its bytes are not those that the card promises.
    """
    if _right(target, source):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        if _right(target, source):  # another process may have brought it while this one waited
            return target
        return _fetched(dataset, name, source, target, attempts, wait)


def _right(target: Path, source: FileSource) -> bool:
    return target.is_file() and (source.sha256 is None or sha256(target) == source.sha256)


def _fetched(dataset: str, name: str, source: FileSource, target: Path, attempts: int, wait: float) -> Path:
    tried: list[str] = []
    damaged: list[str] = []
    for place in _places(dataset, name, source):
        for fresh in (False, True):
            part = _download(place, target, attempts, wait, tried)
            if part is None:
                break
            resumed, path = part
            wrong = _put_in_place(path, place, source, target)
            if wrong is None:
                _tell(damaged, place)
                return target
            if fresh or not resumed:  # a resumed download may be two versions glued together: once from the start
                damaged.append(f"{place} {wrong}")
                break
    if damaged:
        right = "the right file" if source.sha256 is None else f"the file with sha256 {source.sha256}"
        raise UserError(
            f"{'; '.join([*damaged, *tried])}: it is damaged or another version, and was not kept; put {right} in its "
            f"place, or at {target}."
        )
    what = f"{dataset}/{name}"
    mirror = os.path.expanduser(os.environ.get("GNNNEG_MIRROR") or "")
    if mirror and not _remote(mirror):
        has = "has no such file" if os.path.isdir(mirror) else "is no folder"
        tried.insert(0, f"GNNNEG_MIRROR, {mirror}, {has}")
    if not tried:
        raise UserError(f"{what} has no source address: put the file at {target}, or set GNNNEG_MIRROR.")
    raise UserError(
        f"Cannot fetch {what} ({'; '.join(tried)}): put the file at {target}, or set GNNNEG_MIRROR to a folder or "
        f"address that has {what}."
    )


def _tell(damaged: list[str], place: str) -> None:
    """Warns of what lies damaged in a mirror, for another place had the file."""
    if damaged:
        warnings.warn(
            f"{'; '.join(damaged)}: it is damaged or another version, so the file was taken from {place}: replace it.",
            stacklevel=4,
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes out that bring files into the same folder, where the system can; they wait."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _places(dataset: str, name: str, source: FileSource) -> Iterator[str]:
    mirror = os.environ.get("GNNNEG_MIRROR")
    if mirror:
        mirror = mirror if _remote(mirror) else os.path.expanduser(mirror)
        base = f"{mirror.rstrip('/')}/{dataset}/{name}"
        if not _remote(mirror):
            yield from (f"{base}{end}" for end in ("", ".gz") if Path(f"{base}{end}").is_file())
        else:
            quoted = f"{mirror.rstrip('/')}/{urllib.parse.quote(f'{dataset}/{name}')}"
            yield from (quoted, quoted + ".gz")
    if source.url:
        yield source.url


def _remote(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _download(place: str, target: Path, attempts: int, wait: float, tried: list[str]) -> tuple[bool, Path] | None:
    """The downloaded file and whether it was resumed; None, with the reason in ``tried``, if it cannot be had."""
    if not _remote(place):
        return False, Path(place)
    # one partial file per address, so that two sources are never glued together
    part = target.with_name(f".{target.name}.{hashlib.sha256(place.encode()).hexdigest()[:8]}.part")
    resumed = part.is_file()
    for attempt in range(attempts):
        try:
            _receive(place, part)
            return resumed, part
        except urllib.error.HTTPError as error:
            reason = f"{place} answers {error.code} {error.reason}"
            error.close()
            if error.code == 416:  # the partial file is longer than the whole: it is another file
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 425, 429):
                break
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno == 28:
                raise
            reason = f"{place}: {getattr(error, 'reason', None) or error}"
        resumed = part.is_file()
        if attempt + 1 < attempts:
            time.sleep(wait * 2**attempt)
    tried.append(reason)
    return None


def _receive(place: str, part: Path) -> None:
    """Appends to ``part`` what it lacks; an early end of the connection is an error."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(place, headers={"User-Agent": "gnnneg", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if have and response.status != 206:
            have = 0  # the server does not resume: from the start
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        with part.open("ab" if have else "wb") as file, _progress(part.name, have, total) as advance:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                advance(len(chunk))
    if total is not None and have < total:
        raise http.client.IncompleteRead(b"", total - have)


@contextmanager
def _progress(name: str, have: int, total: int | None) -> Iterator:
    if total is not None and total - have < LONG:
        yield lambda size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as p:
        task = p.add_task(name[1:].rsplit(".", 2)[0], total=total, completed=have)
        yield lambda size: p.advance(task, size)


def _put_in_place(path: Path, place: str, source: FileSource, target: Path) -> str | None:
    """Decompresses, checks and renames; returned is what is wrong with the file, if it is not the right one."""
    new = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with path.open("rb") as file, new.open("wb") as out:
            if source.member is not None and place == source.url:
                with zipfile.ZipFile(file) as archive, archive.open(source.member) as plain:
                    info = archive.getinfo(source.member)
                    if info.file_size > LARGEST and info.file_size > RATIO * info.compress_size:
                        raise UserError(f"{path} grows more than {RATIO} times when it is decompressed.")
                    shutil.copyfileobj(plain, out, CHUNK)
            elif place.endswith(".gz") and not target.name.endswith(".gz"):
                out.writelines(pieces(path))
            else:
                shutil.copyfileobj(file, out, CHUNK)
        digest = sha256(new)
        if source.sha256 is None or digest == source.sha256:
            os.replace(new, target)
            if _remote(place):
                path.unlink(missing_ok=True)
            return None
        wrong = f"has sha256 {digest[:12]}..., but the card says {source.sha256[:12]}..."
    except UserError as error:
        wrong = str(error).removeprefix(f"{path} ").rstrip(".")
    except (zipfile.BadZipFile, KeyError):
        wrong = f"is not a whole zip archive that has {source.member}"
    finally:
        new.unlink(missing_ok=True)
        if _remote(place) and path.is_file():
            path.unlink()
    return wrong
