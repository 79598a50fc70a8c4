"""What people agree on, worked by hand."""

from pathlib import Path

import pytest

from gnnneg.errors import UserError
from gnnneg.verdicts import Statement, Verdicts, agreed, kappa, summary
from gnnneg.verdicts.intervals import clopper_pearson


def judged(path: Path, said: dict[str, str]) -> Verdicts:
    """Of each person a letter for each statement 0, 1, ...; a blank is none."""
    words = {"a": "accept", "d": "deny", "u": "unsure", "s": "skip"}
    verdicts = Verdicts(path / "verdicts.db")
    for who, letters in said.items():
        for place, letter in enumerate(letters):
            if letter != " ":
                verdicts.record(
                    Statement(str(place), "r", "t"), words[letter], who, why=f"{who} {place}", score=place / 2
                )
    return verdicts


def test_people_who_differ_are_in_conflict_be_it_that_one_is_unsure(tmp_path):
    standing = judged(tmp_path, {"ann": "adaus ", "bob": "add  s"}).standing()
    found = agreed(standing)
    assert dict(zip(found["head"], found["verdict"])) == {"0": "accept", "1": "deny", "2": "conflict", "3": "unsure"}
    assert list(found["people"]) == [2, 2, 2, 1]
    assert list(found["confidence"]) == [1.0, 1.0, 0.0, 1.0]
    assert list(found["who"]) == ["ann; bob", "ann; bob", "ann; bob", "ann"]
    assert list(found["why"])[:2] == ["ann 0; bob 0", "ann 1; bob 1"]
    assert list(found["score"]) == [0.0, 0.5, 1.0, 1.5]


def test_whose_verdict_wins(tmp_path):
    standing = judged(tmp_path, {"ann": "adu", "bob": "dau", "cy": "ss "}).standing()
    assert list(agreed(standing)["verdict"]) == ["conflict", "conflict", "unsure"]
    assert list(agreed(standing, ["bob"])["verdict"]) == ["deny", "accept", "unsure"]
    assert list(agreed(standing, ["ann", "bob"])["verdict"]) == ["accept", "deny", "unsure"]
    assert list(agreed(standing, ["bob"])["confidence"]) == [0.5, 0.5, 1.0]
    assert list(agreed(standing, ["bob"])["who"]) == ["bob", "bob", "ann; bob"]
    with pytest.raises(UserError, match=r"'bop' has judged nothing: did you mean 'bob'\?"):
        agreed(standing, ["bop"])
    with pytest.raises(UserError, match="'cy' has judged nothing"):
        agreed(standing, ["cy"])


def test_kappa_by_hand(tmp_path):
    """Cohen's own kind of example: 20 a/a, 5 a/d, 10 d/a, 15 d/d of 50 is 0.4."""
    first, second = "a" * 25 + "d" * 25, "a" * 20 + "d" * 5 + "a" * 10 + "d" * 15
    found = kappa(judged(tmp_path, {"bob": second, "ann": first}).standing())
    assert found.to_dict("records") == [
        {"first": "ann", "second": "bob", "shared": 50, "same": 35, "kappa": pytest.approx(0.4)}
    ]


def test_kappa_counts_what_both_have_judged(tmp_path):
    """ann and cy share two, of which they say the same, one accept and one unsure; bob and dee say one word alone."""
    said = {"ann": "aua ", "bob": "  a ", "cy": "aus ", "dee": "  a ", "eve": "   a"}
    found = kappa(judged(tmp_path, said).standing()).set_index(["first", "second"])
    assert set(found.index) == {("ann", "bob"), ("ann", "cy"), ("ann", "dee"), ("bob", "dee")}
    assert found.loc[("ann", "cy"), "kappa"] == pytest.approx(1.0)
    assert found.loc[("bob", "dee"), "shared"] == 1
    assert found["kappa"].isna().sum() == 3


def test_a_record_in_numbers(tmp_path):
    verdicts = judged(tmp_path, {"ann": "adus", "bob": "d"})
    verdicts.record(Statement("x", "r", "t"), "deny", "bob")
    verdicts.undo("bob")
    verdicts.note(Statement("0", "r", "t"), "ann", "why")
    found = summary(verdicts)
    assert found.statements == {"accept": 0, "deny": 1, "unsure": 1, "conflict": 1}
    assert (found.undone, found.notes) == (1, 1)
    counts = found.people.drop(columns="last").values.tolist()
    assert counts == [["ann", 1, 1, 1, 1], ["bob", 0, 1, 0, 0]]
    assert found.as_dict()["people"][1]["last"] == verdicts.rows()[4].when
    assert summary(verdicts, ("ann",)).statements == {"accept": 1, "deny": 1, "unsure": 1, "conflict": 0}


def test_an_empty_record_in_numbers(tmp_path):
    verdicts = Verdicts(tmp_path / "verdicts.db")
    for _ in range(2):
        found = summary(verdicts).as_dict()
        assert found["statements"] == {"accept": 0, "deny": 0, "unsure": 0, "conflict": 0}
        assert found["people"] == found["agreement"] == []
        verdicts.record(Statement("x", "r", "t"), "deny", "bob")  # and once more, where all was taken back
        verdicts.undo("bob")


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (1, 10), (37, 100), (1, 1), (0, 1), (3, 5000), (4999, 5000)])
def test_clopper_pearson_is_made_of_quantiles_of_beta_distributions(k, n):
    special = pytest.importorskip("scipy.special")
    for level in (0.9, 0.95):
        alpha = 1 - level
        low = special.betaincinv(k, n - k + 1, alpha / 2) if k else 0.0
        high = special.betaincinv(k + 1, n - k, 1 - alpha / 2) if k < n else 1.0
        assert clopper_pearson(k, n, level) == pytest.approx((low, high), abs=1e-9)


def test_clopper_pearson_by_hand():
    """With no success of n the upper end is 1 - (alpha / 2)^(1 / n)."""
    assert clopper_pearson(0, 7) == (0.0, pytest.approx(1 - 0.025 ** (1 / 7)))
    assert clopper_pearson(7, 7) == (pytest.approx(0.025 ** (1 / 7)), 1.0)


@pytest.mark.parametrize(
    ("k", "n", "level"), [(1, 0, 0.9), (2, 1, 0.9), (-1, 3, 0.9), (0, 0, 0.9), (1, 2, 1.0), (1, 2, 0.0)]
)
def test_what_is_no_share_is_refused(k, n, level):
    with pytest.raises(UserError):
        clopper_pearson(k, n, level)
