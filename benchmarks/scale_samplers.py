"""Which samplers a large graph bears, at which rate and peak, and with which sentence the others are refused.

``python benchmarks/scale_samplers.py --entities 4.6e6 --folder DIR`` trains ComplEx of width 128 with each of them for
three rounds, on the data set that ``scale.py`` imported into the folder, or that is imported now. A run validates on
200 statements, and its peak is that of its process. A line is one JSON row; ``--record FILE`` adds it to a file too.
"""

import argparse
import json
import time
from typing import Any

from scale import Bench, tree, uniform

SUITE = "scale-samplers"


def part(name: str, **given: Any) -> dict[str, Any]:
    return {"class_path": name, "init_args": given}


SHARED, PRIVATE, POOL = uniform(1000, shared=True), uniform(64), part("Filtered", proposal=uniform(256))
POPULAR = part("Filtered", proposal=part("Popular", num_negatives=1000, shared=True))
# what replaces parts of the task
CASES: dict[str, dict[str, Any]] = {
    "1,000 uniform, shared": {"sampler": SHARED},
    "1,000 uniform, shared, by Bernoulli's sides": {"sampler": SHARED, "corruption": "Bernoulli"},
    "64 uniform, filtered": {"sampler": part("Filtered", proposal=PRIVATE)},
    "1,000 popular, shared, corrected": {"sampler": part("Corrected", proposal=POPULAR)},
    "the batch, corrected": {"sampler": part("Corrected", proposal="InBatch")},
    "hardest 64 of 256": {"sampler": part("Hardest", proposal=POOL, num_negatives=64)},
    "NSCaching, a million caches": {
        "sampler": part("Cached", proposal=uniform(30), num_negatives=64, size=30, queries=1_000_000)
    },
    "MCNS, 8 chains": {"sampler": part("Filtered", proposal=part("MCNS", num_negatives=64, chains=8))},
    "All": {"sampler": "All"},
    "KHop, two hops": {"sampler": part("KHop", num_negatives=64)},
    "Nearest": {"sampler": part("Nearest", num_negatives=64)},
    "KvsAll": {},
}


def config(bench: Bench, name: str, steps: int) -> dict[str, Any]:
    """The config of a run with one of them."""
    fit = {"epochs": 3, "steps": steps, "evaluate_every": 3, "patience": None}
    made = tree(bench.ready(), "ComplEx", "1,000 shared", **fit)
    arguments = made["task"]["init_args"]
    arguments |= CASES[name]
    if name == "KvsAll":
        made["task"] = part("KvsAll", model=arguments["model"])
    return {**made, "evaluation": {"valid_sample": 200, "test": False, "evaluators": []}}


def tried(bench: Bench, name: str, steps: int) -> dict[str, Any]:
    """The row of one of them."""
    run = bench.folder / "sampler"
    path = bench.written_config(run.name, config(bench, name, steps))
    begin = time.perf_counter()
    try:
        _, peak, _ = bench.gnnneg("train", str(path), "--out", str(run), "--quiet")
    except RuntimeError as error:  # its last line
        return {"case": f"refused: {name}", "unit": "s", "ours": time.perf_counter() - begin, "peer_name": str(error)}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rate = [line["triples_per_s"] for line in lines if "triples_per_s" in line][1]  # what is compiled is in the first
    return {"case": name, "unit": "triples/s", "ours": rate, "peak_mib": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=float, default=100_000)
    parser.add_argument("--folder", required=True, help="for the text, the data set and the runs")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100, help="of a round")
    parser.add_argument("--record", metavar="FILE", help="add each row to this file as well")
    parser.set_defaults(clock="wall", seconds=0.0, memory=12.0)
    words = parser.parse_args()
    words.entities = int(words.entities)
    bench = Bench(words)
    for name in words.cases:
        row = {"suite": SUITE, "entities": bench.entities, "clock": words.clock, **tried(bench, name, words.steps)}
        print(json.dumps(row), flush=True)
        bench.record(row)


if __name__ == "__main__":
    main()
