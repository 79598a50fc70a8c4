"""Small graphs by hand: facts told twice, edge types of several kinds, groups of a split, words of a reader."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from torch_geometric.data import HeteroData

from gnnneg.data.hetero import by_type, from_hetero, to_networkx
from gnnneg.data.known import KnownAnswers
from gnnneg.data.layout import Layout
from gnnneg.data.read import as_text, listed, read_columns, read_parquet, read_table
from gnnneg.data.splits import _filled, _mirrored, _whole, random_split, share_denied
from gnnneg.data.statements import PAIR, assemble, triplets
from gnnneg.errors import UserError
from gnnneg.records import Query, Triplets


def facts(*rows: tuple[int, int, int]) -> Triplets:
    return Triplets(*(torch.tensor(column, dtype=torch.long) for column in zip(*rows)))


NONE = Triplets(*[torch.empty(0, dtype=torch.long)] * 3)

# known answers


def test_of_what_is_told_twice_the_surer_counts() -> None:
    """On both sides, whichever came first; who is not known is sure."""
    told = facts((0, 0, 1), (0, 0, 2), (0, 0, 1), (0, 0, 1), (3, 1, 1))
    known = KnownAnswers(told, 4, 2, torch.tensor([0.25, 0.5, 0.75, 0.125, 0.375]))
    assert len(known) == 3
    query = Query(torch.tensor([0, 0, 3, 1, 2, 1, 0, 3]), torch.tensor([0, 0, 1, 2, 2, 3, 0, 0]))
    target = torch.tensor([1, 2, 1, 0, 0, 3, 3, 3])
    assert known.sure(query, target).tolist() == [0.75, 0.5, 0.375, 0.75, 0.5, 0.375, 1.0, 1.0]
    assert KnownAnswers(told, 4, 2).sure(query, target).tolist() == [1.0] * 8
    empty = KnownAnswers(NONE, 4, 2, torch.empty(0))
    assert empty.sure(query, target).tolist() == [1.0] * 8
    assert len(empty) == 0
    assert KnownAnswers(told, 4, 2).answer.tolist() == known.answer.tolist()


def test_where_each_question_and_each_relation_stands() -> None:
    """Questions are sorted by relation and anchor: (0, 0), (2, 0), (0, 1), and then their inverses."""
    known = KnownAnswers(facts((0, 0, 2), (0, 0, 1), (2, 0, 0), (0, 1, 3)), 4, 2)
    assert known.answer.tolist() == [1, 2, 0, 3, 2, 0, 0, 0]
    query, answer = known.at(torch.arange(8))
    assert query.anchor.tolist() == [0, 0, 2, 0, 0, 1, 2, 3]
    assert query.rel_type.tolist() == [0, 0, 0, 1, 2, 2, 2, 3]
    assert answer.tolist() == known.answer.tolist()
    begin, end = known.span_of(torch.arange(4))
    assert (begin.tolist(), end.tolist()) == ([0, 3, 4, 7], [3, 4, 7, 8])
    some = Query(torch.tensor([0, 1, 2, 3]), torch.tensor([0, 0, 0, 1]))
    assert known.count(some).tolist() == [2, 0, 1, 0]
    row, there = known.row(some)
    assert there.tolist() == [True, False, True, False]
    assert row[there].tolist() == [0, 1]
    row, entity = known.answers(some)
    assert (row.tolist(), entity.tolist()) == ([0, 0, 2], [1, 2, 0])
    row, there = KnownAnswers(NONE, 4, 2).row(some)
    assert (row.tolist(), there.any().item()) == ([0] * 4, False)


def test_statements_that_an_overflow_would_merge_stay_apart() -> None:
    """Just beyond what keys of pairs of entities leave room for: 2 r n^2 passes 2^63, and half of it does not."""
    n, r = 1 << 30, 5
    rows = facts((n - 1, r - 1, n - 2), (0, 0, 0), (n - 2, 2, 1))
    known = KnownAnswers(rows, n, r)
    query = Query(torch.tensor([n - 1, 0, n - 2, n - 2, 1]), torch.tensor([r - 1, 0, 2, 2 * r - 1, r + 2]))
    assert known.contains(query, torch.tensor([[n - 2, 0, 1, n - 1]])).int().argmax(1).tolist() == [0, 1, 2, 3, 0]
    assert known.contains(query, torch.tensor([[n - 2, 0, 1, n - 1]])).sum(1).tolist() == [1] * 5


# node and edge types


def plain(*rows: tuple[int, int, int], denied: Triplets = NONE, relations: tuple[str, ...] = ("r", "s")) -> HeteroData:
    stated, split = facts(*rows), torch.zeros(len(rows), dtype=torch.long)
    return assemble(stated, split, list("abcd"), list(relations), denied, torch.zeros_like(denied.rel_type))


def test_a_relation_that_nothing_states_has_an_edge_type() -> None:
    """Where all nodes are of one type, so that no relation is lost on the way there and back; of denials only some."""
    data = plain((0, 0, 1), denied=facts((1, 0, 2)))
    typed = by_type(data)
    entity = "entity"
    assert typed.edge_types == [(entity, "r", entity), (entity, "s", entity), (entity, "not_r", entity)]
    assert typed[entity, "s", entity].edge_index.shape == (2, 0)
    assert from_hetero(typed, denied="not_").relation_names == ["r", "s"]
    again = by_type(from_hetero(typed, denied="not_"))
    assert again.edge_types == typed.edge_types
    data["entity"].type = torch.eye(4, 2, dtype=torch.bool)
    data["entity"].type[2:, 0] = True
    kinds = by_type(data)  # a type of its own each has no name yet
    assert kinds.node_types == ["type_0", "type_1"]
    assert kinds.edge_types == [("type_0", "r", "type_1"), ("type_1", "not_r", "type_0")]
    assert kinds["type_0"].names == ["a", "c", "d"]
    assert kinds["type_0", "r", "type_1"].edge_index.tolist() == [[0], [0]]
    assert kinds["type_1", "not_r", "type_0"].edge_index.tolist() == [[0], [1]]


def test_an_entity_of_no_type() -> None:
    data = plain((0, 0, 1))
    data["entity"].type = torch.eye(4, 2, dtype=torch.bool)
    with pytest.raises(UserError, match=r"Entity 'c' has 0 types, but a node store needs exactly one"):
        by_type(data)


def test_pairs_of_several_types_keep_their_order() -> None:
    """By their own numbers where they have them, else store by store."""
    data = plain((0, 0, 1))
    data["entity"].type = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 1]]).bool()
    data["entity"].type_names = ["even", "odd"]
    data[PAIR].edge_label_index = torch.tensor([[1, 0, 3, 1, 2], [0, 2, 1, 2, 3]])
    data[PAIR].edge_label = torch.tensor([1, 0, 1, 1, 0])
    typed = by_type(data)
    assert typed["odd", "pair", "even"].edge_label_index.tolist() == [[0, 0], [0, 1]]
    assert typed["odd", "pair", "even"].pair_index.tolist() == [0, 3]
    assert typed["odd", "pair", "odd"].edge_label_index.tolist() == [[1], [0]]
    assert typed["even", "pair", "odd"].edge_label_index.tolist() == [[1], [1]]
    back = from_hetero(typed)
    assert torch.equal(back[PAIR].edge_label_index, data[PAIR].edge_label_index)
    assert torch.equal(back[PAIR].edge_label, data[PAIR].edge_label)
    for edge_type in typed.edge_types:
        typed[edge_type].pop("pair_index", None)
    order = [1, 4, 0, 3, 2]  # even-even, even-odd, odd-even, odd-odd
    back = from_hetero(typed)
    assert torch.equal(back[PAIR].edge_label_index, data[PAIR].edge_label_index[:, order])
    assert torch.equal(back[PAIR].edge_label, data[PAIR].edge_label[order])


def people(reverse: list[list[int]], name: str = "rev_knows") -> HeteroData:
    data = HeteroData()
    data["person"].num_nodes, data["city"].num_nodes = 5, 5
    data["person", "knows", "city"].edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    data["city", name, "person"].edge_index = torch.tensor(reverse)
    return data


def test_what_is_another_the_other_way_round() -> None:
    same = [[2, 1, 3], [1, 0, 2]]  # in another order
    with pytest.warns(UserWarning, match="repeats .* the other way round, and a split that parts the two leaks"):
        from_hetero(people(same), valid=0.0, test=0.0)
    for reverse, name in (
        ([[2, 1, 4], [1, 0, 2]], "rev_knows"),
        ([[2, 1], [1, 0]], "rev_knows"),
        (same, "rev_sees"),
        (same, "knows_of"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            from_hetero(people(reverse, name), valid=0.0, test=0.0)


def test_seeds_of_a_split() -> None:
    data = people([[2, 1], [1, 0]])
    for seed in (0, (1 << 63) - 1):
        from_hetero(data, seed=seed)
    for wrong in (-1, 1 << 63, True):
        with pytest.raises(UserError, match=r"^seed is .*: give a whole number from 0 on"):
            from_hetero(data, seed=wrong)


def test_networkx_without_types() -> None:
    graph = to_networkx(plain((0, 1, 2), denied=facts((3, 0, 3))))
    assert dict(graph.nodes(data=True)) == {name: {"index": i} for i, name in enumerate("abcd")}
    assert sorted((h, t, d["relation"], d["polarity"], d["split"]) for h, t, d in graph.edges(data=True)) == [
        ("a", "c", "s", "stated", "train"),
        ("d", "d", "r", "denied", "train"),
    ]


# splits


def test_groups_of_a_split() -> None:
    """0-1 and 2-3 are linked both ways, by whatever relation; 1-1 is linked with itself, which is one way."""
    rows = facts((0, 0, 1), (1, 1, 0), (2, 0, 3), (3, 0, 2), (2, 1, 3), (1, 0, 1), (0, 0, 2))
    group = _mirrored(rows)
    first, second, third, fourth, fifth, alone, other = group.tolist()
    assert first == second
    assert third == fourth == fifth
    assert len({first, third, alone, other}) == 4
    assert _mirrored(NONE).tolist() == []
    free = torch.tensor([0, 2, 3, 4, 5])  # the second of the first group is not
    assert _whole(group, free).tolist() == [False, False, True, True, True, True, False]


def test_groups_go_where_there_is_room_for_them_whole() -> None:
    """Room for two and three: a group of three goes to the second, one of two to the first, the rest to train."""
    assert _filled(torch.tensor([7, 7, 7, 4, 4, 2, 2]), 2, 3).tolist() == [2, 2, 2, 1, 1, 0, 0]
    assert _filled(torch.tensor([0, 1, 2, 3]), 1, 2).tolist() == [1, 2, 2, 0]
    assert _filled(torch.tensor([0, 1]), 0, 0).tolist() == [0, 0]
    assert _filled(torch.empty(0, dtype=torch.long), 1, 1).tolist() == []


def test_shares_are_of_distinct_statements() -> None:
    """Twenty, each twice: a tenth are two, and their doubles go along."""
    rows = Triplets(torch.arange(20).repeat(2), torch.zeros(40, dtype=torch.long), torch.arange(20).repeat(2))
    split = random_split(rows, 0.1, 0.25, cover=False)
    assert split.bincount().tolist() == [26, 4, 10]
    assert torch.equal(split[:20], split[20:])
    assert random_split(rows, 0.0, 0.0).sum() == 0
    assert random_split(rows, 0.45, 0.5, cover=False).bincount().tolist() == [2, 18, 20]


@pytest.mark.parametrize(("from_valid", "kept"), [(-0.1, 1.0), (1.1, 1.0), (0.5, -0.1), (0.5, 1.1)])
def test_shares_of_denied_ones_out_of_range(from_valid: float, kept: float) -> None:
    with pytest.raises(UserError, match=f"lie between 0 and 1: from_valid {from_valid}, kept {kept}"):
        share_denied(plain((0, 0, 1)), from_valid, kept)


def test_all_of_valid_or_none() -> None:
    """Those that test denies as well stay where they are; attributes go along; the seed decides between."""
    rows = facts(*((i % 4, 0, i // 4) for i in range(16)))
    data = plain((0, 1, 1))
    split = torch.tensor([0] * 4 + [1] * 8 + [2] * 4)
    data = assemble(triplets(data), torch.zeros(1).long(), list("abcd"), ["r", "s"], rows, split)
    data["entity", "denied", "entity"].confidence = torch.arange(16) / 16
    whole = share_denied(data, 1.0)["entity", "denied", "entity"]
    assert whole.split.tolist() == [0] * 12 + [2] * 4
    assert torch.equal(whole.confidence, torch.arange(16) / 16)
    assert share_denied(data, 0.0)["entity", "denied", "entity"].split.tolist() == split.tolist()
    bare = share_denied(data, 1.0, 0.0)["entity", "denied", "entity"]
    assert bare.split.tolist() == [2] * 4
    assert bare.confidence.tolist() == [i / 16 for i in range(12, 16)]
    one, same, other = (share_denied(data, 0.5, 0.5, seed)["entity", "denied", "entity"] for seed in (0, 0, 1))
    assert one.edge_index.tolist() == same.edge_index.tolist()
    assert one.edge_index.tolist() != other.edge_index.tolist()


# words of the reader


def test_names_of_columns_in_words() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([" a", "", "b"]) == "' a', '', b"
    assert listed(["x" * 79]) == "x" * 79
    many = [str(i) for i in range(41)]
    assert listed(many[:40]) == ", ".join(many[:40])
    assert listed(many) == ", ".join(many[:40]) + " and 1 more"
    long = ["x" * 40] * 21  # twenty are the 800 letters that a sentence may have of them
    assert listed(long[:20]) == ", ".join(long[:20])
    assert listed(long) == ", ".join(long[:20]) + " and 1 more"


def test_lines_to_skip_and_to_count(tmp_path: Path) -> None:
    """Counted with what is skipped, and so told."""
    path, numbered = tmp_path / "a.txt", Layout(count_line=True)
    path.write_text("# words\n# more\n2\na\tr\tb\nc\tr\td\n", encoding="utf-8")
    assert read_columns(path, numbered, skip=2).num_rows == 2
    path.write_text("# words\nx\ty\tz\na\tr\tb\nc\tr\td\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.txt:2: expected the number of lines that follow, found 'x\\ty\\tz'"):
        read_columns(path, numbered, skip=1)
    path.write_text("# words\n3\na\tr\tb\nc\tr\td\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.txt:2 announces 3 lines, but 2 follow"):
        read_columns(path, numbered, skip=1)
    path.write_text("head\trelation\ttail\n", encoding="utf-8")
    with pytest.raises(UserError, match="holds no lines after its first"):
        read_table(path, Layout(header=True))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    one = pa.array(["x"])
    pa.parquet.write_table(pa.Table.from_arrays([one, one, one], ["head", "head", "tail"]), path)
    with pytest.raises(UserError, match="has two columns 'head': give them different names"):
        read_parquet(path)
    pa.parquet.write_table(pa.table({"head": pa.array([], pa.string())}), path)
    with pytest.raises(UserError, match="has no rows"):
        read_parquet(path)
    with pytest.raises(UserError, match=r"row 2 has no head"):
        as_text(pa.table({"head": ["a", None]}), path)
    with pytest.raises(UserError, match=r"row 3: the head is empty"):
        as_text(pa.table({"head": ["a", "b", ""]}), path)
    for wrong in (pa.array([b"a"]), pa.array([[1]])):
        with pytest.raises(UserError, match=r"the column 'head' holds .*, where names or numbers are needed"):
            as_text(pa.table({"head": wrong}), path)
    made = as_text(pa.table({"head": pa.array(["a", "b", "a"]).dictionary_encode(), "tail": [1, 2, 3]}), path)
    assert made["head"].to_pylist() == ["a", "b", "a"]
    assert made["tail"].to_pylist() == ["1", "2", "3"]


def test_a_graph_with_all_that_the_convention_has_is_in_it() -> None:
    data = plain((0, 0, 1), denied=facts((1, 0, 2)))
    data[PAIR].edge_label_index, data[PAIR].edge_label = torch.tensor([[0], [1]]), torch.tensor([1])
    same = from_hetero(data)
    assert same.relation_names == ["r", "s"]
    assert same["entity"].names == list("abcd")
    assert torch.stack(triplets(same)).T.tolist() == [[0, 0, 1]]
    assert same[PAIR].edge_label.tolist() == [1]


def test_types_of_a_graph_whose_nodes_are_entities() -> None:
    """One row of truth values each is what the convention says, with names or without; one number each is not."""
    data = HeteroData()
    data["entity"].num_nodes, data["entity"].type = 3, torch.eye(3, 2, dtype=torch.bool)
    data["entity", "likes", "entity"].edge_index = torch.tensor([[0, 1], [1, 2]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = from_hetero(data)
        assert torch.equal(made["entity"].type, data["entity"].type)
        assert "type_names" not in made["entity"]
        data["entity"].type_names = ["a", "b"]
        assert from_hetero(data)["entity"].type_names == ["a", "b"]
        data["entity"].type = torch.tensor([0, 1, 1])
        assert "type" not in from_hetero(data)["entity"]


def test_a_feed_gives_what_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whole blocks until the end; quotation marks are counted, and an error waits for its turn."""
    reader = sys.modules["gnnneg.data.read"]

    def pieces(path: Path) -> Iterator[str]:
        yield from ("ab", "", 'c"d', "\n", "ef")
        if path.name == "bad":
            raise UserError("no text")

    monkeypatch.setattr(reader, "texts", pieces)
    feed = reader._Feed(tmp_path / "good")
    assert [feed.read(size) for size in (2, 1, 0, 3, 9, 1, -1)] == [b"ab", b"c", b"", b'"d\n', b"ef", b"", b""]
    assert (feed.marks, feed.blank) == (1, False)
    assert reader._Feed(tmp_path / "good").read() == b'abc"d\nef'
    bad = reader._Feed(tmp_path / "bad")
    assert bad.read(100) == b'abc"d\nef'
    assert bad.read(100) == b""
    with pytest.raises(UserError, match="no text"):
        bad.drain()
    monkeypatch.setattr(reader, "texts", lambda _: iter([" \n", "\t"]))
    blank = reader._Feed(tmp_path / "blank")
    blank.drain()
    assert blank.blank


def test_how_many_rows_a_byte_may_stand_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight, of files of many rows."""
    path = tmp_path / "a.parquet"

    def write(rows: int) -> int:
        one = pa.array(["a"] * rows)
        pa.parquet.write_table(pa.table({"head": one, "relation": one, "tail": one}), path)
        return path.stat().st_size

    rows = 8 * write(20_000)
    while rows != 8 * write(rows):
        rows = 8 * write(rows)
    monkeypatch.setattr("gnnneg.data.read.MOST_ROWS", 10)
    assert read_table(path, Layout()).num_rows == rows
    assert 8 * write(rows + 9) < rows + 9
    with pytest.raises(UserError, match=r"bytes, but stands for [\d,]+ rows"):
        read_table(path, Layout())
    monkeypatch.setattr("gnnneg.data.read.MOST_ROWS", rows + 9)
    assert read_table(path, Layout()).num_rows == rows + 9
