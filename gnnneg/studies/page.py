"""The page of a study in Markdown: prose from the study file, all figures from the records."""

import re
from collections.abc import Sequence
from typing import Any

from gnnneg.report.paired import Stratified
from gnnneg.report.tables import duration
from gnnneg.studies.half_links import strata
from gnnneg.studies.tables import Figure, PairedTest, Row, Tables

FROM = re.compile(r"from the first (\d+) lines of")  # the number of records that a page was made from
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.?\d*|(?<![\w.\d])\.\d+")
HALVES = (
    "MRR by which half of a test query, the query's or the answer's, a training statement of its relation has. "
    "In brackets are the queries."
)
COLUMNS = ("variant", "seeds")


def page(tables: Tables, picture: str) -> str:
    """The whole page.

    Args:
        tables (Tables): The tables of the study.
        picture (str): The file name of the plot.
    """
    study = tables.definition
    file, records = study.path.as_posix(), f"results/{study.name}.jsonl"
    parts = [
        f"<!-- made by 'gnnneg study show {file} --out DIR' from the first {tables.records} lines of {records} -->",
        f"# {title(study.question)}",
        *filter(None, [study.question.removeprefix(title(study.question)).strip()]),
        answer(tables),
        f"![{study.metrics[0]} of every variant]({picture})",
    ]
    for (data, model), rows in tables.blocks.items():
        parts.append(f"## {', '.join(part for part in (data, model) if part)}")
        parts.append(table(*block(tables, rows)))
        if halves := by_half_links(rows):
            parts += [HALVES, table(*halves)]
    if tables.tests:
        parts.append("## Paired tests")
        parts.append(table(*tested(tables.tests)))
        parts.append(" ".join(remarks(tables)))
    parts.append("## Where the figures are from")
    parts.append(f"`gnnneg study run {file}` makes what is missing, and `{records}` has every figure.")
    return "\n\n".join(parts) + "\n"


def title(question: str) -> str:
    """The first sentence of a question."""
    return re.split(r"(?<=[.?!])\s", question, maxsplit=1)[0]


def answer(tables: Tables) -> str:
    """The answer so far."""
    there = f"{tables.there} of {tables.wanted} trainings have a record."
    said = tables.definition.answer
    return f"{said}\n\n{there}" if said else f"There is no answer yet. {there}"


def block(tables: Tables, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of the table of one data set and model."""
    metrics = tables.definition.metrics
    tuned = any(row.tuning is not None for row in rows)
    head = [*COLUMNS, *metrics, "cut short", "processor time", *(["tuned to"] if tuned else [])]
    return head, [_line(row, metrics, tuned) for row in rows]


def by_half_links(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]] | None:
    """The header and the lines of the table of MRR by half-links; None if no record has these values."""
    queries, figures = strata(rows)
    if not queries:
        return None
    head = ["variant", *(f"{name} ({count:,})" for name, count in queries.items())]
    return head, [[row.cell.variant, *map(figure, cells)] for row, cells in zip(rows, figures)]


def _line(row: Row, metrics: Sequence[str], tuned: bool) -> list[str]:
    wanted, there = len(row.cell.seeds), len(row.records)
    seeds = str(there) if there == wanted else f"{there} of {wanted}"
    cells = ["–" if there and metric not in row.figures else figure(row.figures.get(metric)) for metric in metrics]
    cut = f"{row.cut} of {there}" if row.cut else ""
    settings = "" if row.tuning is None else _settings(row.tuning["settings"])
    return [row.cell.variant, seeds, *cells, cut, duration(row.seconds), *([settings] if tuned else [])]


def figure(found: Figure | None) -> str:
    """A mean with its interval; a missing record is shown as missing."""
    if found is None:
        return "missing"
    ends = "" if found.low is None or found.high is None else f" [{found.low:.4f}, {found.high:.4f}]"
    return f"{found.mean:.4f}{ends}"


def tested(tests: Sequence[PairedTest]) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of the table of tests."""
    head = ["data", "model", "variant", "less", "difference", "95 % interval", "pairs", "better", "p", "Holm"]
    several = any(test.model for test in tests)
    lines = []
    for test in tests:
        beginning = [test.data or _sets(test), test.model, test.first, test.second]
        lines.append([*beginning, *_numbers(test.found, test.shared, test.p)])
    return (head, lines) if several else ([head[0], *head[2:]], [[line[0], *line[2:]] for line in lines])


def _sets(test: PairedTest) -> str:
    """What the mean of a comparison is over."""
    there = 0 if test.found is None else test.found.strata
    return f"all {test.sets}" if there == test.sets else f"{there} of {test.sets}"


def _numbers(found: Stratified | None, shared: int, p: float | None) -> list[str]:
    if found is None:
        return ["missing", "", str(shared), "", "", ""]
    ends = f"[{found.low:+.4f}, {found.high:+.4f}]"
    chance = ["", ""] if p is None else [f"{found.p:.4f}", f"{p:.4f}"]
    return [f"{found.difference:+.4f}", ends, str(found.n), str(found.up), *chance]


def remarks(tables: Tables) -> list[str]:
    """Remarks that are needed to read the tables."""
    metric = tables.definition.metrics[0]
    tests, made = tables.tests, sum(test.p is not None for test in tables.tests)
    several = "Only the mean over data sets, each of the same weight, is tested." * any(not test.data for test in tests)
    few = "A data set with fewer than two pairs has no interval." * any(
        test.found is None or test.found.strata < test.sets for test in tests
    )
    return [
        f"Tests compare {metric} of runs that share data set and seed.",
        *filter(None, [several, few]),
        f"p is from the paired t-test. Holm is p, corrected for {made} test{'s' * (made != 1)}.",
    ]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(_safe(cell) for cell in row)} |" for row in rows)


def strangers(text: str, known: str) -> list[str]:
    """The numbers of a text that do not occur in another text."""
    there = set(NUMBER.findall(known))
    return [number for number in NUMBER.findall(text) if number not in there]


def _settings(settings: dict[str, Any]) -> str:
    """The settings that tuning chose, each under the last words of its key."""
    found = []
    for name, value in settings.items():
        said = f"{value:.3g}" if isinstance(value, float) else str(value)
        found.append(f"{'.'.join(name.split('.')[-2:])} {said}")
    return ", ".join(found)


def _safe(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
