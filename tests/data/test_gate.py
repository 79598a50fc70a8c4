"""The gate against counts made statement by statement in plain Python."""

import random
from itertools import chain

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch_geometric.data import HeteroData

from gnnneg.data import gate
from gnnneg.data.facts import Facts
from gnnneg.data.gate import admit, look_over, tidied, variants
from gnnneg.data.hetero import from_hetero
from gnnneg.data.statements import POLARITIES, assemble
from gnnneg.errors import UserError
from gnnneg.records import Query, Triplets

Rows = list[tuple[int, int, int, int]]  # head, relation, tail, split


def graph(stated: Rows, denied: Rows = (), names: list[str] | None = None) -> HeteroData:  # type: ignore[assignment]
    parts = []
    for rows in (stated, denied):
        h, r, t, split = (torch.tensor(column, dtype=torch.long) for column in (zip(*rows) if rows else [[]] * 4))
        parts += [Triplets(h, r, t), split]
    return assemble(parts[0], parts[1], names or list("abcdefgh"), ["r", "s"], parts[2], parts[3])


def rows(data: HeteroData, polarity: str) -> Rows:
    store = data["entity", polarity, "entity"]
    return [
        (h, r, t, s)
        for (h, t), r, s in zip(store.edge_index.T.tolist(), store.edge_type.tolist(), store.split.tolist())
    ]


@pytest.mark.parametrize("seed", range(6))
def test_counts_and_what_stays_by_brute_force(seed: int) -> None:
    draw = random.Random(seed)
    stated, denied = (
        [(draw.randrange(8), draw.randrange(2), draw.randrange(8), draw.randrange(3)) for _ in range(size)]
        for size in (60, 30)
    )
    data = graph(stated, denied)
    data["entity", "stated", "entity"].confidence = torch.arange(60.0)
    yes, no = ({row[:3] for row in part} for part in (stated, denied))
    first = [
        {row: min(s for *r, s in part if tuple(r) == row) for row in {x[:3] for x in part}} for part in (stated, denied)
    ]
    late = [{r[:3] for r in part if r[3] > first[i][r[:3]]} for i, part in enumerate((stated, denied))]
    linked = {(h, t) for h, _, t, s in stated if s == 0}
    turned = {r[:3] for r in stated if r[3] and r[0] != r[2] and (r[2], r[0]) in linked}
    for wins, overlap, mirrored in (("stated", "keep", None), ("denied", "drop", "keep"), ("stated", "drop", "drop")):
        made, found = admit(data, wins, overlap, mirrored)
        assert found.contradictions == len(yes & no)
        assert found.overlap == len(late[0]) + len(late[1])
        assert found.mirrored == len(turned)
        assert found.asked == len({r[:3] for r in stated if r[3]})
        kept = []
        for i, part in enumerate((stated, denied)):
            loses = wins != POLARITIES[i]
            kept.append(
                [
                    r
                    for r in part
                    if not (loses and r[:3] in yes & no)
                    and not (overlap == "drop" and r[3] > first[i][r[:3]])
                    and not (mirrored == "drop" and i == 0 and r[3] and r[0] != r[2] and (r[2], r[0]) in linked)
                ]
            )
        assert [rows(made, p) for p in POLARITIES] == kept
        of = {c: stated[int(c)] for c in range(60)}
        assert [of[int(c)] for c in made["entity", "stated", "entity"].confidence] == kept[0]
    assert rows(data, "stated") == stated, "the graph itself stays as it is"


def test_a_contradiction_is_refused_by_name() -> None:
    """In whatever splits: what train denies is not to be asked as true."""
    data = graph([(0, 0, 1, 0), (1, 0, 2, 2)], [(1, 0, 2, 0)])
    with pytest.raises(
        UserError, match=r"1 statements are both stated and denied, such as 'b' 'r' 'c': .*--wins stated"
    ):
        admit(data)
    assert rows(admit(data, "stated")[0], "denied") == []
    assert rows(admit(data, wins="denied")[0], "stated") == [(0, 0, 1, 0)]
    with pytest.raises(UserError, match="won by 'stated' or 'denied', not 'both'"):
        admit(data, wins="both")


def test_a_statement_in_two_splits_is_refused_by_name() -> None:
    data = graph([(0, 0, 1, 0), (0, 0, 1, 2), (1, 0, 2, 1)])
    with pytest.raises(UserError, match=r"1 statements are in two splits, such as 'a' 'r' 'b': .*--overlap drop"):
        admit(data)
    assert rows(admit(data, overlap="drop")[0], "stated") == [(0, 0, 1, 0), (1, 0, 2, 1)]
    assert rows(admit(data, overlap="keep")[0], "stated") == rows(data, "stated")
    with pytest.raises(UserError, match="overlap is 'drop' or 'keep', not 'test'"):
        admit(data, overlap="test")


