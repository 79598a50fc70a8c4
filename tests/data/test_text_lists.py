"""Lists of texts in Arrow's memory read like a list of lists."""

import copy
import io
import pickle

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import HeteroData

from gnnneg.data import naming
from gnnneg.data.labels import COLUMNS, attach
from gnnneg.data.statements import assemble, sliced
from gnnneg.data.text_lists import TextLists
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError
from gnnneg.records import Triplets

LISTS = [["a", "é"], [], ["a"], ["", "a b", "a"], []]
text = st.text(st.characters(codec="utf-8"), max_size=8)
several = st.lists(st.lists(text, max_size=4), max_size=12)


@given(several, st.lists(text, max_size=2), st.integers(-14, 14), st.integers(-14, 14))
@settings(max_examples=60, deadline=None)
def test_it_reads_like_a_list_of_lists(lists, other, start, stop):
    made = TextLists.of(lists)
    assert len(made) == len(lists)
    assert list(made) == made.tolist() == lists
    assert made == lists
    assert lists == made
    assert made[start:stop] == lists[start:stop]
    assert made[::-2] == lists[::-2]
    assert [made[i] for i in range(-len(lists), len(lists))] == lists * 2
    assert made + [other] == [*lists, other]  # noqa: RUF005
    assert [other] + made == [other, *lists]  # noqa: RUF005
    assert made != [*lists, other]
    part = TextLists(made.array[1:])
    assert part == lists[1:]
    for one in {*other, *(text for some in lists for text in some)}:
        assert made.places(one) == [row for row, some in enumerate(lists) if one in some]
        assert part.places(one) == [row for row, some in enumerate(lists[1:]) if one in some]


def test_what_a_list_refuses_it_refuses():
    made = TextLists.of(LISTS)
    for place in (5, -6):
        with pytest.raises(IndexError):
            made[place]
    with pytest.raises(TypeError):
        hash(made)
    assert made.places(3) == []
    with pytest.raises(UserError, match="not valid Unicode"):
        TextLists.of([["\ud800"]])


def test_copies_and_files():
    for made in (TextLists.of(LISTS), TextLists.of([]), TextLists(TextLists.of(LISTS).array[2:4])):
        data = HeteroData()
        data["entity"].synonyms = made
        assert copy.copy(made) is copy.deepcopy(data)["entity"].synonyms is made
        assert pickle.loads(pickle.dumps(made)) == made
        file = io.BytesIO()
        torch.save(data.to_dict(), file)
        file.seek(0)
        assert torch.load(file, weights_only=True)["entity"]["synonyms"] == made
    assert repr(TextLists.of(LISTS)) == repr(LISTS)
    assert repr(TextLists.of([["a"]] * 12)) == "[['a'], ['a'], ['a'], ... and 9 more]"


def test_those_of_some_nodes():
    where = torch.tensor([3, 0])
    found = sliced("synonyms", TextLists.of(LISTS), where, 5)
    assert isinstance(found, TextLists)
    assert found == [LISTS[3], LISTS[0]]
    assert sliced("synonyms", TextLists.of(LISTS), torch.tensor([True, False, True, False, False]), 5) == [
        ["a", "é"],
        ["a"],
    ]


ONCE = st.sampled_from(["a", "b", "c", "r", "x", "y"])


@given(st.lists(st.tuples(ONCE, st.sampled_from(["A", "B", ""])), max_size=12))
@settings(max_examples=60, deadline=None)
def test_labels_are_put_as_a_dictionary_would_put_them(rows):
    """The first of a name is its label, the others what it is called besides; of nobody's there are none."""
    none = torch.empty(0, dtype=torch.long)
    data = assemble(Triplets(none, none, none), none, ["c", "a", "b"], ["r", "s"])
    attach(
        data, pa.table({key: pa.array([row[i] for row in rows], pa.large_string()) for i, key in enumerate(COLUMNS)})
    )
    known: dict[str, list[str]] = {}
    for name, label in rows:
        known.setdefault(name, []).append(label)
    for store, prefix, names in ((data["entity"], "", ["c", "a", "b"]), (data, "relation_", ["r", "s"])):
        every = [known.get(name, []) for name in names]
        labels, synonyms = store.get(f"{prefix}labels"), store.get(f"{prefix}synonyms")
        if not any(every):
            assert labels is synonyms is None
            continue
        assert isinstance(labels, Texts)
        assert isinstance(synonyms, TextLists)
        assert labels == [found[0] if found else "" for found in every]
        assert synonyms == [found[1:] for found in every]


@pytest.mark.parametrize("kind", ["lists", "Arrow"])
def test_who_is_meant_is_the_same(kind):
    """By labels before synonyms, all that are so called, in their order."""
    names, labels = ["e0", "e1", "e2", "e3"], ["Ann", "", "Bob", "Bob"]
    synonyms = [["Rob", "Rob"], ["Ann"], [], ["Rob", ""]]
    given_ = (labels, synonyms) if kind == "lists" else (Texts.of(labels), TextLists.of(synonyms))
    find = naming.Finder("entity", names, *given_)
    assert {asked: find.candidates(asked) for asked in ("e1", "Ann", "Bob", "Rob", "none", "\ud800")} == {
        "e1": [1],
        "Ann": [0],
        "Bob": [2, 3],
        "Rob": [0, 3],
        "none": [],
        "\ud800": [],
    }
    assert "is not the name of one entity but a label of 2: give one of 'e2', 'e3'" in find.reason("Bob", [2, 3])
    assert find("Ann") == 0


def test_labels_of_many_are_arrows_memory():
    """Sixteen bytes and the letters of each; a Python list of such texts takes five times as much."""
    size = 20_000
    none = torch.empty(0, dtype=torch.long)
    names = pa.array([f"Q{i}" for i in range(size)], pa.large_string())
    data = assemble(Triplets(none, none, none), none, Texts(names), ["r"])
    attach(data, pa.table(dict(zip(COLUMNS, (pa.concat_arrays([names, names]), pa.concat_arrays([names, names]))))))
    store = data["entity"]
    assert store.labels == store.names
    assert np.array_equal(store.synonyms.begin, np.arange(size + 1))
    letters = sum(len(name.as_py()) for name in names)
    assert store.labels.array.nbytes <= 9 * size + letters
    assert store.synonyms.array.nbytes <= 17 * size + letters
    assert naming.entity(data, "Q77") == 77
