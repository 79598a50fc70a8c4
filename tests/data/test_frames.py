"""Frames come in by the same gate as files: what denies, is left out, or stands in two splits is told or refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gnnneg.data.frames import from_frames
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError

ROWS = [("a", "r", "b"), ("b", "r", "c"), ("c", "r", "d"), ("a", "r", "c")]
NAMES = ["head", "relation", "tail"]


def table(rows: list[tuple[Any, ...]] = ROWS, **more: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=NAMES).assign(**more)


def said(data: Any) -> list[tuple[str, ...]]:
    names, relations = data["entity"].names, data.relation_names
    return [(names[h], relations[r], names[t]) for h, r, t in zip(*(x.tolist() for x in triplets(data, "stated")))]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("negated", [False, True, False, False]),
        ("label", [1, -1, 1, 1]),
        ("label", [True, None, False, True]),
        ("qualifier", ["", "NOT|enables", "", ""]),
        ("verdict", ["supports", "refutes", "supports", "supports"]),
        ("qualifiers", [["NOT"], [], [], []]),
    ],
)
def test_a_column_that_says_false_is_not_passed_over(name: str, values: list[Any]) -> None:
    frame = table()
    frame[name] = pd.Series(values, dtype=object)
    with pytest.raises(UserError, match=f"'{name}' .* some rows are false, .*gnnneg data import FILE --label {name}"):
        from_frames(frame)


def test_other_columns_are_left_out_by_name() -> None:
    with pytest.warns(UserWarning, match=r"Left out of the table of train: index, confidence\. Read are head"):
        data = from_frames(table(confidence=[0.1, 0.2, 0.3, 0.4]).reset_index()[["index", *NAMES, "confidence"]])
    assert sorted(said(data)) == sorted(ROWS)


def test_the_gate() -> None:
    with pytest.raises(UserError, match="2 statements are in two splits"):
        from_frames([table(), table(ROWS[:2])])
    assert len(said(from_frames([table(), table(ROWS[:2])], overlap="drop"))) == 4
    turned = [table(), table([("b", "s", "a")])]
    with pytest.warns(
        UserWarning, match="1 of 1 stated statements of valid and test link two entities that train links"
    ):
        from_frames(turned)
    assert len(said(from_frames(turned, mirrored="drop"))) == 4
    two = table([*ROWS, ("Caf\u00e9", "r", "b"), ("Cafe\u0301", "r", "b")])
    with pytest.raises(UserError, match="differ in blanks or in their form in Unicode only"):
        from_frames(two)
    assert len(said(from_frames(two, apart=True))) == 6


def test_columns_in_another_order_or_twice() -> None:
    with pytest.raises(UserError, match="has the columns source, target, type: name one each head, relation and tail"):
        from_frames(pd.DataFrame([("a", "b", "r")], columns=["source", "target", "type"]))
    with pytest.raises(UserError, match="head, relation, tail, tail"):
        from_frames(pd.concat([table(), table()[["tail"]]], axis=1))
    assert sorted(said(from_frames(table().rename(columns={"head": "subject", "tail": "object"})))) == sorted(ROWS)
    assert sorted(said(from_frames(np.array(ROWS)))) == sorted(ROWS)


def test_ids_that_became_floats_are_ids() -> None:
    """As pandas makes them once a column had a gap."""
    assert said(from_frames(table([(1.0, 0.0, 2.0), (2.0, 0.0, 3.0)]), valid=0.0, test=0.0)) == [
        ("1", "0", "2"),
        ("2", "0", "3"),
    ]


def test_entries_that_hold_others_are_not_compared_two_by_two(monkeypatch):
    """pandas would do so, and take hours for a million lists; everything else is looked at once."""
    real, asked = pd.Series.drop_duplicates, []
    monkeypatch.setattr(pd.Series, "drop_duplicates", lambda self: (asked.append(self.name), real(self))[1])
    table = pd.DataFrame({"head": list("abc"), "relation": "r", "tail": list("bca")})
    table["lists"] = [["x"], ["y"], ["x"]]
    table["objects"] = [{"x": 1}, None, {"x": 2}]
    table["arrays"] = [np.zeros(2), np.ones(1), None]
    table["words"] = ["p", "q", "p"]
    with pytest.warns(UserWarning, match="Left out of the table of train: lists, objects, arrays, words"):
        from_frames(table)
    assert asked == ["words"]
