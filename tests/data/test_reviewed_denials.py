"""Denials as people write them, which a review found to be read as stated, and ordinary data that resemble them.

Each expected outcome is worked out by hand from what the data say in plain words.
"""

import shlex
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.formats.files import read_statements
from gnnneg.data.formats.marks import denies as denies_in_rdf
from gnnneg.data.formats.nested import denies
from gnnneg.data.frames import from_frames
from gnnneg.data.hetero import from_hetero
from gnnneg.data.negating import negation
from gnnneg.errors import UserError

HEADER = ("head", "relation", "tail")


def beside(path: Path, name: str, values: list[str]) -> Path:
    """A table with this column between the triple and a column of references."""
    rows = [(*HEADER, name, "pmid"), *(("a", "r", f"t{i}", value, f"P{i}") for i, value in enumerate(values))]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("negation", ["negated", ""]),
        ("negation", ["NEG", ""]),
        ("not", ["x", ""]),
        ("statement_qualifier", ["negated", ""]),
        ("assertion_status", ["absent", "present"]),
        ("holds", ["no", "yes"]),
        ("exists", ["false", "true"]),
        ("is_present", ["No", "Yes"]),
        ("veracity", ["FALSE", "TRUE"]),
        ("affirmed", ["0", "1"]),
        ("decision", ["reject", "accept"]),
        ("verdict", ["deny", "accept"]),
        ("rank", ["deprecated", "normal"]),
        ("is_negative_sample", ["1", "0"]),
        ("negated", ["1", "2"]),
        ("status", ["retracted", "active"]),
    ],
)
def test_columns_that_deny_are_asked_about(tmp_path: Path, name: str, values: list[str]) -> None:
    path = beside(tmp_path / "a.tsv", name, values)
    with pytest.raises(UserError, match="as if it said what is stated and what is denied") as caught:
        read_statements(path, columns=list(HEADER))
    advice = str(caught.value).partition("say ")[2].partition(", and if it does not")[0]
    label, column, *meaning = shlex.split(advice)
    assert (label, column) == ("--label", name)
    assert (meaning[:1] == ["--labels"]) == (
        name in ("decision", "verdict", "rank", "assertion_status", "holds", "is_present", "status")
    )
    if name == "status":
        assert meaning == ["--labels", "stated=active", "unknown=retracted"]


@pytest.mark.parametrize("name", ["negation", "negated", "statement_qualifier"])
def test_negated_is_a_denial_under_such_names(tmp_path: Path, name: str) -> None:
    path = beside(tmp_path / "a.tsv", name, ["negated", ""])
    assert read_statements(path, columns=list(HEADER), label=name).table["label"].to_pylist() == [False, True]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("negated", ["False", "False"]),
        ("is_absent", ["no", ""]),
        ("negative_log_p", ["1", "2"]),
        ("not_provided", ["x", ""]),  # names more than a negation
        ("negative_control", ["negative", ""]),
        ("status", ["deprecated", "reviewed"]),  # no ranks of Wikidata
        ("rank", ["preferred", "normal"]),
        ("presence_of_motif", ["0", "1"]),
        ("lower_bound", ["0", "1"]),
        ("effect_type", ["positive", "negative"]),
        ("decision_date", ["2020", "2021"]),
    ],
)
def test_columns_that_deny_nothing_are_left_out(tmp_path: Path, name: str, values: list[str]) -> None:
    found = read_statements(beside(tmp_path / "a.tsv", name, values), columns=list(HEADER))
    assert found.left_out[f"column 4 ({name}): no option names it"] == 2


# within an entry

WITHIN = [
    ({"truth": False}, True),
    ({"is_true": "no"}, True),
    ({"more": [{"truth_value": "0"}]}, True),
    ({"note": "x; negated=true"}, True),
    (["negated", "reviewed"], True),
    ({"flags": ["is_negated"]}, True),
    ({"truth": True}, False),
    ({"is_true": 0.5}, False),
    ({"note": "x; negated=false; by: me"}, False),
    ({"note": "this was negated by: nobody"}, False),
    ({"type": "negated"}, False),  # the name of a field
    (["negative", "true"], False),
    ({"true": False}, False),
    ({"ground": "false"}, False),
]


@pytest.mark.parametrize(("value", "denied"), WITHIN)
def test_what_entries_say(tmp_path: Path, value: Any, denied: bool) -> None:
    assert denies(value) == denied
    triple = {"head": ["a", "a"], "relation": ["r", "r"], "tail": ["b", "c"]}
    pa.parquet.write_table(pa.table({**triple, "props": [value, None]}), tmp_path / "e.parquet")
    (tmp_path / "e.jsonl").write_text(
        pd.DataFrame({**triple, "props": [value, {}]}).to_json(orient="records", lines=True)
    )
    for path in (tmp_path / "e.parquet", tmp_path / "e.jsonl"):
        if denied:
            with pytest.raises(UserError, match="some say that their statement is false"):
                read_statements(path)
        else:
            assert len(read_statements(path).table) == 2


def test_a_list_of_few_distinct_words(tmp_path: Path) -> None:
    triple = {"head": ["a"], "relation": ["r"], "tail": ["b"]}
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["reviewed", "negated"]))
    flags = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), coded)
    pa.parquet.write_table(pa.table({**triple, "flags": flags}), tmp_path / "e.parquet")
    with pytest.raises(UserError, match="some say that their statement is false"):
        read_statements(tmp_path / "e.parquet")


