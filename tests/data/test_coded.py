"""Columns of numbers into a dictionary, against the same columns as text."""

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings

from gnnneg.data.coded import CODED, TEXT, coded, compacted, dictionary, mapped, met, numbers

names = st.lists(st.lists(st.sampled_from(["a", "b", "ä", "", "cc"]), max_size=6), min_size=1, max_size=4)


def column(chunks: list[list[str]], kind: int) -> pa.ChunkedArray:
    """Text, numbers into one dictionary a chunk, or the same with other types of both."""
    made = [pa.array(chunk, pa.string() if kind == 2 else TEXT) for chunk in chunks]
    return pa.chunked_array([chunk.dictionary_encode() if kind else chunk for chunk in made])


@given(names, names, st.integers(0, 2), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_columns_with_one_dictionary(one: list[list[str]], two: list[list[str]], kind: int, other: int) -> None:
    given_ = [column(one, kind), column(two, other)]
    made = coded(given_)
    said = [[name for chunk in chunks for name in chunk] for chunks in (one, two)]
    assert [x.to_pylist() for x in made] == said
    assert all(x.type == CODED for x in made)
    known = dictionary(made).to_pylist()
    assert len(known) == len(set(known))
    assert [[known[i] for i in numbers(x)] for x in made] == said
    assert met(*((x,) for x in made)).to_pylist() == list(dict.fromkeys([*said[0], *said[1]]))
    size = min(map(len, said))
    rows = [x.slice(0, size) for x in made]
    assert met(tuple(rows)).to_pylist() == list(dict.fromkeys(name for row in zip(*said) for name in row))
    for x, words in zip(made, said):
        assert compacted(x).to_pylist() == words
        assert set(dictionary([compacted(x)]).to_pylist()) == set(words)
    for x, words in zip(given_, said):
        assert mapped(x, pc.utf8_length, pa.int64()).to_pylist() == [len(name) for name in words]


def test_what_is_asked_once_of_each_name() -> None:
    """A function sees the dictionary and not the rows."""
    seen = []

    def length(texts: pa.Array) -> pa.Array:
        seen.append(len(texts))
        return pc.utf8_length(texts)

    many = coded([pa.chunked_array([["a", "bb"] * 500, ["bb"] * 10], TEXT)])[0]
    assert mapped(many, length, pa.int64()).to_pylist() == [1, 2] * 500 + [2] * 10
    assert seen == [2]
    assert numbers(many).dtype == np.int32
