import warnings
from typing import Any

import hypothesis.strategies as st
import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import HeteroData
from torch_geometric.datasets import FakeHeteroDataset

from gnnneg.data.hetero import by_type, from_hetero, to_networkx
from gnnneg.data.profile import profile
from gnnneg.data.statements import PAIR, assemble, message_graph, triplets
from gnnneg.data.synthetic import world
from gnnneg.errors import UserError
from gnnneg.records import Triplets


def clinic() -> HeteroData:
    """Drugs, diseases and genes; features of different widths, edge attributes, one verified negative relation."""
    data = HeteroData()
    data["drug"].x = torch.arange(6.0).view(3, 2)
    data["drug"].y = torch.tensor([0, 1, 0])
    data["disease"].x = torch.arange(8.0).view(2, 4)
    data["disease"].y = torch.tensor([1, 1])
    data["gene"].num_nodes = 4
    data["gene"].y = torch.tensor([2, 2, 2, 3])
    data["drug", "treats", "disease"].edge_index = torch.tensor([[2, 0, 1], [0, 1, 0]])
    data["drug", "treats", "disease"].edge_attr = torch.tensor([[0.5], [0.25], [1.0]])
    data["drug", "not_treats", "disease"].edge_index = torch.tensor([[2], [1]])
    data["gene", "linked", "disease"].edge_index = torch.tensor([[3, 0], [1, 0]])
    data["gene", "linked", "gene"].edge_index = torch.empty(2, 0, dtype=torch.long)
    data["gene", "linked", "gene"].edge_attr = torch.empty(0, 1)
    data.release = "2024-01"
    return data


def converted(data: HeteroData, **options: Any) -> HeteroData:
    """Of a clinic, whose labels and edge attributes nothing reads, which is told."""
    with pytest.warns(UserWarning, match=r"read by no model or loss for links: y \(9 nodes\), edge_attr \(3 edges\)"):
        return from_hetero(data, **options)


def assert_contains(whole: HeteroData, part: HeteroData) -> None:
    """Every store and attribute of ``part`` is in ``whole``, equal."""
    for store, other in zip(part.node_stores + part.edge_stores, [whole[s._key] for s in part.stores if s._key]):
        for key, value in store.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, other[key]), (store._key, key)
            else:
                assert value == other[key], (store._key, key)
    for key, value in part._global_store.items():
        assert whole[key] == value


def assert_same(one: HeteroData, other: HeteroData) -> None:
    for polarity in ("stated", "denied"):
        a, b = one["entity", polarity, "entity"], other["entity", polarity, "entity"]
        for key in ("edge_index", "edge_type", "split"):
            assert torch.equal(a[key], b[key]), (polarity, key)
    assert one["entity"].names == other["entity"].names
    assert one.relation_names == other.relation_names


def test_a_users_graph_by_hand() -> None:
    ours = converted(clinic(), denied="not_", valid=0.0, test=0.0)
    assert ours["entity"].names == [
        *("drug_0", "drug_1", "drug_2", "disease_0", "disease_1"),
        *("gene_0", "gene_1", "gene_2", "gene_3"),
    ]
    # 'linked' joins two pairs of types, so they are two relations
    assert ours.relation_names == ["treats", "gene linked disease", "gene linked gene"]
    stated = torch.stack(triplets(ours)).T.tolist()
    assert stated == [[2, 0, 3], [0, 0, 4], [1, 0, 3], [8, 1, 4], [5, 1, 3]]
    assert torch.stack(triplets(ours, "denied")).T.tolist() == [[2, 0, 4]]
    assert ours["entity"].y.tolist() == [0, 1, 0, 1, 1, 2, 2, 2, 3]
    # drugs and diseases have features of other widths, genes none: each type has columns of its own
    x = torch.zeros(9, 7)
    x[:3, :2], x[3:5, 2:6], x[5:, 6] = torch.arange(6.0).view(3, 2), torch.arange(8.0).view(2, 4), 1
    assert torch.equal(ours["entity"].x, x)
    assert torch.equal(message_graph(ours).x, x)
    assert ours["entity"].type.sum(0).tolist() == [3, 2, 4]
    assert message_graph(ours).edge_index.size(1) == 10


