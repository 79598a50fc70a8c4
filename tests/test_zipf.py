"""The synthetic statements of large size: as many as asked for, the same for the same seed, and read by an import."""

import gzip

import numpy as np
import pytest

from benchmarks import zipf
from gnnneg.data.formats.labelled import read_labelled

COUNTS = (300, 12, 2000)


def columns(**more):
    return [np.concatenate(column) for column in zip(*zipf.blocks(*COUNTS, **more))]


def test_degrees_follow_the_law(monkeypatch):
    """Everybody is met, and of the draws those of the first k ranks are (k / n) to the power of 1 - a."""
    monkeypatch.setattr(zipf, "BLOCK", 700)
    head, relation, tail = columns()
    assert set(head.tolist()) == set(range(300))
    assert {len(head), len(relation), len(tail)} == {2000}
    assert 0 <= min(tail.min(), relation.min()) <= max(relation.max() - 11, tail.max() - 299) <= 0
    n, power = 20_000, 0.7
    tails = np.concatenate([t for *_, t in zipf.blocks(n, 1, 50_000, power)])
    often = np.sort(np.bincount(tails, minlength=n))[::-1]
    for k in (200, 2000):
        wanted = ((k + 1) ** (1 - power) - 1) / (n ** (1 - power) - 1)
        assert often[:k].sum() / 50_000 == pytest.approx(wanted, rel=0.15)


def test_a_seed_is_a_file(tmp_path):
    paths = [tmp_path / name for name in ("a.tsv.gz", "b.tsv.gz", "c.tsv.gz", "d.tsv")]
    for path, seed in zip(paths, (1, 1, 2, 1)):
        zipf.write(path, *COUNTS, 0.7, seed)
    first, again, other = (path.read_bytes() for path in paths[:3])
    assert first == again != other
    assert gzip.decompress(first) == paths[3].read_bytes()
    table = read_labelled(paths[0], "tsv", header=False).table
    wanted = [f"Q{i}" for i in columns(seed=1)[0].tolist()]
    assert table["head"].to_pylist() == wanted
