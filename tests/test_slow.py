"""The list of slow tests names tests that are there."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_line_names_a_test():
    lines = (ROOT / "tests" / "slow.txt").read_text().split()
    assert len(set(lines)) == len(lines)
    for line in lines:
        file, _, name = line.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text() if name else (ROOT / file).is_file(), line
