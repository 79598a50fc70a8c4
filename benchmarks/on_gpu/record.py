"""The record of what was measured: one JSON object a line, each with its device and code."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import torch

Record = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
MARK = "device", "toy", "code"  # if one of these differs, all is measured again; the commit is for readers
MEASURED = "gnnneg", "benchmarks", "tests", "configs"


def where(toy: bool) -> Record:
    """The device and the code, as each record names them."""
    return {"device": "cpu" if toy else _devices(), "toy": toy, "code": _code(), "commit": _commit()}


def records(path: Path) -> list[Record]:
    """What has been measured so far; a half-written last line is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def measured(found: list[Record], mark: Record) -> list[Record]:
    """Of each case the last attempt, where the mark is the same."""
    kept = {key(one): one for one in found if all(one.get(name) == mark.get(name) for name in MARK)}
    return list(kept.values())


def latest(found: list[Record]) -> list[Record]:
    """Of each case the last attempt, where and with what code the last record was made."""
    return measured(found, found[-1]) if found else []


def key(one: Record) -> tuple[str | None, ...]:
    """What names a case."""
    return tuple(one.get(name) for name in ("part", "case", "who", "size"))


def is_done(part: str, found: list[Record]) -> bool:
    """Whether a part came to its end, without an error in any of its cases."""
    mine = [one for one in found if one["part"] == part]
    return any(one.get("end") == "done" for one in mine) and not any("error" in one for one in mine)


def _devices() -> str:
    count = torch.cuda.device_count()
    return f"{count} x {torch.cuda.get_device_name(0)}" if count > 1 else torch.cuda.get_device_name(0)


def _code() -> str:
    """A digest of the code. Unlike the commit, it also changes with what is not committed, and needs no git."""
    digest = hashlib.sha256()
    for folder in MEASURED:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".yaml"):
                digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _commit() -> str | None:
    words = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
