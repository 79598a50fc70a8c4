"""An unknown name is answered with its neighbours: soon, and in few words."""

import random
import string
import time

import pytest

from gnnneg.errors import LONGEST, echo, nearest


@pytest.fixture(scope="module")
def names() -> list[str]:
    draw = random.Random(0)
    made = ["".join(draw.choices(string.ascii_letters + "/_:", k=draw.randint(4, 60))) for _ in range(75_492)]
    return [*made, "concept_city_paris", "concept_city_parish"]


@pytest.mark.parametrize("asked", ["concept_city_pariss", "CONCEPT_CITY_PARIS", "concept_cty_paris"])
def test_a_neighbour_among_many(names, asked):
    began = time.perf_counter()
    told = nearest(asked, names)
    assert time.perf_counter() - began < 4
    assert told.startswith("did you mean 'concept_city_paris")
    assert told.endswith("? (75,494 are known)")


@pytest.mark.parametrize("asked", ["0", "", "~~~", "é" * 10**6, "\x00\n"])
def test_no_neighbour_among_many(names, asked):
    began = time.perf_counter()
    told = nearest(asked, names)
    assert time.perf_counter() - began < 4
    assert told.startswith("75,494 are known, such as '")
    assert told.count("'") == 6
    assert len(told) < 300
    assert "\n" not in told


def test_of_few_all_are_listed():
    assert nearest("zzz", ["B", "A"]) == "known: A, B."
    assert nearest("distmul", ["DistMult", "TransE"]) == "did you mean 'DistMult'?"
    assert nearest("x", []) == "there are none."
    assert nearest("q", [f"name {place}" for place in range(41)]).startswith("41 are known, such as ")


def test_a_long_neighbour_is_cut():
    told = nearest("a" * 300, ["a" * 10**6])
    assert len(told) < 120


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, "\n" * 10**6, list(range(10**6)), {"a": {"b": {"c": {"d": {"e": 1}}}}}, [["y" * 10**6]], 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_echoed_in_one_short_line(value):
    text = echo(value)
    assert len(text) <= LONGEST
    assert "\n" not in text


@pytest.mark.parametrize("value", [None, True, 3, 0.5, float("nan"), "a", "a b", [1, "b"], {"a": 1}, ("x",)])
def test_a_short_value_is_echoed_as_it_is(value):
    assert echo(value) == repr(value)


def test_the_command_line_repeats_little(said, received):
    for words in (["x" * 10**6], ["train", *["y" * 10**6] * 2], ["data", "info", "z" * 10**6]):
        code, err = said(*words)
        assert code == 2
        assert len(err) < 800
    code, err = said("predict", received, "--head", "w" * 10**6, "--relation", "lives_in")
    assert code == 2
    assert len(err) < 400
    code, err = said("predict", received, "--head", "nobody", "--relation", "lives_in")
    assert code == 2
    assert len(err) < 400


BOMB = "".join(
    f"{one}: &{one} [{', '.join([f'*{before}' if before else 'x'] * 9)}]\n"
    for before, one in zip(["", *"abcdefgh"], "abcdefghi")
)


def test_a_card_that_is_meant_to_hurt(place, said):
    (place / "set").mkdir()
    for content in (BOMB, f"name: set\ntitle:\n  {BOMB}", "[" * 5000, "name: [1]\n", "\x00"):
        (place / "set" / "dataset.yaml").write_text(content.replace("\n", "\n  ") if "title" in content else content)
        began = time.perf_counter()
        code, err = said("data", "info", "set")
        assert code == 2
        assert len(err.splitlines()) == 1
        assert len(err) < 400
        assert time.perf_counter() - began < 10
