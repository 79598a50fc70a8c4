"""Every figure of the README's table is that of the records."""

import re
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from gnnneg.cli.bench import SUITES
from gnnneg.studies import definition
from gnnneg.studies.measured import cases, read
from gnnneg.studies.page import NUMBER
from gnnneg.studies.recorder import Recorder
from gnnneg.studies.show import shown
from gnnneg.studies.tables import Row, numbers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
Figures = Callable[[], list[float] | None]  # of a row, in its order; None without records


def speed(suite: str, case: str, folder: Path = ROOT / "results") -> Figures:
    """The medians of a measurement: ours, and the one beside it."""

    def found() -> list[float] | None:
        alike = [one for one in of(folder) if (one.about["suite"], one.about["case"]) == (suite, case)]
        assert len(alike) < 2, f"{case} was measured with several peers or on several machines: say here which is meant"
        return [alike[0].figures[name].median for name in ("ours", "peer")] if alike else None

    return found


@cache
def of(folder: Path) -> list:
    return cases(read(folder))


@cache
def rows_of(study: str) -> list[Row]:
    return shown(ROOT / "studies" / f"{study}.yaml", ROOT / "results", lambda _: None).rows


def trained(study: str, model: str, variant: str, *metrics: str, spread: bool = False) -> Figures:
    """The mean of each metric over all seeds of a study, and its standard deviation; None while a seed is missing."""

    def found() -> list[float] | None:
        (row,) = [row for row in rows_of(study) if (row.cell.model, row.cell.variant) == (model, variant)]
        if row.missing:
            return None
        values = [[numbers(record)[metric] for record in row.records.values()] for metric in metrics]
        spreads = [[statistics.stdev(of)] if spread else [] for of in values]
        return [figure for of, more in zip(values, spreads) for figure in (statistics.fmean(of), *more)]

    return found


PAIRS = "PairClassification.all vectors hadamard.f1"
SOURCES: dict[str, Figures] = {
    "training, DistMult, 256 shared negatives, FB15k-237": speed("train", "DistMult, 256 negatives shared"),
    "training, RotatE, 256 private negatives": speed("train", "RotatE, 256 negatives private"),
    "exact filtered ranking, DistMult": speed("rank", "DistMult"),
    "FB15k-237, ComplEx of rank 100, test MRR": trained("marks", "ComplEx of rank 100", "its config", "mrr"),
    "WN18RR, RotatE of rank 200, test MRR": trained("marks", "RotatE of rank 200", "its config", "mrr"),
    "CoDEx-S, verified negatives, accuracy / F1": trained(
        "marks", "ComplEx of rank 256", "its config", "classification.accuracy", "classification.f1"
    ),
    "GO-NegStatements, pairs by dual vectors, weighted F1, 5 seeds": trained(
        "dual-softmax", "", "stated inherited", PAIRS, spread=True
    ),
}
# figures of others, from their papers
PUBLISHED = {".35 (kbc)", ".476 (RotatE)", ".843 / .852 (CoDEx, RESCAL)", ".673 (arXiv 2510.11868)"}


