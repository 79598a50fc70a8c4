"""Statements whose entities and relations are met as often as Zipf's law says, at any size: what scale is tried on.

    python -m benchmarks.zipf --entities 4.6e6 --relations 822 --statements 20.6e6 --out FILE.tsv.gz

The defaults are Wikidata5M's counts. The same seed gives the same file; the memory is that of a block of statements.
Every entity is met at least once, if there are as many statements. Repeated statements are as rare as such degrees make
them, and stay.
"""

import argparse
import gzip
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BLOCK = 1 << 20  # statements


def blocks(
    entities: int, relations: int, statements: int, exponent: float = 0.7, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    r"""Heads, relations and tails as numbers, a block at a time.

    Rank :math:`k` is drawn with probability close to :math:`k^{-a}`, by inverting
    :math:`F(x) = (x^{1-a} - 1) / (n^{1-a} - 1)`, and ranks are dealt to entities so that the frequent ones do not come
    first; heads and tails are dealt apart. In the first statements, each entity is a head once.

    Args:
        entities, relations, statements (int): How many.
        exponent (float): The :math:`a` of entities, below 1; that of relations is 0.99. (default: :obj:`0.7`)
        seed (int): Who is who, and what is drawn. (default: :obj:`0`)
    """
    rng = np.random.default_rng(seed)
    step = _coprime(entities, rng)

    def drawn(size: int, count: int, power: float) -> np.ndarray:
        top = count ** (1 - power) - 1
        rank = ((rng.random(size) * top + 1) ** (1 / (1 - power))).astype(np.int64) - 1
        return np.minimum(rank, count - 1)

    for begin in range(0, statements, BLOCK):
        size = min(BLOCK, statements - begin)
        head = drawn(size, entities, exponent) * step % entities
        once = np.arange(begin, min(begin + size, entities))
        head[: len(once)] = once
        tail = (drawn(size, entities, exponent) * step + entities // 3) % entities
        yield head, drawn(size, relations, 0.99), tail


def write(out: Path, entities: int, relations: int, statements: int, exponent: float, seed: int) -> None:
    """Writes lines of head, relation and tail; packed, if the name ends with ``.gz``."""
    with out.open("wb") as file:
        packed = gzip.GzipFile("", "wb", 1, file, mtime=0) if out.suffix == ".gz" else nullcontext(file)
        with packed as stream:
            for head, relation, tail in blocks(entities, relations, statements, exponent, seed):
                _write(stream, head, relation, tail)


def _write(stream: BinaryIO | gzip.GzipFile, head: np.ndarray, relation: np.ndarray, tail: np.ndarray) -> None:
    text = [pc.cast(pa.array(column), pa.string()) for column in (head, relation, tail)]
    lines = pc.binary_join_element_wise("Q", text[0], "\tP", text[1], "\tQ", text[2], "\n", "")
    stream.write(memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()])


def _coprime(count: int, rng: np.random.Generator) -> int:
    """A number that shares no divisor with another, so that its multiples meet every entity."""
    step = int(rng.integers(count // 2, count)) if count > 2 else 1
    while np.gcd(step, count) != 1:
        step += 1
    return step


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Statements with Zipf degrees.")
    parser.add_argument("--entities", type=float, default=4.6e6)
    parser.add_argument("--relations", type=float, default=822)
    parser.add_argument("--statements", type=float, default=20.6e6)
    parser.add_argument("--exponent", type=float, default=0.7, help="of the degrees, below 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="FILE.tsv or FILE.tsv.gz")
    said = parser.parse_args()
    if not 0 <= said.exponent < 1:
        parser.error(f"--exponent is 0 or more and below 1, not {said.exponent:g}.")
    if min(said.entities, said.relations, said.statements) < 1:
        parser.error("--entities, --relations and --statements are 1 or more.")
    write(said.out, int(said.entities), int(said.relations), int(said.statements), said.exponent, said.seed)


if __name__ == "__main__":
    main()