def test_a_users_graph_comes_back_whole() -> None:
    data = clinic()
    back = by_type(converted(data, denied="not_"))
    assert set(back.node_types) == set(data.node_types)
    assert back.edge_types == data.edge_types
    assert_contains(back, data)
    # and once more, now with names, splits and positions
    again = from_hetero(back, denied="not_")
    assert_same(again, converted(data, denied="not_"))
    assert_contains(by_type(again), data)


def test_denied_by_mapping_is_denied_by_prefix() -> None:
    mapping = {("drug", "not_treats", "disease"): ("drug", "treats", "disease")}
    assert_same(converted(clinic(), denied=mapping), converted(clinic(), denied="not_"))
    with pytest.warns(UserWarning, match="is read as stated: if its edges are denied, say denied='not_'"):
        plain = converted(clinic())
    assert "not_treats" in plain.relation_names
    assert triplets(plain, "denied").head_index.numel() == 0
    with pytest.raises(UserError, match="not in the data"):
        from_hetero(clinic(), denied={("drug", "no", "disease"): ("drug", "treats", "disease")})


def test_pygs_fake_data_comes_back() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = FakeHeteroDataset(num_node_types=4, num_edge_types=7, avg_num_nodes=30, avg_degree=3, edge_dim=2)[0]
    with pytest.warns(UserWarning, match="y .* nodes"):
        back = by_type(from_hetero(data, mirrored="keep"))
    assert set(back.edge_types) == set(data.edge_types)
    for node_type in data.node_types:
        assert torch.equal(back[node_type].x, data[node_type].x)
    for edge_type in data.edge_types:
        assert torch.equal(back[edge_type].edge_index, data[edge_type].edge_index)
        assert torch.equal(back[edge_type].edge_attr, data[edge_type].edge_attr)


def test_the_synthetic_world_goes_there_and_back() -> None:
    data = world(60).data
    typed = by_type(data)
    assert set(typed.node_types) == {"person", "city", "company", "country", "continent"}
    assert ("city", "within", "country") in typed.edge_types
    assert ("country", "within", "continent") in typed.edge_types
    assert ("person", "not_lives_in", "city") in typed.edge_types
    back = from_hetero(typed, denied="not_")
    assert_same(back, data)
    assert torch.equal(back["entity"].type, data["entity"].type)


ROWS = st.lists(st.tuples(*(st.integers(0, n - 1) for n in (6, 3, 6, 3))), max_size=10)


