"""Statements as tables and what is done with them, against what can be worked out by hand or in another way."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.parts import Names, Parts, parted
from gnnneg.data.statements import distinct, sliced
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.records import Triplets


def table(rows: list[tuple[str, str, str]], **columns: list[object]) -> pa.Table:
    head, relation, tail = ([row[i] for row in rows] for i in range(3))
    text = {"head": head, "relation": relation, "tail": tail}
    made = pa.table({name: pa.array(column, pa.large_string()) for name, column in text.items()})
    for name, column in columns.items():
        made = made.append_column(name, pa.array(column, pa.large_string() if name == "source" else None))
    return made


def test_one_table_for_each_polarity_and_split() -> None:
    """What two files say of one split stands in one table, stated splits first; what no file tells is filled in."""
    parts = Parts.of(
        [
            ("denied", "test", table([("a", "r", "c")])),
            ("stated", "test", table([("c", "r", "a")], confidence=[0.5])),
            ("stated", "train", table([("b", "s", "a")])),
            ("stated", "valid", table([("b", "s", "a")]).slice(0, 0)),
            ("stated", "train", table([("a", "r", "b")], source=["book"])),
        ]
    )
    assert list(parts.tables) == [("stated", "train"), ("stated", "test"), ("denied", "test")]
    assert parts.tables["stated", "train"].to_pylist() == [
        {"head": "b", "relation": "s", "tail": "a", "confidence": 1.0, "source": ""},
        {"head": "a", "relation": "r", "tail": "b", "confidence": 1.0, "source": "book"},
    ]
    store = parts.graph["entity", "stated", "entity"]
    assert (parts.graph["entity"].names, parts.graph.relation_names) == (["b", "a", "c"], ["s", "r"])
    assert (store.edge_index.tolist(), store.split.tolist()) == ([[0, 1, 2], [1, 0, 1]], [0, 0, 2])
    assert (store.confidence.tolist(), store.source.tolist()) == ([1.0, 1.0, 0.5], [-1, 0, -1])
    kept = parts.kept({"stated": torch.tensor([True, False, True]), "denied": torch.tensor([False])})
    assert [kept.tables[key]["head"].to_pylist() for key in kept.tables] == [["b"], ["c"]]
    everything = {"stated": torch.ones(3, dtype=torch.bool), "denied": torch.ones(1, dtype=torch.bool)}
    assert parts.kept(everything) is parts


def test_a_table_is_parted_by_its_labels() -> None:
    rows = [("a", "r", "b"), ("b", "r", "c"), ("c", "r", "a")]
    found = parted(table(rows, label=[True, None, False]), "valid")
    assert [(polarity, split, t["head"].to_pylist()) for polarity, split, t in found] == [
        ("stated", "valid", ["a"]),
        ("denied", "valid", ["c"]),
        ("unknown", "valid", ["b"]),
    ]


def test_names_are_found_by_what_stands_for_them(tmp_path) -> None:
    names = Names(["x", "x"], pa.array(["0", "1"], pa.large_string()))
    assert names.index(pa.chunked_array([["1"], ["0", "1"]], pa.large_string()), "entity", tmp_path).tolist() == [
        1,
        0,
        1,
    ]
    with pytest.raises(UserError, match="entity '2' is not in the dictionary of 2"):
        names.index(pa.chunked_array([["1", "2"]], pa.large_string()), "entity", tmp_path)


def test_columns_that_share_names_are_looked_up_once(monkeypatch) -> None:
    """However many columns a graph has, each name of its entities and relations is looked up once."""
    rows = {split: [("a", "r", split), (split, "s", "b")] for split in ("train", "valid", "test")}
    parts = Parts.of([("stated", split, table(some)) for split, some in rows.items()])
    real, looked = pc.index_in, []

    def counting(names: pa.Array, keys: pa.Array) -> pa.Array:
        looked.append(len(names))
        return real(names, keys)

    monkeypatch.setattr(pc, "index_in", counting)
    data = parts.graph
    assert sorted(looked) == [2, 5]  # r, s; a, b and three more
    names, store = data["entity"].names, data["entity", "stated", "entity"]
    told = [(names[h], data.relation_names[r], names[t]) for (h, t), r in zip(store.edge_index.T, store.edge_type)]
    assert told == [row for some in rows.values() for row in some]


def test_columns_of_other_names_are_looked_up_anew(tmp_path) -> None:
    names = Names.of(["a", "b", "c"])
    columns = [pa.chunked_array([pa.array(some, pa.large_string())]) for some in (["a", "c"], ["b", "a"], ["c"], ["d"])]
    assert [names.index(column, "entity", tmp_path).tolist() for column in columns[:3]] == [[0, 2], [1, 0], [2]]
    with pytest.raises(UserError, match="entity 'd' is not in the dictionary of 3"):
        names.index(columns[3], "entity", tmp_path)


@pytest.mark.parametrize("size", [0, 1, 400])
def test_distinct_statements_are_those_of_a_sort_of_rows(size: int) -> None:
    draw = torch.Generator().manual_seed(size)
    part = Triplets(*(torch.randint(high, (size,), generator=draw) for high in (9, 4, 7)))
    rows, place = distinct(part)
    if not size:
        assert place.shape == rows.rel_type.shape == (0,)
        return
    wanted, where = torch.unique(torch.stack(part, 1), dim=0, return_inverse=True)
    assert torch.equal(torch.stack(rows, 1), wanted)
    assert torch.equal(place, where)


def test_distinct_statements_whose_key_passes_small_integers() -> None:
    """Modulo 2 ** 32 the first two would be one."""
    wide = Triplets(*torch.tensor([[0, 65_536, 0], [0, 0, 65_535], [0, 0, 1]], dtype=torch.int32))
    rows, place = distinct(wide)
    assert torch.stack(rows, 1).tolist() == [[0, 0, 0], [0, 65_535, 1], [65_536, 0, 0]]
    assert place.tolist() == [0, 2, 1]
    assert {column.dtype for column in rows} == {torch.int32}


@pytest.mark.parametrize("chosen", [torch.tensor([False, True, True]), torch.tensor([1, 2])])
def test_an_attribute_of_those_chosen(chosen: torch.Tensor) -> None:
    assert sliced("edge_index", torch.tensor([[1, 2, 3], [4, 5, 6]]), chosen, 3).tolist() == [[2, 3], [5, 6]]
    assert sliced("weight", torch.tensor([7, 8, 9]), chosen, 3).tolist() == [8, 9]
    assert sliced("weight", np.array([[7], [8], [9]]), chosen, 3).tolist() == [[8], [9]]
    assert sliced("names", ["a", "b", "c"], chosen, 3) == ["b", "c"]
    for other in (["a", "b"], torch.ones(2), torch.tensor(3), "abc", None):
        assert sliced("other", other, chosen, 3) is other


def test_facts_are_found_by_their_former_place_for_one_version() -> None:
    from gnnneg import config

    for place in (config, config.facts):
        with pytest.warns(FormerName, match=r"'gnnneg\.config\.Facts' is now called 'gnnneg\.data\.facts\.Facts'"):
            assert place.Facts is Facts
    with pytest.warns(FormerName, match="FACTS"):
        assert config.FACTS is FACTS
    with pytest.raises(AttributeError, match="no attribute 'Fact'"):
        config.Fact  # noqa: B018
