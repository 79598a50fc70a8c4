"""Tables in Markdown of what ``gpu.py`` recorded: ``python benchmarks/gpu_table.py results/gpu.jsonl steps``."""

import sys
from collections.abc import Iterator
from pathlib import Path

from on_gpu.record import Record, latest, records


def steps(found: list[Record]) -> list[list[str]]:
    """Milliseconds a training step, and how often ours goes into PyKEEN's."""
    rows = [["step", "plain, ms", "replayed, ms", "launches", "waits", "PyKEEN, ms", "PyKEEN / plain", "/ replayed"]]
    part = [one for one in found if one["part"] == "steps" and one.get("size") == "paper"]
    for case, by in cases(part):
        peer, plain, again = (by.get(who) for who in ("PyKEEN", "eager", "graph"))
        ratios = [f"{peer['ms'] / one['ms']:.0f}" if peer and one else "" for one in (plain, again)]
        rows.append([case, ms(plain), ms(again), count(plain, "launches"), count(plain, "waits"), ms(peer), *ratios])
    return rows


def large(found: list[Record]) -> list[list[str]]:
    """Steps on a million entities, against the bytes that the card copies a second."""
    copy = max(one["gb_per_second"] for one in found if one["part"] == "machine" and one["case"] == "copy")
    rows = [["step", "ms", "statements a second", "share of the copying rate", "MiB"]]
    for one in found:
        if one["part"] == "steps" and one.get("size") == "large":
            share = f"{one['gb_per_second'] / copy:.0%}" if "gb_per_second" in one else ""
            rows.append([one["case"], ms(one), f"{one['per_second']:,.0f}", share, count(one, "peak_mib")])
    return rows


def made(found: list[Record]) -> list[list[str]]:
    """Steps with other negatives, plain and replayed."""
    rows = [["negatives", "plain, ms", "launches", "waits", "replayed, ms", "if not, why"]]
    for case, by in cases([one for one in found if one["part"] == "made"]):
        plain, again = by.get("eager"), by.get("graph")
        kept = [ms(again), ""] if again and again.get("replayed") else ["", str((again or {}).get("obstacle", ""))]
        rows.append([case, ms(plain), count(plain, "launches"), count(plain, "waits"), *kept])
    return rows


def peers(found: list[Record]) -> list[list[str]]:
    """Ranking and graph networks beside the fastest of PyKEEN's and PyG's, by what is done a second."""
    rows = [["what, a second", "ours", "launches", "MiB", "beside", "rate", "launches", "MiB", "ratio"]]
    for part, unit in (("rank", "statements"), ("rgcn", "edges"), ("nbfnet", "queries")):
        for case, by in cases([one for one in found if one["part"] == part]):
            ours = by.pop("ours", None)
            peer = max(by.values(), key=lambda one: one["per_second"], default=None)
            if ours is None or peer is None:
                continue
            sides = [
                [f"{one['per_second']:,.4g}", count(one, "launches"), count(one, "peak_mib")] for one in (ours, peer)
            ]
            ratio = f"{ours['per_second'] / peer['per_second']:.0f}"
            rows.append([f"{part}, {case}: {unit}", *sides[0], peer["who"], *sides[1], ratio])
    return rows


def cases(part: list[Record]) -> Iterator[tuple[str, dict[str, Record]]]:
    """Each case with what every side of it came to."""
    for case in dict.fromkeys(one["case"] for one in part if "who" in one):
        yield case, {one["who"]: one for one in part if one["case"] == case}


TABLES = {"steps": steps, "large": large, "made": made, "peers": peers}


def ms(one: Record | None) -> str:
    return "" if one is None else f"{one['ms']:.2f}" if one["ms"] < 10 else f"{one['ms']:.0f}"


def count(one: Record | None, name: str) -> str:
    return f"{one[name]:,.0f}" if one and name in one else ""


def table(name: str, path: Path) -> str:
    """One of the tables, of the last attempts of a record that came to something."""
    return markdown(TABLES[name]([one for one in latest(records(path)) if "error" not in one]))


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row the heads; all columns but the first are numbers."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


if __name__ == "__main__":
    print(table(sys.argv[2], Path(sys.argv[1])))
