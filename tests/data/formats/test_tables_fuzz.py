"""Whatever stands in a table, it is read or refused in one sentence; and each line is a statement or accounted for."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnneg.data.formats.files import read_statements
from gnnneg.errors import UserError

TOKENS = ["a", "b", "r", "head", "relation", "tail", "negated", "True", "", "0", "1", "-1", "2", "Not", "é", "e\u0301"]
SIGNS = ["\t", ",", " ", ";", "\n", "\r", "\r\n", '"', "#", "\ufeff", "\0", "\u2028", "\x0b", "\x1c"]
TEXT = st.lists(st.sampled_from(TOKENS + SIGNS * 2), max_size=40).map("".join)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "columns": st.sampled_from([["1", "2", "3"], ["head", "relation", "tail"], ["3", "1", "99"], ["0", "1", "2"]]),
        "label": st.sampled_from(["4", "negated", "1"]),
        "confidence": st.sampled_from(["4", "5"]),
        "source": st.sampled_from(["4", "x"]),
        "ignore": st.sampled_from([["4"], ["negated"]]),
        "header": st.booleans(),
        "delimiter": st.sampled_from(["tab", "comma", "blank", "dash"]),
        "count_line": st.booleans(),
    },
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.filterwarnings("ignore:.*the first line")
@given(TEXT, OPTIONS, st.sampled_from(["csv", "tsv"]), st.sampled_from(["utf-8", "utf-16", "latin-1"]))
@QUICK
def test_any_text(tmp_path: Path, text: str, options: dict[str, Any], kind: str, encoding: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(text.encode(encoding, "replace"))
    try:
        found = read_statements(path, kind, **options)
    except UserError as error:
        said = str(error)
    else:
        said = ""
    assert len(said) < 1000
    assert "\n" not in said
    if said:
        return
    left = found.left_out
    assert found.table.num_rows == left.taken["statements"]
    assert all(column.null_count == 0 for column in found.table.columns)
    assert all(name for c in ("head", "relation", "tail") for name in found.table[c].to_pylist())
    rows = found.table.num_rows + left["labelled unknown"]
    columns = [number for what, number in [*left.taken.items(), *left.items()] if what.startswith("column ")]
    assert columns == [rows] * len(columns), "each column is accounted for once"


CELL = (
    st.none() | st.sampled_from(["a", "", "True"]) | st.booleans() | st.integers() | st.floats() | st.binary(max_size=2)
)


@given(st.lists(st.tuples(*[st.none() | st.sampled_from(["a", "b", ""])] * 3, CELL), max_size=4), OPTIONS)
@QUICK
def test_any_parquet(tmp_path: Path, rows: list[tuple[Any, ...]], options: dict[str, Any]) -> None:
    path = tmp_path / "a.parquet"
    names = ["head", "relation", "tail", "negated"]
    try:
        table = pa.table({name: pa.array([row[i] for row in rows]) for i, name in enumerate(names)})
    except (pa.ArrowException, OverflowError):  # no column has such a mixture
        return
    pa.parquet.write_table(table, path)
    try:
        found = read_statements(path, **options)
    except UserError:
        return
    assert found.table.num_rows == found.left_out.taken["statements"] == len(rows)
