"""Records of measurements: what a benchmark has printed of one case, again and again, as medians."""

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnneg.studies.records import FORMAT, Record, Records

MEASUREMENT = "measurement"
BEGIN = f'{{"format":{FORMAT},"kind":"{MEASUREMENT}"'.encode()  # of every line of a file of measurements
NEEDED = ("kind", "row", "machine", "started", "seconds")
OF_ROW = ("suite", "case", "unit", "ours")
CASE = ("suite", "case", "unit", "peer_name", "entities", "processes", "clock")  # what a row says of its case
PLACE = ("cpu", "cores", "threads")  # figures of two machines are never put together
NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True)
class Spread:
    """A figure of several measurements.

    Args:
        median (float): The median.
        low (float): The least.
        high (float): The greatest.
        n (int): The number of measurements.
    """

    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Case:
    """All measurements of one case on one machine, whatever their commits.

    Args:
        about (dict): What their rows say of the case: suite, case, unit, peer and, for some suites, more.
        place (dict): The processor, its cores and the threads.
        figures (dict): The spread of each number of their rows, such as ``ours``, ``peer``, ``ratio``, ``peak_mib``.
        records (tuple[dict, ...]): The records, the oldest first.
    """

    about: dict[str, Any]
    place: dict[str, Any]
    figures: dict[str, Spread]
    records: tuple[Record, ...]


def lacks(record: Record) -> list[str]:
    """The keys that the record of a measurement must have, and this one has not."""
    gone = [key for key in NEEDED if key not in record]
    row = record.get("row")
    return gone + [f"row.{key}" for key in OF_ROW if not isinstance(row, dict) or key not in row]


def read(folder: Path) -> list[Record]:
    """The measurements of all files of a folder. Files that begin with anything else are passed over.

    Raises:
        UserError: If a line is damaged.
    """
    found: list[Record] = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            measured = file.read(len(BEGIN)) == BEGIN
        if measured:
            found += Records(path, lacks).read()
    return found


def cases(records: Iterable[Record]) -> list[Case]:
    """The cases of some measurements, each with the spread of its figures, in the order of their first records."""
    found: dict[tuple[Any, ...], list[Record]] = {}
    for record in sorted(records, key=lambda one: str(one["started"])):
        found.setdefault(_key(record), []).append(record)
    return [_case(some) for some in found.values()]


def _key(record: Record) -> tuple[Any, ...]:
    """What two measurements of one case have in common.

    Where nothing was measured beside ours, the name says why, and may have a number that is another each time.
    """
    about, place = {name: record["row"].get(name) for name in CASE}, record["machine"]
    if record["row"].get("peer") is None:
        about["peer_name"] = NUMBER.sub("", str(about["peer_name"]))
    return *about.values(), *(place.get(name) for name in PLACE)


def _case(records: list[Record]) -> Case:
    row, place = records[-1]["row"], records[-1]["machine"]
    numbers: dict[str, list[float]] = {}
    for record in records:
        for name, value in record["row"].items():
            if name not in CASE and isinstance(value, int | float) and not isinstance(value, bool):
                numbers.setdefault(name, []).append(float(value))
    return Case(
        {name: row[name] for name in CASE if name in row},
        {name: place.get(name) for name in PLACE},
        {name: Spread(statistics.median(of), min(of), max(of), len(of)) for name, of in numbers.items()},
        tuple(records),
    )
