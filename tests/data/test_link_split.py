"""RandomLinkSplit's graphs are taken as the split that they are."""

import warnings

import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import RandomLinkSplit, ToUndirected

from gnnneg.data.hetero import from_hetero
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError

TREATS, INTERACTS = ("drug", "treats", "disease"), ("drug", "interacts", "drug")
Rows = set[tuple[int, ...]]


def clinic() -> HeteroData:
    data = HeteroData()
    data["drug"].num_nodes, data["disease"].num_nodes = 20, 20
    data[TREATS].edge_index = torch.randperm(400)[:120].sort().values.view(1, -1).repeat(2, 1)
    data[TREATS].edge_index = torch.stack([data[TREATS].edge_index[0] // 20, data[TREATS].edge_index[0] % 20])
    data[INTERACTS].edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    return data


def parts(data: HeteroData, **options: object) -> tuple[HeteroData, ...]:
    return RandomLinkSplit(0.1, 0.2, edge_types=[TREATS], rev_edge_types=[None], **options)(data)


def rows(data: HeteroData, split: str, polarity: str = "stated", relation: int = 0) -> Rows:
    """Pairs of drugs and diseases."""
    found = triplets(data, polarity, split)
    return {(h, t - 20) for h, r, t in torch.stack(found).T.tolist() if r == relation}


def edges(index: torch.Tensor) -> Rows:
    return {tuple(edge) for edge in index.T.tolist()}


def positives(data: HeteroData) -> Rows:
    store = data[TREATS]
    return edges(store.edge_label_index[:, store.edge_label == 1])


@pytest.mark.parametrize("disjoint", [0.0, 0.3])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_three_graphs_are_three_splits(disjoint: float, ratio: float) -> None:
    data = clinic()
    three = parts(data, disjoint_train_ratio=disjoint, neg_sampling_ratio=ratio)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = from_hetero(three)
    assert len(told) == (ratio > 0)
    if ratio:
        assert f"{61 if disjoint else 120} edges {TREATS} of label 0 are left out" in str(told[0].message)
    assert rows(made, "valid") == positives(three[1])
    assert rows(made, "test") == positives(three[2])
    assert rows(made, "train") == edges(data[TREATS].edge_index) - positives(three[1]) - positives(three[2])
    assert len(triplets(made).rel_type) == 120 + 3
    assert not len(triplets(made, "denied").rel_type)
    assert made.relation_names == ["treats", "interacts"]


def test_labels_in_two_tensors() -> None:
    three = parts(clinic(), split_labels=True)
    with pytest.warns(UserWarning, match="120 edges .* of label 0"):
        made = from_hetero(three)
    assert rows(made, "test") == edges(three[2][TREATS].pos_edge_label_index)


def test_zeros_are_denied_where_that_is_said() -> None:
    three = parts(clinic())
    made = from_hetero(three, zeros_denied=True, overlap="keep")
    for split, one in zip(("train", "valid", "test"), three):
        store = one[TREATS]
        assert rows(made, split, "denied") == edges(store.edge_label_index[:, store.edge_label == 0])
    assert made.relation_names == ["treats", "interacts"]


def test_one_graph_asks_its_labelled_edges() -> None:
    train, _, test = parts(clinic(), neg_sampling_ratio=0.0)
    with pytest.warns(UserWarning, match="24 edges of edge_label_index .* are taken for test.*three"):
        made = from_hetero(test)
    assert rows(made, "test") == positives(test)
    assert rows(made, "train") == edges(test[TREATS].edge_index)
    assert not len(triplets(made, "stated", "valid").rel_type)
    with pytest.warns(UserWarning, match="are no split"):
        made = from_hetero(train)
    assert len(triplets(made, "stated", "test").rel_type) > 0
    assert len(triplets(made).rel_type) == train[TREATS].edge_index.size(1) + 3


def test_reverse_edge_types_go_along() -> None:
    data = ToUndirected()(clinic())
    split = RandomLinkSplit(
        0.1, 0.2, neg_sampling_ratio=0.0, edge_types=[TREATS], rev_edge_types=[("disease", "rev_treats", "drug")]
    )
    made = from_hetero(split(data), mirrored="keep")
    assert len(rows(made, "test")) == 24
    # none of what is asked is in train the other way round
    reverse = made.relation_names.index("rev_treats")
    turned = {(t, h - 20) for h, r, t in torch.stack(triplets(made, "stated", "train")).T.tolist() if r == reverse}
    assert not turned & rows(made, "test")


def test_edges_that_nobody_asks_for_are_told_of() -> None:
    three = parts(clinic(), neg_sampling_ratio=0.0)
    three[2][INTERACTS].edge_index = torch.tensor([[0, 1, 2, 7], [1, 2, 3, 8]])
    with pytest.warns(UserWarning, match="1 edges .*interacts.* alone are left out"):
        from_hetero(three)


def test_attributes_of_edges() -> None:
    data = clinic()
    data[TREATS].confidence, data[TREATS].dose = torch.full((120,), 0.25), torch.arange(120)
    three = parts(data, neg_sampling_ratio=0.0)
    with pytest.warns(UserWarning, match=r"dose of 84 edges .* is left out"):
        made = from_hetero(three)
    sure, of = made["entity", "stated", "entity"].confidence, made["entity", "stated", "entity"]
    assert torch.equal(sure, torch.where((of.edge_type == 0) & (of.split == 0), 0.25, 1.0))


def test_three_graphs_without_labels_are_three_splits() -> None:
    """As PyG's FB15k_237 has them."""
    index = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
    three = [
        Data(
            edge_index=index[:, i : i + 2],
            edge_type=torch.tensor([0, 1]) if i < 4 else torch.tensor([1, 1]),
            num_nodes=6,
        )
        for i in (0, 2, 4)
    ]
    made = from_hetero(three)
    store = made["entity", "stated", "entity"]
    got = sorted(
        (s, h, r, t) for s, (h, t), r in zip(store.split.tolist(), store.edge_index.T.tolist(), store.edge_type)
    )
    expected = [(0, 0, 0, 1), (0, 1, 1, 2), (1, 2, 0, 3), (1, 3, 1, 4), (2, 4, 1, 5), (2, 5, 1, 0)]
    assert [(s, h, int(r), t) for s, h, r, t in got] == expected


def test_a_graph_without_types_is_split_too() -> None:
    data = Data(edge_index=torch.combinations(torch.arange(12)).T, num_nodes=12)
    three = RandomLinkSplit(0.1, 0.2, neg_sampling_ratio=0.0)(data)
    made = from_hetero(three)
    found = triplets(made, "stated", "test")
    assert edges(torch.stack([found.head_index, found.tail_index])) == edges(three[2].edge_label_index)
    undirected = Data(edge_index=torch.cat([data.edge_index, data.edge_index.flip(0)], 1), num_nodes=12)
    three = RandomLinkSplit(0.1, 0.2, neg_sampling_ratio=0.0, is_undirected=True)(undirected)
    made = from_hetero(three)
    assert len(triplets(made, "stated", "test").rel_type) == three[2].edge_label_index.size(1)
    assert len(triplets(made, "stated", "train").rel_type) == three[0].edge_index.size(1)


def test_what_is_no_labelled_split() -> None:
    three = parts(clinic(), neg_sampling_ratio=0.0)
    with pytest.raises(UserError, match="not 2"):
        from_hetero(three[:2])
    other = parts(clinic(), neg_sampling_ratio=0.0)[2]
    other["drug"].num_nodes = 21
    with pytest.raises(UserError, match="have other nodes"):
        from_hetero((three[0], three[1], other))
    one = three[2]
    one[TREATS].edge_label = torch.full((24,), 2)
    with pytest.raises(UserError, match="holds other values than 0 and 1"):
        from_hetero(one)
    del one[TREATS].edge_label
    with pytest.raises(UserError, match="no edge_label"):
        from_hetero(one)
    one = parts(clinic(), neg_sampling_ratio=0.0)[2]
    one[TREATS].split = torch.zeros(one[TREATS].edge_index.size(1)).long()
    with pytest.raises(UserError, match="both a split and edge_label_index"):
        from_hetero(one)
    one = parts(clinic(), neg_sampling_ratio=0.0)[2]
    one[TREATS].edge_label_index[0, 0] = -1
    with pytest.raises(UserError, match=r"edge_label_index .* -1"):
        from_hetero(one)
