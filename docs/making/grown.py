"""The page of what chosen negatives are worth as graphs grow, from the records of ``benchmarks/at_scale.py``."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from gnnneg.digits import written
from gnnneg.studies.measured import cases, read
from making.pages import Pages, heading, table

ROOT = Path(__file__).parents[2]
SUITE = "at-scale"
Rows = dict[tuple[int, str], dict[str, Any]]  # by entities and negatives
HEADER = ["entities", "negatives", "test MRR", "Hits\\@10", "steps", "in fact true", "above the target"]
ABOUT = """Worlds whose whole truth is known, four fifths of it stated; ComplEx of width 64 with reciprocal relations,
InfoNCE, RowAdagrad, batches of 1,024. All negatives of a size had the same seconds of one thread, training and
validation. *In fact true* is the share of drawn negatives that the world says are true, *above the target* those that
the trained model puts above the answer, by their weights. One seed.

"""


def write(pages: Pages) -> None:
    """The page, also while nothing has a record."""
    found = [one for one in cases(read(ROOT / "results")) if one.about["suite"] == SUITE]
    by = {(one.about["entities"], one.about["case"]): one.records[-1]["row"] for one in found}
    pages.add("at-scale.rst", page(by))
    if by:
        pages.add("at-scale.svg", plot(by))


def plot(by: Rows) -> str:
    """The picture, as the benchmark draws it."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "at-scale.svg"
        _script().draw({key: {**row, "mrr": row["ours"]} for key, row in by.items()}, picture)
        return picture.read_text()


def page(by: Rows) -> str:
    """The table, and where the plot is."""
    text = heading("Negatives as graphs grow")
    if not by:
        return f"{text}Nothing has a record yet: ``python benchmarks/at_scale.py --record results/at-scale.jsonl``.\n"
    seconds = {size: row["asked"]["max_seconds"] for (size, _), row in by.items()}
    text += ABOUT + "Seconds: " + ", ".join(f"{s:,.0f} with {size:,} entities" for size, s in seconds.items()) + ".\n\n"
    text += ".. image:: at-scale.svg\n   :alt: Test MRR by entities, and validation MRR by seconds for each size\n\n"
    place = {name: number for number, name in enumerate(_script().SAMPLERS)}  # records come as runs ended
    keys = sorted(by, key=lambda key: (key[0], place.get(key[1], len(place))))
    return text + table(HEADER, (_line(*key, by[key]) for key in keys))


def _line(size: int, name: str, row: dict[str, Any]) -> list[str]:
    shares = (written(row[key], 3) for key in ("true", "above"))
    return [f"{size:,}", name, written(row["ours"]), written(row["hits"]), f"{row['steps']:,}", *shares]


def _script():  # type: ignore[no-untyped-def]
    """The benchmark, which draws its own plot."""
    folder = str(ROOT / "benchmarks")
    if folder not in sys.path:
        sys.path.append(folder)
    import at_scale

    return at_scale
