"""Tables in Markdown of what ``gpu.py`` recorded: ``python benchmarks/gpu_table.py results/gpu.jsonl steps``."""

import sys
from pathlib import Path
from typing import Any

from gpu import records

Record = dict[str, Any]


def steps(found: list[Record]) -> list[list[str]]:
    """Milliseconds a training step, and how often ours goes into PyKEEN's."""
    rows = [["step", "plain, ms", "replayed, ms", "launches", "waits", "PyKEEN, ms", "PyKEEN / plain", "/ replayed"]]
    part = [one for one in found if one["part"] == "steps" and one.get("size") == "paper"]
    for case in dict.fromkeys(one["case"] for one in part):
        by = {one["who"]: one for one in part if one["case"] == case}
        peer, plain, again = (by.get(who) for who in ("PyKEEN", "eager", "graph"))
        ratios = [f"{peer['ms'] / one['ms']:.0f}" if peer and one else "" for one in (plain, again)]
        known = [ms(plain), ms(again), str(plain["launches"]), str(plain["waits"]), ms(peer)]
        rows.append([case, *known, *ratios])
    return rows


def large(found: list[Record]) -> list[list[str]]:
    """Steps on a million entities, against the bytes that the card copies a second."""
    copy = max(one["gb_per_second"] for one in found if one["part"] == "machine" and one["case"] == "copy")
    rows = [["step", "ms", "statements a second", "share of the copying rate", "MiB"]]
    for one in found:
        if one["part"] == "steps" and one.get("size") == "large":
            share = f"{one['gb_per_second'] / copy:.0%}" if "gb_per_second" in one else ""
            rows.append([one["case"], ms(one), f"{one['per_second']:,.0f}", share, f"{one['peak_mib']:,.0f}"])
    return rows


def made(found: list[Record]) -> list[list[str]]:
    """Steps with other negatives, plain and replayed."""
    rows = [["negatives", "plain, ms", "launches", "waits", "replayed, ms", "if not, why"]]
    part = [one for one in found if one["part"] == "made" and "ms" in one]
    for case in dict.fromkeys(one["case"] for one in part):
        by = {one["who"]: one for one in part if one["case"] == case}
        plain, again = by["eager"], by["graph"]
        kept = [ms(again), ""] if again.get("replayed") else ["", str(again.get("obstacle"))]
        rows.append([case, ms(plain), str(plain["launches"]), str(plain["waits"]), *kept])
    return rows


def peers(found: list[Record]) -> list[list[str]]:
    """Ranking and graph networks beside PyKEEN's and PyG's, by what is done a second."""
    rows = [["what, a second", "ours", "launches", "MiB", "beside", "rate", "launches", "MiB", "ratio"]]
    for part, unit in (("rank", "statements"), ("rgcn", "edges"), ("nbfnet", "queries")):
        some = [one for one in found if one["part"] == part and "ms" in one]
        for case in dict.fromkeys(one["case"] for one in some):
            ours, *others = sorted((one for one in some if one["case"] == case), key=lambda one: one["who"] != "ours")
            for peer in others:
                left, right = (
                    [f"{one['per_second']:,.4g}", count(one, "launches"), count(one, "peak_mib")]
                    for one in (ours, peer)
                )
                ratio = f"{ours['per_second'] / peer['per_second']:.0f}"
                rows.append([f"{part}, {case}: {unit}", *left, peer["who"], *right, ratio])
    return rows


TABLES = {"steps": steps, "large": large, "made": made, "peers": peers}


def ms(one: Record | None) -> str:
    return "" if one is None else f"{one['ms']:.2f}" if one["ms"] < 10 else f"{one['ms']:.0f}"


def count(one: Record, name: str) -> str:
    return f"{one[name]:,.0f}" if name in one else ""


def markdown(rows: list[list[str]]) -> str:
    """A table, its first row the heads; all columns but the first are numbers."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


if __name__ == "__main__":
    print(markdown(TABLES[sys.argv[2]](records(Path(sys.argv[1])))))
