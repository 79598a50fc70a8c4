"""What is asked at the size of Wikidata5M beside what ``scale.py`` and ``scale_samplers.py`` recorded: in Markdown.

``python benchmarks/scale_table.py results`` prints the tables of ``docs/scale.md``. Figures are medians of all
records at that size that were made with two threads.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from gpu_table import markdown
from scale_samplers import CASES, SUITE

from gnnneg.studies.measured import Case, Spread, cases, read

ENTITIES = 4_600_000
STATEMENTS = 4.5 * ENTITIES  # as scale.py writes them
HEAD = ["", "asked", "measured", "least and greatest"]


def rate(name: str = "ours") -> Callable[[Case], tuple[float, ...]]:
    return lambda case: _of(case.figures[name])


def inverse(case: Case) -> tuple[float, ...]:
    """How many times as long ours takes as what stands beside it."""
    ratio = case.figures["ratio"]
    return 1 / ratio.median, 1 / ratio.high, 1 / ratio.low, ratio.n


def imported(case: Case) -> tuple[float, ...]:
    ours = case.figures["ours"]
    return STATEMENTS / ours.median, STATEMENTS / ours.high, STATEMENTS / ours.low, ours.n


def gibibytes(case: Case) -> tuple[float, ...]:
    peak = case.figures["peak_mib"]
    return peak.median / 1024, peak.low / 1024, peak.high / 1024, peak.n


def _of(found: Spread) -> tuple[float, ...]:
    return found.median, found.low, found.high, found.n


SHARED, HARDEST = "1,000 shared", "hardest 64 of 256"
WHOLE, KILLED = "ComplEx, whole run", "seconds until it trains, killed: the same bits"
IMPORT, RANKED = "import of the text", "exact ranking of 1,000"
PRODUCTS = "its rows and products alone"
BIGGRAPH = f"BigGraph, {ENTITIES:,} entities"
SECOND = "{:,.0f}/s"
# what, asked, the case and what stands beside it, the figure and how it is written
ROWS: list[tuple[str, str, str, str | None, Callable[[Case], tuple[float, ...]], str]] = [
    ("import of the text", "at most 300 s", IMPORT, None, imported, "{:.0f} s"),
    ("its peak", "at most 6 GiB", IMPORT, None, gibibytes, "{:.1f} GiB"),
    ("DistMult, 1,000 shared negatives", "at least 100,000/s", f"DistMult, {SHARED}", PRODUCTS, rate(), SECOND),
    ("ComplEx, the same", "at least 60,000/s", f"ComplEx, {SHARED}", PRODUCTS, rate(), SECOND),
    (f"DistMult, {HARDEST} private ones", "at least 15,000/s", f"DistMult, {HARDEST}", None, rate(), SECOND),
    (
        "DistMult beside its rows and products",
        "at least 0.50",
        f"DistMult, {SHARED}",
        PRODUCTS,
        rate("ratio"),
        "{:.2f}",
    ),
    *(
        (f"{name} beside PyTorch-BigGraph", "", f"{name}, {SHARED}", BIGGRAPH, rate("ratio"), "{:.1f} times as fast")
        for name in ("DistMult", "ComplEx")
    ),
    ("exact ranking beside its products", "at most 1.30 times as long", RANKED, None, inverse, "{:.2f}"),
    ("whole run of ComplEx, its peak", "at most 9 GiB", WHOLE, None, gibibytes, "{:.1f} GiB"),
    ("whole run of ComplEx", "", WHOLE, None, rate(), "{:.0f} s"),
    ("killed by `kill -9`, the same bits: until it trains", "at most 60 s", KILLED, None, rate(), "{:.0f} s"),
    ("a new run: until it trains", "", KILLED, None, rate("peer"), "{:.0f} s"),
]


def table(found: list[Case]) -> list[list[str]]:
    """The table, its first row the heads."""
    lines = [HEAD]
    for what, asked, name, beside, figure, form in ROWS:
        lines.append([what, asked, *_told(_case(found, name, beside), figure, form)])
    return lines


def samplers(found: list[Case]) -> list[list[str]]:
    """The same of the samplers that this size bears, and what the others are refused with."""
    lines = [["negatives of a query", "statements a second", "peak, or why not"]]
    for name in CASES:
        case, no = (_case(found, one, None, SUITE) for one in (name, f"refused: {name}"))
        if case is not None:
            lines.append([name, _told(case, rate(), "{:,.0f}")[0], _told(case, gibibytes, "{:.1f} GiB")[0]])
        else:
            lines.append([name, "", "not recorded" if no is None else no.about["peer_name"]])
    return lines


def _case(found: list[Case], name: str, beside: str | None, suite: str = "scale") -> Case | None:
    def fits(case: Case) -> bool:
        about, size = case.about, (case.about.get("entities"), case.place.get("threads"), case.about.get("clock"))
        return (about["suite"], about["case"], *size) == (suite, name, ENTITIES, 2, "wall") and (
            beside is None or about.get("peer_name") == beside
        )

    return next((case for case in reversed(found) if fits(case)), None)


def _told(case: Case | None, figure: Callable[[Case], tuple[float, ...]], form: str) -> list[str]:
    if case is None:
        return ["not recorded", ""]
    median, low, high, n = figure(case)
    if n == 1:
        return [form.format(median), "1 record"]
    return [form.format(median), f"{form.format(low)} to {form.format(high)}, {n:.0f} records"]


def whole(folder: Path) -> dict[str, str]:
    """The tables of the records of a folder, by name."""
    found = cases(read(folder))
    return {"scale": markdown(table(found)), "samplers": markdown(samplers(found))}


if __name__ == "__main__":
    print("\n\n".join(whole(Path(sys.argv[1])).values()))
