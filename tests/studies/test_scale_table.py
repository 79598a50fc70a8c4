"""The table of docs/scale.md is made of records."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from gnnneg.studies.measured import cases, read
from gnnneg.studies.recorder import Recorder

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks")]  # as for its scripts
scale_table = importlib.import_module("scale_table")
SIZE = {"suite": "scale", "entities": 4_600_000, "clock": "wall", "peak_mib": 2048.0}


def test_the_page_has_the_tables_of_the_records():
    text = (ROOT / "docs" / "scale.md").read_text()
    for name, table in scale_table.whole(ROOT / "results").items():
        assert f"<!-- table: {name} -->\n{table}\n<!-- end -->" in text


def test_no_other_figure_is_typed_there():
    """Rates, seconds and quotients stand in the table alone."""
    text = re.sub("<!-- table.*?<!-- end", "", (ROOT / "docs" / "scale.md").read_text(), flags=re.DOTALL)
    typed = "/s ", " statements a second", " ms "
    assert not [one for one in typed if one in text]


@pytest.mark.parametrize(
    ("row", "line"),
    [  # 4.5 statements an entity: 20.7 million
        ({"case": "import of the text", "ours": 207_000.0, "unit": "statements/s"}, ["100 s", "1 record"]),
        ({"case": "ComplEx, whole run", "ours": 60.0, "unit": "s"}, ["60 s", "1 record"]),
        ({"case": "exact ranking of 1,000", "ours": 2.0, "ratio": 0.8, "unit": "triples/s"}, ["1.25", "1 record"]),
        ({"case": "ComplEx, whole run", "ours": 60.0, "unit": "s"}, ["2.0 GiB", "1 record"]),
    ],
)
def test_a_figure_is_worked_out_of_its_row(tmp_path, row, line):
    Recorder(tmp_path / "scale.jsonl", 2)({**SIZE, **row})
    found = scale_table.table(cases(read(tmp_path)))
    assert line in [one[2:] for one in found]
    assert [one[2] for one in found[1:]].count("not recorded") >= len(found) - 3


def test_several_records_show_their_spread_and_other_sizes_none(tmp_path):
    recorder = Recorder(tmp_path / "scale.jsonl", 2)
    row = {**SIZE, "case": "DistMult, hardest 64 of 256", "unit": "triples/s"}
    for ours in (11_000.0, 30_000.0, 12_000.0):
        recorder({**row, "ours": ours})
    recorder({**row, "entities": 100_000, "ours": 1.0})
    (line,) = [one for one in scale_table.table(cases(read(tmp_path))) if "hardest" in one[0]]
    assert line[2:] == ["12,000/s", "11,000/s to 30,000/s, 3 records"]


def test_a_sampler_has_its_rate_and_peak_or_the_sentence_that_refuses_it(tmp_path):
    recorder = Recorder(tmp_path / "scale.jsonl", 2)
    about = {"suite": "scale-samplers", "entities": 4_600_000, "clock": "wall"}
    recorder({**about, "case": "hardest 64 of 256", "unit": "triples/s", "ours": 12_345.0, "peak_mib": 3072.0})
    recorder({**about, "case": "refused: All", "unit": "s", "ours": 3.0, "peer_name": "All: too much."})
    found = {line[0]: line[1:] for line in scale_table.samplers(cases(read(tmp_path)))}
    assert found["hardest 64 of 256"] == ["12,345", "3.0 GiB"]
    assert found["All"] == ["", "All: too much."]
    assert found["Nearest"] == ["", "not recorded"]
