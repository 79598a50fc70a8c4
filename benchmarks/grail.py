"""Inductive runs in the protocol that NBFNet's figures are given in: ``python benchmarks/grail.py RUN [RUN ...]``.

Each test question is filtered by the facts that messages pass over, not by validation and test, ties count against the
model, and Hits@10 is its expectation among 50 random candidates (49 in the second release), from the rank among all.
Prints a row of Markdown for each run.
"""

import sys
from pathlib import Path

from gnnneg.evaluation import ranks
from gnnneg.evaluation.metrics import expected_sampled_hits
from gnnneg.experiment import Run


def published(run: Run) -> dict[int, float]:
    """Hits@10 among 50 and among 49 random candidates."""
    testbed = run.testbed.on("test")
    facts, asked = (testbed.statements(split) for split in ("train", "test"))
    found = ranks(run.model, testbed.graph, asked, testbed.answers(facts))
    rank = found.pessimistic.double()
    return {count: expected_sampled_hits(rank, found.candidates, 10, count) for count in (50, 49)}


def main() -> None:
    print("| run | Hits@10 of 50 | of 49 |\n|---|---:|---:|")
    for path in sys.argv[1:]:
        found = published(Run.load(path))
        print(f"| {Path(path).name} | {found[50]:.4f} | {found[49]:.4f} |", flush=True)


if __name__ == "__main__":
    main()
