"""Costs of the parts of a training step on a machine: shipped values, or measured on the user's machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from gnnneg.data.download import cache
from gnnneg.errors import UserError

COMMAND = "gnnneg plan --measure"
FEW, MANY = 4096, 131072
FILE = "machine.json"  # in the user's cache folder


@dataclass(frozen=True)
class Constants:
    """Seconds of one processor thread, each for one unit of work."""

    measured: str
    """The date of the measurement."""
    command: str
    """The command that measured them."""
    machine: str
    step: float
    """The fixed cost of a step."""
    query: float
    """One component of a query vector."""
    shared: dict[str, float]
    """One component of a pair of query and shared candidate, by similarity, forward and backward."""
    tiled: float
    """The same for inner products with InfoNCE, computed without a score matrix; the loss is included."""
    private: dict[str, float]
    """The same for private candidates."""
    looked: dict[str, float]
    """The same for private candidates that are only scored, without gradient."""
    fetched: float
    """One component of a row that several processes fetch for a step: finding it among all candidates, and copying it.
    """
    chosen: float
    """One candidate of a pool of which a share is chosen by its score."""
    loss: dict[str, float]
    """One score, by loss."""
    draw: float
    """One drawn candidate."""
    filtered: float
    """One candidate looked up among the known answers."""
    rows: dict[str, float]
    """One component of a row that a step updates, by optimiser, row-sparse; for :obj:`FEW` rows, which fit into the
    caches.
    """
    many_rows: dict[str, float]
    """The same for :obj:`MANY` rows, which do not fit."""
    dense: dict[str, float]
    """One component of a whole table, by optimiser."""


STATEMENT = {"store": 32, "examples": 12, "shuffle": 8, "known answers": 48}
"""Bytes of one statement on every machine. For known answers this is the maximum, reached if no two statements share a
query.
"""
INDEXING = 60
"""Most bytes of one statement while the index of known answers is built."""
NAMES = 60
"""Bytes of an entity's name and of its place in the index of names."""
PROGRAM = 610 << 20
"""Bytes of Python, torch and numba, with the kernels of a step."""


def known() -> Constants:
    """The measured constants of this machine, or the shipped ones if it was not measured."""
    file = cache() / FILE
    if not file.is_file():
        return shipped()
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        return Constants(**{field.name: given[field.name] for field in fields(Constants)})
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file} holds no constants of this version: measure again with '{COMMAND}'.") from None


def kept(constants: Constants) -> Path:
    """Writes constants to the user's cache folder and returns the file."""
    file = cache() / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(constants), indent=1) + "\n", encoding="utf-8")
    return file


def shipped() -> Constants:
    """The constants of the machine that the shipped values were measured on."""
    return Constants(**json.loads(Path(__file__).with_name("shipped.json").read_text(encoding="utf-8")))