def test_a_sound_graph_is_let_through_as_it_is() -> None:
    data = graph([(0, 0, 1, 0), (0, 0, 1, 0), (1, 1, 0, 0), (2, 0, 2, 2)], [(2, 0, 1, 0)])
    made, found = admit(data)
    assert made is data
    assert (found.contradictions, found.overlap, found.mirrored) == (0, 0, 0)
    assert admit(graph([]))[1].asked == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Café", "Cafe\u0301"), ("a", " a"), ("a b", "a\u00a0b"), ("a", "a\u200b"), ("a b", "a  b"), ("Å", "\u212b")),
        *(("coop", "co\u00adop"), ("ab", "a\u200bb"), ("a", "\u200fa\u202c"), ("a", "a \u2060 ")),
    ],
)
def test_one_name_under_two_spellings(one: str, other: str) -> None:
    assert tidied(one) == tidied(other) == one
    assert variants(["x", one, other, "x", "A"]) == [[one, other]]
    data = graph([(0, 0, 1, 0)], names=[one, other])
    with pytest.raises(UserError, match="1 names of entity differ in blanks or in their form in Unicode only"):
        admit(data)
    with pytest.raises(
        UserError, match=r"gnnneg\.from_frames or gnnneg\.from_hetero to keep them apart with apart=True"
    ):
        admit(data)
    assert admit(data, apart=True)[0] is data


def test_names_that_differ_in_earnest() -> None:
    assert variants(["a", "A", "a-b", "a b", "ab", "ﬁ", "fi", "x\ny", "x y"]) == []
    assert tidied("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e", (
        "joiners are part of how Persian is written"
    )


def test_the_twenty_first_are_named() -> None:
    data = graph([(h, 0, t, 0) for h in range(8) for t in range(3)], [(h, 0, t, 0) for h in range(8) for t in range(3)])
    found = admit(data, "stated")[1]
    assert found.contradictions == 24
    assert (
        found.contradicted
        == [["abcdefgh"[h], "r", "abc"[t]] for h, t in chain((h, t) for h in range(8) for t in range(3))][:20]
    )
    with pytest.raises(UserError, match=" and 4 more: say which wins"):
        admit(data)


def test_nothing_is_a_verified_negative_of_itself() -> None:
    """Published data contradict themselves, and are trained on all the same."""
    data = graph([(0, 0, 1, 0), (2, 1, 3, 2)], [(0, 0, 1, 0), (0, 0, 2, 0), (2, 1, 3, 0)])
    data["entity", "denied", "entity"].confidence = torch.tensor([0.5, 0.25, 0.75])
    denied = Facts(data).denied
    query = Query(torch.tensor([0, 0, 2]), torch.tensor([0, 0, 1]))
    found = denied.contains(query, torch.tensor([[1], [2], [3]]))[:, 0].tolist()
    assert found == [False, True, True], "what test states is not known in training"
    assert denied.confidence is not None
    assert sorted(denied.confidence.tolist()) == [0.25, 0.25, 0.75, 0.75]


def test_what_training_asks_of_a_graph() -> None:
    look_over(graph([(0, 0, 1, 0)], [(1, 0, 0, 0)]), "x")
    with pytest.warns(UserWarning, match=r"In x, 1 statements are in two splits, such as 'a' 'r' 'b';"):
        look_over(graph([(0, 0, 1, 0), (0, 0, 1, 2)], [(1, 0, 0, 0)]), "x")
    data = graph([(0, 0, 1, 0), (0, 0, 2, 2)], [(0, 0, 1, 0), (0, 0, 3, 1)])
    with pytest.raises(UserError, match=r"In x, 1 statements are both .* such as 'a' 'r' 'b': .* --data\.wins stated"):
        look_over(data, "x")
    for wins, left in (("stated", (2, 1)), ("denied", (1, 2))):
        settled = from_hetero(data, wins=wins)  # as the message says
        look_over(settled, "x")
        assert tuple(settled["entity", p, "entity"].edge_type.numel() for p in ("stated", "denied")) == left


@pytest.mark.parametrize("sizes", [(50, 9), (9, 50), (0, 5), (5, 0), (20, 20)])
def test_numbers_among_others(sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "AT_ONCE", 7)
    draw = torch.Generator().manual_seed(sum(sizes))
    one, other = (torch.randint(30, (size,), generator=draw) for size in sizes)
    assert torch.equal(gate.within(one, other), torch.isin(one, other))


@given(st.lists(st.sampled_from(["a b", "a  b", " a b", "é", "e\u0301", "a", "a\u200b", "b", "a\nb"]), max_size=12))
def test_names_that_become_one(names: list[str]) -> None:
    """Against all names tidied one by one."""
    groups: dict[str, dict[str, None]] = {}
    for name in names:
        groups.setdefault(gate.tidied(name), {})[name] = None
    assert gate.variants(names) == [list(group) for group in groups.values() if len(group) > 1]
    wanted = [(i, name, gate.tidied(name)) for i, name in enumerate(names) if gate.tidied(name) != name]
    assert gate.untidy(names) == wanted


def test_names_that_look_alike_are_told_of() -> None:
    """The micro sign and the Greek letter; a square and a two may well be two."""
    data = graph([(0, 0, 1, 0), (2, 0, 3, 0)], names=["\u00b5m", "\u03bcm", "x\u00b2", "x2"])
    with pytest.warns(
        UserWarning, match=r"2 names of entity differ in compatible forms .* such as '\\xb5m' and '\\u03bcm'"
    ):
        assert admit(data)[0] is data
    assert gate.lookalikes({"entity": ["a", "b", "é"]}) == []
    assert gate.alike("\uff21\u3000b ") == "A b"