@pytest.mark.parametrize(("text", "denied"), [("false", True), ("true", False)])
def test_maps_that_say_what_is_true(tmp_path: Path, text: str, denied: bool) -> None:
    triple = {"head": ["a"], "relation": ["r"], "tail": ["b"]}
    maps = pa.array([[("by", "me"), ("is_true", text)]], pa.map_(pa.string(), pa.string()))
    pa.parquet.write_table(pa.table({**triple, "props": maps}), tmp_path / "e.parquet")
    if denied:
        with pytest.raises(UserError, match="some say that their statement is false"):
            read_statements(tmp_path / "e.parquet")
    else:
        assert len(read_statements(tmp_path / "e.parquet").table) == 1


# RDF, OBO and names of relations


@pytest.mark.parametrize(
    ("relation", "said", "denied"),
    [
        ("polarity", "http://e/Negative", True),
        ("polarity", '"negative"', True),
        ("hasTruthValue", "http://e/False", True),
        ("truth", '"-1"', True),
        ("polarity", "http://e/Positive", False),
        ("polarity", '"0"', False),
        ("polarity", "http://e/negative/regulation", False),
        ("validFrom", '"0"', False),
    ],
)
def test_values_that_are_nodes(relation: str, said: str, denied: bool) -> None:
    assert denies_in_rdf(f"http://e/{relation}", said) == denied


@pytest.mark.parametrize(("value", "stated"), [("false", False), ("true", True)])
def test_a_qualifier_that_negates_twice(tmp_path: Path, value: str, stated: bool) -> None:
    (tmp_path / "a.obo").write_text(
        f'format-version: 1.2\n\n[Term]\nid: a:1\nrelationship: p a:2 {{non_negated="{value}"}}\n'
    )
    assert read_statements(tmp_path / "a.obo").table["label"].to_pylist() == [stated]


@pytest.mark.parametrize(
    ("name", "meant", "weak"),
    [
        ("treatsNot", "treats", False),
        ("treats (negated)", "treats", True),
        ("treats[NOT]", "treats", False),
        ("is-not-a", "a", False),
        ("no_treats", "treats", True),
        ("NO_treats", "treats", False),
        ("treats_neg", "treats", True),
        ("treats (denied)", "treats", True),
    ],
)
def test_further_names_that_negate(name: str, meant: str, weak: bool) -> None:
    found = negation(name)
    assert found is not None
    assert (found.meant, found.weak) == (meant, weak)


@pytest.mark.parametrize(
    "name", ["knot", "noted_by", "isKnot", "has_note", "annotates", "-treats", "~treats", "cannotate"]
)
def test_names_that_negate_nothing(name: str) -> None:
    assert negation(name) is None


def graph(*names: str) -> HeteroData:
    data = HeteroData()
    data["gene"].num_nodes = 5
    for shift, name in enumerate(names, 1):
        data["gene", name, "gene"].edge_index = torch.stack([torch.arange(5), (torch.arange(5) + shift) % 5])
    return data


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        (("binds", "negative_regulation_of"), False),  # there is no regulation_of
        (("binds", "non_covalent_interaction"), False),
        (("binds", "no_of_copies"), False),
        (("binds", "not_binds"), True),
        (("binds", "not_seen"), True),
        (("binds", "non_binds"), True),
        (("binds", "no_binds"), True),
    ],
)
def test_edge_types_whose_names_may_negate_nothing(names: tuple[str, ...], warned: bool) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        from_hetero(graph(*names), valid=0.0, test=0.0, mirrored="keep")
    assert any("is read as stated" in str(one.message) for one in told) == warned


# frames


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("is it so?", [True, False]),
        ("notes", ["negated=true", "x"]),
        ("props", [("NOT", "x"), ()]),
        ("props", [np.array(["NOT"]), np.array([])]),
        ("props", [{"is_true": False}, {}]),
    ],
)
def test_frames_that_deny_are_refused_with_words_for_a_shell(name: str, values: list[Any]) -> None:
    frame = pd.DataFrame({"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"], name: pd.Series(values)})
    with pytest.raises(UserError, match="seems to say that some rows are false") as caught:
        from_frames(frame)
    assert shlex.split(str(caught.value).partition(" with: ")[2]) == [
        "gnnneg",
        "data",
        "import",
        "FILE",
        "--label",
        name,
    ]


def test_frames_with_lists_that_deny_nothing() -> None:
    lists = [np.array(["a", "b"]), np.array([1.0, np.nan])]
    frame = pd.DataFrame({"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"], "x": pd.Series(lists)})
    with pytest.warns(UserWarning, match="Left out of the table of train: x"):
        assert from_frames(frame, valid=0.0, test=0.0)["entity", "stated", "entity"].edge_index.size(1) == 2


def test_a_frame_may_have_yes_and_no_of_anything_but_its_last_column() -> None:
    frame = pd.DataFrame({"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]})
    with pytest.warns(UserWarning, match="Left out of the table of train: is_inverse, year"):
        from_frames(frame.assign(is_inverse=[True, False], year=[1, 2]), valid=0.0, test=0.0)
    with pytest.warns(UserWarning, match="Left out of the table of train: is_inverse"):
        from_frames(frame.assign(is_inverse=[True, False])[["is_inverse", *HEADER]], valid=0.0, test=0.0)
    with pytest.raises(UserError, match=r"The column 'is_inverse' .* seems to say that some rows are false"):
        from_frames(frame.assign(is_inverse=[True, False]))
    with pytest.raises(UserError, match=r"The column 'is_true' .* seems to say that some rows are false"):
        from_frames(frame.assign(is_true=[True, False], year=[1, 2]))


def test_a_text_within_a_list_is_searched_once() -> None:
    """A quadratic search would take minutes."""
    assert not denies(["truth " * 200_000, "negated" + " " * 200_000])
