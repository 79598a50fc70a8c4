"""The page of measured speed and memory: all its figures are medians of records, in ``results/``."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from gnnneg.digits import rate
from gnnneg.studies.measured import Case, Spread, cases, read
from making import grown
from making.pages import Pages, heading, table

ROOT = Path(__file__).parents[2]
TITLES = {
    "train": "Training beside PyKEEN",
    "rank": "Exact filtered ranking beside PyKEEN",
    "emu": "Steps with EMU",
    "negatives": "Drawing negatives",
    "rgcn": "R-GCN beside PyG",
    "nbfnet": "Bellman-Ford networks beside PyG",
    "scale": "A large graph, from its text to its test",
    "plan": "Steps beside what is planned",
    "sharded": "A table shared by processes",
}
HEADER = ["case", "ours", "beside it", "times", "MiB", "last measured"]
MADE = "``gnnneg bench SUITE --record results/speed.jsonl``"


def write(pages: Pages) -> None:
    """The page, also while nothing has a record."""
    found = [one for one in cases(read(ROOT / "results")) if one.about["suite"] != grown.SUITE]
    pages.add("speed.rst", page(found))


def page(found: list[Case]) -> str:
    """A table for each suite on each machine."""
    text = heading("Speed and memory")
    if not found:
        return f"{text}No measurement has a record yet: {MADE} makes some.\n"
    text += (
        f"{MADE} adds a record for each row, and so do some scripts of ``benchmarks/``. A figure is the median of all\n"
    )
    text += (
        "records of its case, with the least and the greatest, whatever their commits. *Times* is how many times as\n"
    )
    text += "fast ours is. A ``+`` after a commit says that files were changed.\n\n"
    for (suite, place), some in groupby(sorted(found, key=_group), key=_group):
        text += heading(TITLES.get(suite, suite), "-") + _spoken(*place) + "\n\n"
        text += table(HEADER, map(line, some), "24 20 26 8 10 12", "names")
    return text


def line(case: Case) -> list[str]:
    """The cells of one case."""
    unit, name = case.about["unit"], case.about.get("peer_name") or ""
    ours, peer, ratio = (case.figures.get(figure) for figure in ("ours", "peer", "ratio"))
    memory = [case.figures[figure] for figure in ("peak_mib", "peer_peak_mib") if figure in case.figures]
    beside = f"{name}: {told(peer, unit)}" if peer else name
    mib = " against ".join(rate(one.median) for one in memory)
    return [
        _safe(_named(case)),
        told(ours, unit),
        _safe(beside),
        f"{ratio.median:.2f}" if ratio else "",
        mib,
        _last(case),
    ]


def told(figure: Spread | None, unit: str) -> str:
    """A median with its range and the number of records."""
    if figure is None:
        return "not a number"
    if figure.n == 1:
        return f"{rate(figure.median)} {unit} (1 record)"
    return f"{rate(figure.median)} {unit} ({rate(figure.low)} to {rate(figure.high)}, {figure.n} records)"


def _safe(text: str) -> str:
    """A text without the signs of reStructuredText."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def _group(case: Case) -> tuple[str, tuple[str, ...]]:
    return case.about["suite"], tuple(str(value) for value in case.place.values())


def _spoken(cpu: str, cores: str, threads: str) -> str:
    return f"{cpu}, {cores} cores, threads of a process: {threads}."


def _named(case: Case) -> str:
    """The case, and for which size, how many processes and by which clock it was measured."""
    return ", ".join([case.about["case"], *_options(case)])


def _options(case: Case) -> Iterator[str]:
    if "entities" in case.about:
        yield f"{case.about['entities']:,} entities"
    if case.about.get("processes", 1) > 1:
        yield f"{case.about['processes']} processes"
    if case.about.get("clock") == "processor":
        yield "processor time"


def _last(case: Case) -> str:
    """The day and the commit of the last record."""
    last = case.records[-1]
    commit = f", ``{last['commit'][:7]}{'+' if last['dirty'] else ''}``" if last.get("commit") else ""
    return f"{str(last['started'])[:10]}{commit}"
