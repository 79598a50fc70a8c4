"""Names in Arrow's memory read like a list of them."""

import copy
import io
import pickle

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import HeteroData

from gnnneg.data import naming, texts
from gnnneg.data.statements import assemble, sliced
from gnnneg.data.texts import Texts
from gnnneg.errors import UserError
from gnnneg.records import Triplets

NAMES = ["Q1", "é", "", "Q1", "a b", "x" * 100, "y" + "x" * 99]
text = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(text, max_size=30), text, st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=60, deadline=None)
def test_it_reads_like_a_list(names: list[str], other: str, start: int, stop: int) -> None:
    made = Texts.of(names)
    assert len(made) == len(names)
    assert list(made) == made.tolist() == names
    assert made == names
    assert names == made
    assert made[start:stop] == names[start:stop]
    assert made[::-2] == names[::-2]
    assert [made[i] for i in range(-len(names), len(names))] == names * 2
    assert made + [other] == [*names, other]  # noqa: RUF005
    assert [other] + made == [other, *names]  # noqa: RUF005
    assert list(reversed(made)) == names[::-1]
    for name in [*names, other]:
        assert (name in made) == (name in names)
        assert made.count(name) == names.count(name)
        if name in names:
            assert made.index(name) == names.index(name)
            last = len(names) - 1 - names[::-1].index(name)
            assert made.index(name, last) == last
    assert made != [*names, other]


def test_what_a_list_refuses_it_refuses() -> None:
    made = Texts.of(NAMES)
    for place in (len(NAMES), -len(NAMES) - 1):
        with pytest.raises(IndexError):
            made[place]
    with pytest.raises(TypeError):
        made["a"]  # type: ignore[call-overload]
    for name, start in (("none", 0), ("é", 2), (3, 0)):
        with pytest.raises(ValueError, match="is not in the list"):
            made.index(name, start)  # type: ignore[arg-type]
    assert 3 not in made
    assert made[torch.tensor(1)] == "é"  # type: ignore[call-overload]
    with pytest.raises(UserError, match="not valid Unicode"):
        Texts.of(["\ud800"])


def test_names_that_are_told_apart_by_nothing_but_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all have one key, whole names are compared."""
    monkeypatch.setattr(texts, "HASHED", 1)
    made = Texts.of(["ax", "bx", "cx", "ax"])
    assert [made.index(name) for name in ("cx", "bx", "ax")] == [2, 1, 0]
    assert "dx" not in made


def test_copies_and_files() -> None:
    data = HeteroData()
    data["entity"].names = Texts.of(NAMES)
    assert copy.deepcopy(data)["entity"].names is data["entity"].names
    assert copy.copy(data)["entity"].names == data.clone()["entity"].names == NAMES
    assert data.to("cpu")["entity"].names == NAMES
    for names in (Texts.of(NAMES), Texts.of([]), Texts(Texts.of(NAMES).array[2:5])):
        data["entity"].names = names
        file = io.BytesIO()
        torch.save(data.to_dict(), file)
        file.seek(0)
        again = torch.load(file, weights_only=True)["entity"]["names"]
        assert again == names == pickle.loads(pickle.dumps(names))
        assert isinstance(again, Texts)


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(Exception, match=r"offset|length|buffer"):
        texts.texts_from(torch.tensor([0, 900]), torch.zeros(3, dtype=torch.uint8))


def test_a_graph_has_them_and_hands_them_on() -> None:
    one = torch.zeros(1, dtype=torch.long)
    data = assemble(Triplets(one, one, one), one, ["a", "b", "c"], ["r"])
    assert isinstance(data["entity"].names, Texts)
    kept = sliced("names", data["entity"].names, torch.tensor([True, False, True]), 3)
    assert isinstance(kept, Texts)
    assert kept == ["a", "c"]


def test_a_misspelt_name_is_found_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many names those that share letters are compared, and the number of all is told."""
    monkeypatch.setattr(texts, "MANY", 100)
    monkeypatch.setattr(texts, "LISTED", 50)
    names = Texts.of([*(f"Q{i}" for i in range(3000)), "Leonhard Euler"])
    one = torch.zeros(1, dtype=torch.long)
    data = assemble(Triplets(one, one, one), one, names, ["r"])
    assert len(names.alike("leonard Euler")) <= 50
    with pytest.raises(UserError, match=r"did you mean 'Leonhard Euler'\? \(3,001 are known\)"):
        naming.entity(data, "leonard Euler")
    assert naming.entity(data, "Q2999") == 2999
    assert naming.entity(data, " Leonhard  Euler ") == 3000
