"""The part of a record that says where, when, with which versions and by which command it was made."""

import os
import sys
from datetime import UTC, datetime
from typing import Any


def machine(about: dict[str, Any]) -> dict[str, Any]:
    """The keys that records of trainings and of measurements share.

    Args:
        about (dict): What :func:`gnnneg.experiment.environment.environment` told at the beginning.
    """
    commit = about.get("commit")
    here = {name: about.get(name) for name in ("cpu", "cores", "threads", "device", "gpu", "platform")}
    return {
        "command": about.get("command", sys.argv),
        "commit": commit and commit.removesuffix("+"),
        "dirty": None if commit is None else commit.endswith("+"),
        "machine": {**here, "memory_mib": _memory()},
        "versions": about.get("versions"),
        "started": about.get("started"),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _memory() -> int | None:
    """The memory of this machine, if the system reports it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (ValueError, OSError, AttributeError):  # Windows
        return None