@given(ROWS, ROWS, st.none() | st.lists(st.integers(0, 2), min_size=6, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_there_and_back_loses_nothing(
    stated: list[tuple[int, ...]], denied: list[tuple[int, ...]], types: list[int] | None, features: bool
) -> None:
    said = {row[:3] for row in stated}  # what is both is refused
    denied = [row for row in denied if row[:3] not in said]
    parts = [torch.tensor(rows, dtype=torch.long).reshape(-1, 4) for rows in (stated, denied)]
    yes, no = ((Triplets(rows[:, 0], rows[:, 1], rows[:, 2]), rows[:, 3]) for rows in parts)
    data = assemble(*yes, list("abcdef"), list("rst"), *no)
    if types is not None:
        data["entity"].type = torch.nn.functional.one_hot(torch.tensor(types), 3).bool()
        data["entity"].type_names = ["t0", "t1", "t2"]
    if features:
        data["entity"].x = torch.arange(12.0).view(6, 2)
        data["entity", "stated", "entity"].since = torch.arange(len(stated))
    typed = by_type(data)
    if not typed.edge_types:
        return
    back = from_hetero(typed, denied="not_", overlap="keep")
    assert_same(back, data)
    for key in ("type", "x"):
        assert (key in back["entity"]) == (key in data["entity"])
        if key in data["entity"]:
            assert torch.equal(back["entity"][key], data["entity"][key])
    if "since" in data["entity", "stated", "entity"] and triplets(data).head_index.numel():
        assert torch.equal(back["entity", "stated", "entity"].since, data["entity", "stated", "entity"].since)


def test_what_cannot_be_converted_is_said() -> None:
    data = world(40).data
    data["entity"].type[0] = True
    with pytest.raises(UserError, match="'person_0' has 5 types"):
        by_type(data)
    with pytest.raises(UserError, match="no edge types"):
        from_hetero(HeteroData())
    clash = assemble(
        Triplets(*torch.tensor([[0, 0], [0, 1], [1, 1]])), torch.zeros(2).long(), ["a", "b"], ["r", "not_r"],
        Triplets(*torch.tensor([[1], [0], [0]])), torch.zeros(1).long(),
    )  # fmt: skip
    with pytest.raises(UserError, match="another beginning"):
        by_type(clash)
    assert ("entity", "no r", "entity") in by_type(clash, denied="no ").edge_types
    half = clinic()
    half["drug", "treats", "disease"].split = torch.zeros(3).long()
    with pytest.raises(UserError, match="has no 'split'"):
        from_hetero(half, denied="not_")
    wild = clinic()
    wild["gene", "linked", "disease"].edge_index[0, 0] = 9
    with pytest.raises(UserError, match="gene 9"):
        from_hetero(wild, denied="not_")


def test_reverse_edges_are_warned_of() -> None:
    data = clinic()
    data["disease", "rev_treats", "drug"].edge_index = data["drug", "treats", "disease"].edge_index.flip(0)
    with pytest.warns(UserWarning, match="leaks"):
        converted(data, denied="not_")


def test_networkx_has_every_statement() -> None:
    data = world(40).data
    graph = to_networkx(data)
    assert isinstance(graph, nx.MultiDiGraph)
    assert list(graph.nodes) == data["entity"].names
    for polarity in ("stated", "denied"):
        store = data["entity", polarity, "entity"]
        names, relations = data["entity"].names, data.relation_names
        expected = sorted(
            (names[h], relations[r], names[t], ("train", "valid", "test")[s])
            for h, t, r, s in zip(*store.edge_index.tolist(), store.edge_type.tolist(), store.split.tolist())
        )
        found = [(h, d["relation"], t, d["split"]) for h, t, d in graph.edges(data=True) if d["polarity"] == polarity]
        assert sorted(found) == expected
    assert graph.nodes["person_0"]["types"] == ["person"]


def test_labelled_pairs_go_along_and_state_nothing() -> None:
    """Two node types, pairs across them in mixed order; ahead of the statements in the walk of from_hetero."""
    none = torch.empty(0, dtype=torch.long)
    stated = Triplets(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([2, 3]))
    data = assemble(stated, torch.tensor([0, 1]), list("abcd"), ["r"], Triplets(none, none, none), none)
    data["entity"].type = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 1]]).bool()
    data["entity"].type_names = ["even", "odd"]
    data[PAIR].edge_label_index = torch.tensor([[1, 0, 3, 2], [0, 2, 1, 0]])
    data[PAIR].edge_label = torch.tensor([1, 0, 0, 1])
    typed = by_type(data)
    assert typed["odd", "pair", "even"].edge_label_index.tolist() == [[0], [0]]
    assert typed["even", "pair", "even"].edge_label_index.tolist() == [[0, 1], [1, 0]]
    assert typed["even", "pair", "even"].edge_label.tolist() == [0, 1]
    again = from_hetero(typed)
    assert again.relation_names == ["r"]
    assert torch.equal(again[PAIR].edge_label_index, data[PAIR].edge_label_index)
    assert torch.equal(again[PAIR].edge_label, data[PAIR].edge_label)
    assert [x.tolist() for x in triplets(again)] == [x.tolist() for x in triplets(data)]
    assert profile(data).counts["train"] == 1
    assert message_graph(data).edge_index.tolist() == [[0, 2], [2, 0]]
    assert sorted(to_networkx(data).edges()) == [("a", "c"), ("b", "d")]
    alone = HeteroData()
    alone["entity"].num_nodes = 2
    alone[PAIR].edge_label_index, alone[PAIR].edge_label = torch.tensor([[0], [1]]), torch.tensor([1])
    with pytest.raises(UserError, match="no edge types"):
        from_hetero(alone)
