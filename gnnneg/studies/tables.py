"""The tables of a study, computed from its records alone."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gnnneg.errors import UserError, echo, nearest
from gnnneg.report.paired import Stratified, holm, paired, stratified
from gnnneg.report.tables import flat
from gnnneg.studies.definition import Cell, Definition
from gnnneg.studies.records import Record
from gnnneg.studies.standing import Standing


@dataclass(frozen=True)
class Figure:
    """The mean of a metric over seeds.

    Args:
        mean (float): The mean.
        low (float, optional): Lower end of its 95 % interval (Student's t); None for a single seed.
        high (float, optional): Upper end of the interval.
    """

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Row:
    """A cell of a study with the metrics of its seeds.

    Args:
        cell (Cell): The cell.
        records (dict): The valid record of each seed that has one.
        figures (dict): The mean of each metric of its records.
        tuning (dict, optional): The record of its tuning.
    """

    cell: Cell
    records: dict[int, Record]
    figures: dict[str, Figure]
    tuning: Record | None

    @property
    def missing(self) -> list[int]:
        """The seeds without a record."""
        return [seed for seed in self.cell.seeds if seed not in self.records]

    @property
    def seconds(self) -> float | None:
        """Mean processor seconds of a training."""
        found = [record["seconds"]["processor"] for record in self.records.values()]
        return statistics.fmean(found) if found else None

    @property
    def cut(self) -> int:
        """The number of trainings that were ended only by their time budget."""
        return sum(record.get("ended") == "seconds" for record in self.records.values())


@dataclass(frozen=True)
class PairedTest:
    """A paired comparison of two variants of one model, on one data set or over all of the model.

    Args:
        data (str): The data set; empty for the mean over all data sets.
        model (str): The model.
        first (str): The first variant.
        second (str): The second.
        found (Stratified, optional): The statistics of first minus second; None if no data set has two pairs.
        shared (int): The number of pairs.
        sets (int): The number of data sets that it is over, with and without records.
        tested (bool): Whether it is a test. If there are several data sets, only the mean over all is tested.
        p (float, optional): The p-value, corrected for all tests of the study; None if it is not tested.
    """

    data: str
    model: str
    first: str
    second: str
    found: Stratified | None
    shared: int
    sets: int
    tested: bool
    p: float | None = None


@dataclass(frozen=True)
class Tables:
    """All results of a study.

    Args:
        definition (Definition): The study.
        rows (list[Row]): One row for each cell, including cells without records.
        tests (list[PairedTest]): The paired tests.
        records (int): The number of records that were read.
    """

    definition: Definition
    rows: list[Row]
    tests: list[PairedTest] = field(default_factory=list)
    records: int = 0

    @property
    def blocks(self) -> dict[tuple[str, str], list[Row]]:
        """The rows of each data set and model, best first by the first metric. Rows without figures are last."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.cell.data, row.cell.model), []).append(row)
        first = self.definition.metrics[0]
        for rows in found.values():
            rows.sort(key=lambda row: -row.figures[first].mean if first in row.figures else float("inf"))
        return found

    @property
    def wanted(self) -> int:
        """The number of trainings in the study."""
        return sum(len(row.cell.seeds) for row in self.rows)

    @property
    def there(self) -> int:
        """The number of trainings with a valid record."""
        return sum(len(row.records) for row in self.rows)


def tables(definition: Definition, standing: Standing, records: int) -> Tables:
    """Computes the tables of a study.

    Means are over the seeds with records. A comparison pairs the metrics of equal data sets and seeds. There is one for
    each data set and, if there are several, one of the mean over all of them, each with the same weight. Then only the
    latter is tested. For the former there are intervals, because a correction for all of them would hide every effect.
    P-values are those of :func:`~gnnneg.report.paired.stratified`, corrected by Holm's method for all tests of a study.

    Args:
        definition (Definition): The study.
        standing (Standing): The records that are still valid.
        records (int): The total number of records.

    Raises:
        UserError: If there are records, but none has a metric that the study names.
    """
    rows = [_row(definition, cell, standing) for cell in definition.cells]
    known = dict.fromkeys(name for row in rows for record in row.records.values() for name in numbers(record))
    for metric in definition.metrics:
        if known and metric not in known:
            raise UserError(
                f"{definition.path}: no record has the metric {echo(metric)}: {nearest(metric, list(known))}"
            )
    tests = _tests(definition, rows)
    corrected = iter(holm([test.found.p for test in tests if test.tested and test.found is not None]))
    tests = [replace(test, p=next(corrected)) if test.tested and test.found else test for test in tests]
    return Tables(definition, rows, tests, records)


def numbers(record: Record) -> dict[str, float]:
    """The test metrics of a record by name. Validation metrics, and those of a run without a test, are named like
    ``valid.mrr``.
    """
    found: dict[str, Any] = {}
    for split, figures in record["metrics"].items():
        before = "" if split == "test" else f"{split}."
        found |= {f"{before}{name}": value for name, value in flat(figures).items()}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def _row(definition: Definition, cell: Cell, standing: Standing) -> Row:
    records = {seed: standing.fresh[*cell.place, seed] for seed in cell.seeds if (*cell.place, seed) in standing.fresh}
    figures = {}
    for metric in definition.metrics:
        values = [value for record in records.values() if (value := numbers(record).get(metric)) is not None]
        if values:
            found = paired(values)
            figures[metric] = Figure(found.difference, found.low, found.high)
    return Row(cell, records, figures, standing.fresh.get((*cell.place, None)))


def _tests(definition: Definition, rows: Sequence[Row]) -> list[PairedTest]:
    found = []
    by_place = {row.cell.place: row for row in rows}
    models = dict.fromkeys(row.cell.model for row in rows)
    data = list(dict.fromkeys(row.cell.data for row in rows))
    for model in models:
        for first, second in definition.tests:
            pairs = {
                name: _pairs(by_place[name, model, first], by_place[name, model, second], definition.metrics[0])
                for name in data
                if (name, model, first) in by_place and (name, model, second) in by_place
            }
            several = {"": list(pairs.values())} if len(pairs) > 1 else {}
            for name, groups in {**{name: [of] for name, of in pairs.items()}, **several}.items():
                enough = [group for group in groups if len(group) > 1]
                result = stratified(enough) if enough else None
                shared, tested = sum(map(len, enough or groups)), not several or not name
                found.append(PairedTest(name, model, first, second, result, shared, len(groups), tested))
    return found


def _pairs(one: Row, other: Row, metric: str) -> list[float]:
    """For each seed that both have, the first metric minus the second."""
    both = [
        (numbers(record).get(metric), numbers(other.records[seed]).get(metric))
        for seed, record in one.records.items()
        if seed in other.records
    ]
    return [first - second for first, second in both if first is not None and second is not None]
