"""What the pieces of a step take on a machine: shipped as they were measured here, or measured on the user's own."""

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
    """Seconds of one processor's thread, each by the unit of what is done."""

    measured: str
    """The day."""
    command: str
    """What measured them."""
    machine: str
    step: float
    """A step by itself."""
    query: float
    """A number of a query's vector."""
    shared: dict[str, float]
    """A number of a pair of query and shared candidate, by similarity, there and back."""
    tiled: float
    """A number of such a pair under inner products and InfoNCE, which makes no matrix of scores, its loss included."""
    private: dict[str, float]
    """The same of a private candidate."""
    looked: dict[str, float]
    """The same of one that is only looked at."""
    copied: float
    """A number of a row that is copied to be looked at."""
    loss: dict[str, float]
    """A score, by loss."""
    draw: float
    """A candidate drawn."""
    filtered: float
    """A candidate looked up among known answers."""
    rows: dict[str, float]
    """A number of a row that a step touches, by optimiser, row-sparse; :obj:`FEW` rows, which caches hold."""
    many_rows: dict[str, float]
    """The same of :obj:`MANY` rows, which they do not."""
    dense: dict[str, float]
    """A number of a whole table, by optimiser."""


STATEMENT = {"store": 32, "examples": 12, "shuffle": 8, "known answers": 48}
"""Bytes of a statement on every machine; of known answers at most, where no two statements share a query."""
INDEXING = 60
"""Bytes of a statement at most while the index of known answers is made."""
NAMES = 60
"""Bytes of an entity's name, and its place in the index of names."""
PROGRAM = 530 << 20
"""Bytes of Python, torch and numba."""


def known() -> Constants:
    """The constants of this machine if they were measured, else those shipped."""
    file = cache() / FILE
    if not file.is_file():
        return shipped()
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        return Constants(**{field.name: given[field.name] for field in fields(Constants)})
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file} holds no constants of this version: measure anew with '{COMMAND}'.") from None


def kept(constants: Constants) -> Path:
    """Writes constants to the user's cache folder, and gives the file."""
    file = cache() / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(constants), indent=1) + "\n", encoding="utf-8")
    return file


def shipped() -> Constants:
    """The constants of the machine that this was written on."""
    return Constants(**json.loads(Path(__file__).with_name("shipped.json").read_text(encoding="utf-8")))