def table(readme: str) -> dict[str, list[str]]:
    """The rows of the table, by their first cells."""
    section = re.search(r"^## What is measured\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows[2:]}


def printed(row: list[str]) -> list[str]:
    """The numbers of a row that are measured here: all of ours, and what a peer came to beside us."""
    ours, beside = row[:2]
    peer = [] if beside in PUBLISHED else NUMBER.findall(beside.rpartition(":")[2])
    return NUMBER.findall(ours) + peer


def like(number: str, value: float) -> str:
    """A value with the digits of a number that is printed."""
    decimals = len(number.partition(".")[2])
    told = f"{value:,.{decimals}f}"
    return told.removeprefix("0") if number.startswith(".") else told


def wrong(rows: dict[str, list[str]], figures: dict[str, Figures]) -> Iterator[str]:
    """What is not as the records have it, a sentence each."""
    for name in set(figures) - set(rows):
        yield f"{name} is no longer in the README: take it out of this file."
    for name, row in rows.items():
        there = printed(row)
        if name not in figures:
            yield f"{name}: say in this file which records its figures are of."
        elif (found := figures[name]()) is None:
            yield f"{name}: {there} have no record: make it, or leave them out."
        elif len(there) != len(found):
            yield f"{name} has {len(there)} numbers and the records have {len(found)}."
        else:
            told = [like(number, value) for number, value in zip(there, found)]
            if told != there:
                yield f"{name}: the README has {there}, and the records have {told}: write these."


def test_every_figure_of_the_table_is_in_the_records():
    assert list(wrong(table(README), SOURCES)) == []


def test_the_last_column_says_what_records_the_figures():
    """A study of the repository that has this data set, or the suite of ``gnnneg bench``."""
    for name, row in table(README).items():
        told = re.fullmatch(r"\[(\S+)\]\(studies/\1\.yaml\)|`gnnneg bench (\w+)`", row[2])
        assert told, f"{name} does not say which study it is of"
        if told[1]:
            study = definition.read(ROOT / "studies" / f"{told[1]}.yaml")
            assert name.split(",")[0] in {cell.data for cell in study.cells}
        else:
            assert any(case.name.split(",")[0] in name for case in SUITES[told[2]])


def test_no_figure_stands_beside_the_table():
    """Prose of the README has numbers of things and of versions, and none that was measured."""
    text = re.sub(r"^```.*?^```|^## What is measured\n.*?^## |\]\([^)]*\)", "", README, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"(?<![\w.,])(?:\d+(?:,\d{3})+|\d*\.\d+)(?![\w.]*\.\d)", text)
    versions = {"3.11", "2.8"}  # of Python, of PyG
    assert set(found) <= versions


ROWS = {"a": ["1,235 / s", "PyKEEN 1.11.1: 12.3", ""], "b": [".50 ± .01", ".35 (kbc)", ""]}
KNOWN: dict[str, Figures] = {"a": lambda: [1234.6, 12.34], "b": lambda: [0.499, 0.0149]}


@pytest.mark.parametrize(
    ("rows", "figures", "said"),  # the first two are changes to those above
    [
        ({}, {}, None),
        ({"a": ["1,234 / s", *ROWS["a"][1:]]}, {}, r"a: the README has \['1,234', .* \['1,235', '12.3'\]"),
        ({"a": ["1,235 / s", "PyKEEN 1.11.1: 12.4", ""]}, {}, r"records have \['1,235', '12.3'\]"),
        ({"a": ["1,235 / s", "2.0 (a paper)", ""]}, {}, r"a: the README has"),  # not one that is listed
        ({"a": ["1,235 / s", ".35 (kbc)", ""]}, {}, "a has 1 numbers and the records have 2"),
        ({}, {"b": lambda: None}, r"b: \['.50', '.01'\] have no record"),
        ({"b": None}, {}, "b is no longer in the README"),
        ({"c": ["7", "", ""]}, {}, "c: say in this file which records"),
    ],
)
def test_what_is_wrong_is_found(rows, figures, said):
    changed = [
        {name: value for name, value in {**one, **change}.items() if value is not None}
        for one, change in ((ROWS, rows), (KNOWN, figures))
    ]
    found = list(wrong(*changed))
    assert len(found) == (said is not None)
    assert all(re.match(f".*{said}", one) for one in found)


def test_medians_of_measurements_are_found_by_suite_and_case(tmp_path):
    recorder = Recorder(tmp_path / "speed.jsonl", 2)
    row = {"suite": "rank", "case": "DistMult", "unit": "triples/s", "peer_name": "PyKEEN", "peer": 2.0}
    for ours in (3.0, 9.0, 4.0):
        recorder({**row, "ours": ours})
    assert speed("rank", "DistMult", tmp_path)() == [4.0, 2.0]
    assert speed("train", "DistMult", tmp_path)() is None


def test_means_of_trainings_are_found_by_model_and_variant():
    """The study of the town has all its records: the mean is that of its page, to four digits."""
    (row,) = [row for row in rows_of("town") if row.cell.variant == "hard"]
    mean, spread = trained("town", "", "hard", "mrr", spread=True)()
    assert mean == pytest.approx(row.figures["mrr"].mean)
    assert 0 < spread < row.figures["mrr"].high - row.figures["mrr"].low
