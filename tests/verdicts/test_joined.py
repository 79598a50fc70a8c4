"""Verdicts back into the data set, on a graph small enough to work out by hand."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import gnnneg
from gnnneg.data.statements import POLARITIES, SPLITS, assemble
from gnnneg.errors import UserError
from gnnneg.records import Triplets
from gnnneg.verdicts import Statement, Verdicts
from gnnneg.verdicts.joined import curated

ENTITIES, RELATIONS = ["a", "b", "c", "d"], ["likes", "knows"]
# by polarity and split
SAYS = {
    ("stated", "train"): "a likes b, b likes c",
    ("stated", "valid"): "a knows d",
    ("stated", "test"): "c likes d, d likes d",
    ("denied", "train"): "a likes c",
    ("denied", "test"): "b knows d",
}


def graph(says=SAYS):
    parts = []
    for polarity in POLARITIES:
        rows = [
            (row.split(), SPLITS.index(s)) for (p, s), text in says.items() if p == polarity for row in text.split(", ")
        ]
        columns = list(zip(*((ENTITIES.index(h), RELATIONS.index(r), ENTITIES.index(t)) for (h, r, t), _ in rows)))
        parts += [Triplets(*(torch.tensor(column) for column in columns)), torch.tensor([split for _, split in rows])]
    stated, split, denied, denied_split = parts
    return assemble(stated, split, ENTITIES, RELATIONS, denied, denied_split)


def said(data) -> dict[tuple[str, str], str]:
    """A graph in the words of SAYS."""
    result: dict[tuple[str, str], list[str]] = {}
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        for h, t, r, s in zip(*store.edge_index.tolist(), store.edge_type.tolist(), store.split.tolist()):
            result.setdefault((polarity, SPLITS[s]), []).append(f"{ENTITIES[h]} {RELATIONS[r]} {ENTITIES[t]}")
    return {key: ", ".join(rows) for key, rows in result.items()}


def record(path: Path, *lines: str) -> Verdicts:
    """``accept a likes b`` by ann, or by the person who comes fifth."""
    verdicts = Verdicts(path / "v.db")
    for line in lines:
        verdict, head, relation, tail, *who = line.split()
        verdicts.record(Statement(head, relation, tail), verdict, who[0] if who else "ann")
    return verdicts


def changed(**more: str) -> dict[tuple[str, str], str]:
    """SAYS with more in train."""
    result = dict(SAYS)
    for polarity, text in more.items():
        result[polarity, "train"] += f", {text}"
    return result


def test_accepted_statements_are_stated_in_train_and_denied_ones_denied(tmp_path):
    before = graph()
    data = curated(before, record(tmp_path, "accept b knows a", "deny b knows c", "accept c likes c"))
    assert said(data) == changed(stated="b knows a, c likes c", denied="b knows c")
    assert said(before) == SAYS, "the graph stays as it is"
    assert {key: data.verdicts[key] for key in ("accepted", "denied", "already", "file")} == {
        "accepted": 2,
        "denied": 1,
        "already": 0,
        "file": "v.db",
    }
    assert data.source_names == ["verdict of ann"]
    assert data["entity", "stated", "entity"].source.tolist() == [-1] * 5 + [0, 0]
    assert "confidence" not in data["entity", "stated", "entity"]
    assert curated is gnnneg.curated


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("accept a knows d", "1 on a statement of valid or test"),
        ("accept c likes d", "1 on a statement of valid or test"),
        ("deny c likes d", "1 on a statement of valid or test"),
        ("accept b knows d", "1 on a statement of valid or test"),  # which test denies
        ("deny b knows d", "1 on a statement of valid or test"),
        ("accept d likes d", "1 on a statement of valid or test"),
        ("accept d likes c", "1 on two entities that a statement of valid or test links the other way round"),
        ("accept d knows c", ".* the other way round"),  # by whatever relation
        ("deny d knows b", ".* the other way round"),
    ],
)
def test_nothing_of_valid_and_test_gets_into_training(tmp_path, line, why):
    with pytest.warns(UserWarning, match=f"Not all verdicts of v.db join training; left out: {why}"):
        data = curated(graph(), record(tmp_path, line))
    assert said(data) == SAYS
    assert data.verdicts["asked"] + data.verdicts["mirrored"] == 1


@pytest.mark.parametrize("line", ["deny d likes c", "accept d knows b", "accept c knows d", "accept d knows d"])
def test_what_is_no_mirror_joins(tmp_path, line):
    """To deny what is asked the other way round, to accept what is denied so, and an entity with itself."""
    polarity = "stated" if line.startswith("accept") else "denied"
    assert said(curated(graph(), record(tmp_path, line))) == changed(**{polarity: line.split(maxsplit=1)[1]})


def test_what_train_says_already_is_not_added_once_more(tmp_path):
    data = curated(graph(), record(tmp_path, "accept a likes b", "deny a likes c"))
    assert said(data) == SAYS
    assert data.verdicts["already"] == 2


def test_unsure_and_in_conflict_are_left_out_unless_somebody_wins(tmp_path):
    lines = ["accept b knows a", "deny b knows a bob", "unsure b knows c", "skip c knows a", "deny c knows b bob"]
    verdicts = record(tmp_path, *lines)
    with pytest.warns(UserWarning, match="left out: 1 unsure; 1 in conflict, since people differ"):
        assert said(curated(graph(), verdicts)) == changed(denied="c knows b")
    with pytest.warns(UserWarning, match="left out: 1 unsure"):
        data = curated(graph(), verdicts, whose=["ann", "bob"])
    assert said(data) == changed(stated="b knows a", denied="c knows b")
    assert data["entity", "stated", "entity"].confidence.tolist() == [1.0] * 5 + [0.5]


def test_an_empty_record_and_one_that_was_taken_back(tmp_path):
    verdicts = record(tmp_path)
    for _ in range(2):
        with pytest.warns(UserWarning, match="v.db accepts nothing and denies nothing: the data stay as they are"):
            assert said(curated(graph(), verdicts)) == SAYS
        verdicts.record(Statement("b", "knows", "a"), "deny", "ann")
        verdicts.undo("ann")


CONTRARY = ("deny a likes b", "accept a likes c", "accept b knows a")


def test_a_verdict_against_train_is_refused_until_somebody_wins(tmp_path):
    verdicts = record(tmp_path, *CONTRARY)
    with pytest.raises(UserError, match="contradict training statements of the graph") as told:
        curated(graph(), verdicts)
    assert str(told.value).startswith("2 of the verdicts of v.db contradict training statements")
    assert "(accepted 'a' 'likes' 'c'; denied 'a' 'likes' 'b'): say which win, verdicts, stated or" in str(told.value)
    with pytest.raises(UserError, match="not 'both'"):
        curated(graph(), verdicts, wins="both")


@pytest.mark.parametrize(
    ("wins", "stated", "denied", "lost", "replaced"),
    [
        ("verdicts", "b likes c, a likes c, b knows a", "a likes b", 0, 2),
        ("stated", "a likes b, b likes c, a likes c, b knows a", "", 1, 1),
        ("denied", "b likes c, b knows a", "a likes c, a likes b", 1, 1),
    ],
)
@pytest.mark.filterwarnings("ignore:Not all verdicts")
def test_who_wins_is_an_option(tmp_path, wins, stated, denied, lost, replaced):
    data = curated(graph(), record(tmp_path, *CONTRARY), wins=wins)
    found = said(data)
    assert (found["stated", "train"], found.get(("denied", "train"), "")) == (stated, denied)
    assert {key: found[key] for key in SAYS if key[1] != "train"} == {
        key: SAYS[key] for key in SAYS if key[1] != "train"
    }
    assert (data.verdicts["lost"], data.verdicts["replaced"]) == (lost, replaced)
    assert data.verdicts["accepted"] + data.verdicts["denied"] == 3 - lost


def test_names_that_the_graph_does_not_have_are_refused_all_named(tmp_path):
    verdicts = record(tmp_path, "accept x knows a", "deny a hates y", "accept a knows b")
    with pytest.raises(UserError, match=r"v\.db speaks of 3 names that toy does not have, ") as told:
        curated(graph(), verdicts, where="toy")
    assert "entity 'x', entity 'y', relation 'hates': give the data set that was judged." in str(told.value)


def test_a_table_of_labelled_statements_is_read_as_well(tmp_path):
    path = tmp_path / "mine.tsv"
    rows = ["b\tknows\ta\tstated\t0.5", "b\tknows\tc\t0\t1", "c\tknows\ta\tunsure\t1", "b\tknows\ta\t1\t1"]
    path.write_text("head\trelation\ttail\tlabel\tconfidence\n" + "\n".join(rows) + "\n")
    with pytest.warns(UserWarning, match="left out: 1 unsure"):
        data = curated(graph(), path)
    assert said(data) == changed(stated="b knows a", denied="b knows c")
    assert data["entity", "stated", "entity"].confidence.tolist() == [1.0] * 5 + [0.5]
    assert data.source_names == ["verdict in mine.tsv"]
    with pytest.raises(UserError, match="leave out whose wins"):
        curated(graph(), path, whose=["ann"])
    for twice in ("b\tknows\ta", "a\tlikes\tb"):
        path.write_text(f"head\trelation\ttail\tlabel\n{twice}\t1\n{twice}\t0\n")
        with pytest.raises(UserError, match=r"mine\.tsv states and denies the same statement"):
            curated(graph(), path, wins="verdicts")


def test_a_table_without_a_header_is_read_by_its_looks(tmp_path):
    path = tmp_path / "mine.tsv"
    for yes, no, more in (("1", "-1", ""), ("stated", "denied", ""), ("stated", "denied", "c\tknows\ta\tunsure\n")):
        path.write_text(f"b\tknows\ta\t{yes}\nb\tknows\tc\t{no}\n{more}")
        with pytest.warns(UserWarning, match="1 unsure") if more else nullcontext():
            assert said(curated(graph(), path)) == changed(stated="b knows a", denied="b knows c")


@pytest.mark.parametrize("name", ["none.db", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="There is no file of verdicts at"):
        curated(graph(), tmp_path / name)


def test_own_attributes_of_statements_are_refused(tmp_path):
    data = graph()
    data["entity", "stated", "entity"].since = torch.arange(5)
    with pytest.raises(UserError, match="The stated statements have 'since', which no verdict has"):
        curated(data, record(tmp_path, "accept b knows a"))


def test_the_digest_tells_what_joined(tmp_path):
    verdicts = record(tmp_path, "accept b knows a")
    first = curated(graph(), verdicts).verdicts["digest"]
    verdicts.record(Statement("b", "knows", "a"), "accept", "bob")
    assert curated(graph(), verdicts).verdicts["digest"] == first
    verdicts.record(Statement("b", "knows", "c"), "accept", "bob")
    assert curated(graph(), verdicts).verdicts["digest"] != first


@pytest.mark.parametrize("wins", [None, "verdicts", "stated", "denied"])
def test_what_the_graph_contradicts_itself_is_left_to_the_gate(tmp_path, wins):
    """``a likes b`` is stated in train and denied in test: no verdict speaks of it."""
    contrary = {**SAYS, ("denied", "test"): "b knows d, a likes b"}
    data = curated(graph(contrary), record(tmp_path, "accept b knows a"), wins=wins)
    assert said(data) == {**contrary, ("stated", "train"): "a likes b, b likes c, b knows a"}


def test_a_verdict_says_which_of_two_training_statements_goes(tmp_path):
    contrary = {**SAYS, ("denied", "train"): "a likes c, a likes b"}
    for place, (line, key, left) in enumerate(
        (
            ("deny a likes b", ("stated", "train"), "b likes c"),
            ("accept a likes b", ("denied", "train"), "a likes c"),
        )
    ):
        verdicts = record(tmp_path / str(place), line)
        with pytest.raises(UserError, match="1 of the verdicts of v"):
            curated(graph(contrary), verdicts)
        data = curated(graph(contrary), verdicts, wins="verdicts")
        assert said(data) == {**contrary, key: left}
        assert (data.verdicts["already"], data.verdicts["replaced"]) == (1, 1)
