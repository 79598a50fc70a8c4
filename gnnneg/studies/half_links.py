"""MRR by the half-links seen in training, computed from the records of a study."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gnnneg.experiment.half_links import KEY
from gnnneg.report.paired import paired
from gnnneg.studies.records import Record
from gnnneg.studies.tables import Figure, Row


def strata(rows: Sequence[Row]) -> tuple[dict[str, int], list[list[Figure | None]]]:
    """The number of queries of each stratum in a record, largest first, and each row's mean MRR in it over its seeds.

    Args:
        rows (list[Row]): The rows of one data set and model, which have the same queries.
    """
    found = [[_figures(record) for record in row.records.values()] for row in rows]
    queries = {name: int(of["queries"]) for seeds in found for one in seeds for name, of in one.items()}
    names = sorted(queries, key=lambda name: -queries[name])
    return (
        {name: queries[name] for name in names},
        [[_mean([one[name]["mrr"] for one in seeds if name in one]) for name in names] for seeds in found],
    )


def by_stratum(row: Row) -> dict[str, Any]:
    """The queries and the MRR of one row in each stratum, for JSON."""
    queries, (figures,) = strata([row])
    return {name: {"queries": queries[name], "mrr": asdict(figure)} for name, figure in zip(queries, figures) if figure}


def _figures(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = record["metrics"].get("test", {}).get(KEY, {})
    return found


def _mean(values: Sequence[float]) -> Figure | None:
    if not values:
        return None
    found = paired(values)
    return Figure(found.difference, found.low, found.high)
