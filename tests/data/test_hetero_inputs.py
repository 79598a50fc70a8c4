"""What users' graphs hold is used, told of or refused: names, features, confidences, polarity, forms of PyG's."""

import warnings

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData, InMemoryDataset
from torch_geometric.transforms import ToSparseTensor

from gnnneg.data.hetero import by_type, from_hetero
from gnnneg.data.statements import PAIR, completed, confidence, message_graph, triplets
from gnnneg.data.synthetic import world
from gnnneg.datasets import SyntheticWorld
from gnnneg.errors import UserError

TREATS, NOT, INTERACTS = ("drug", "treats", "disease"), ("drug", "not_treats", "disease"), ("drug", "interacts", "drug")


def graph(drugs: int | None = 4, diseases: int | None = 3) -> HeteroData:
    data = HeteroData()
    for name, size in (("drug", drugs), ("disease", diseases)):
        if size is not None:
            data[name].num_nodes = size
    data[TREATS].edge_index = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 1, 2]])
    return data


def test_names_say_how_many_there_are() -> None:
    data = graph(None, None)
    data["drug"].names = ["aspirin", "ibuprofen", "codeine", "placebo"]
    data["disease"].names = np.array(["pain", "fever", "cough"])
    names = from_hetero(data)["entity"].names
    assert names == ["aspirin", "ibuprofen", "codeine", "placebo", "pain", "fever", "cough"]
    assert all(type(name) is str for name in names)


@pytest.mark.parametrize("names", [["a", "b", "c"], list("abcde"), []])
def test_another_number_of_names_is_refused(names: list[str]) -> None:
    data = graph()
    data["drug"].names = names
    with pytest.raises(UserError, match=f"{len(names)} names are given for 4 nodes of type drug"):
        from_hetero(data)


def test_names_and_features_of_other_lengths_are_refused() -> None:
    data = graph(None)
    data["drug"].names, data["drug"].x = ["a", "b", "c"], torch.ones(4, 2)
    with pytest.raises(UserError, match="drug has 3 names and 4 rows of x"):
        from_hetero(data)
    data["drug"].num_nodes = 3
    with pytest.raises(UserError, match="x of drug has 4 rows for 3 nodes"):
        from_hetero(data)


@pytest.mark.parametrize("name", [None, "", float("nan"), 1.5, True, ["a"]])
def test_what_is_no_name(name: object) -> None:
    data = graph()
    data["drug"].names = ["a", "b", name, "c"]
    with pytest.raises(UserError, match=r"names of drug holds .* at place 2"):
        from_hetero(data)


def test_numbers_are_names_too() -> None:
    data = graph()
    data["drug"].names = torch.tensor([11, 12, 13, 14])
    assert from_hetero(data)["entity"].names[:2] == ["11", "12"]
    data["drug"].names = "abcd"
    with pytest.raises(UserError, match="names of drug should be a list of strings, not a str"):
        from_hetero(data)


def test_names_beyond_what_edges_show_and_edges_beyond_names() -> None:
    data = graph(None)
    data["drug"].names = ["a", "b"]
    with pytest.raises(UserError, match="drug 2, which is not there: there are 2 nodes"):
        from_hetero(data)
    assert from_hetero(graph(9))["entity"].num_nodes == 12
    data = graph(None)
    data["drug"].x = torch.ones(7, 2)
    assert from_hetero(data)["entity"].num_nodes == 10


def confident(dtype: torch.dtype = torch.float) -> HeteroData:
    data = graph(6, 4)
    data[TREATS].edge_index = torch.tensor([[0, 1, 2, 3, 4, 5, 0, 1], [0, 1, 2, 3, 0, 1, 2, 3]])
    data[TREATS].confidence = torch.full((8,), 0.1, dtype=dtype)
    data[INTERACTS].edge_index = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    data[NOT].edge_index = torch.tensor([[5], [0]])
    return data


@pytest.mark.parametrize("dtype", [torch.float, torch.double, torch.half])
def test_confidence_of_some_edge_types_only(dtype: torch.dtype) -> None:
    data = from_hetero(confident(dtype), denied="not_")
    sure = confidence(data)
    assert sure.dtype == torch.float
    expected = torch.where(triplets(data).rel_type == 0, torch.tensor(0.1, dtype=dtype).float(), 1.0)
    assert torch.equal(sure, expected)
    assert confidence(data, "denied").tolist() == [1.0]
    assert torch.equal(by_type(data)[TREATS].confidence, expected[:8])


def test_confidence_reaches_the_loss() -> None:
    from gnnneg.data.facts import Facts
    from gnnneg.weighings import Confidence

    data = from_hetero(confident(), denied="not_")
    given = triplets(data, "stated", "train")
    weight = Confidence(Facts(data).known)(given) * len(given.rel_type)
    assert torch.allclose(weight / weight.max(), torch.where(given.rel_type == 0, 0.1, 1.0))


@pytest.mark.parametrize("bad", [[2.0] * 8, [-0.1] * 8, [float("nan")] * 8, [0.5] * 7, [[0.5, 0.5]] * 8])
def test_confidence_that_is_none_is_refused(bad: list) -> None:
    data = confident()
    data[TREATS].confidence = torch.tensor(bad)
    with pytest.raises(UserError, match=r"confidence of .*treats"):
        from_hetero(data, denied="not_")


def test_weights_that_nothing_reads_are_told_of_and_kept() -> None:
    data = graph()
    data[TREATS].edge_weight = torch.full((5,), 0.1)
    data["drug"].dose = torch.arange(4.0)
    with pytest.warns(
        UserWarning, match=r"read by no model or loss for links: dose \(4 nodes\), edge_weight \(5 edges\)"
    ):
        made = from_hetero(data)
    assert torch.equal(by_type(made)["drug"].dose, torch.arange(4.0))
    assert torch.equal(by_type(made)[TREATS].edge_weight, data[TREATS].edge_weight)


def test_sources_become_numbers_with_names() -> None:
    data = confident()
    data[TREATS].source = ["PMID:1", None, "PMID:2", "PMID:1", "", "PMID:1", "PMID:2", "PMID:3"]
    made = from_hetero(data, denied="not_")
    names = [made.source_names[i] if i >= 0 else None for i in made["entity", "stated", "entity"].source.tolist()]
    assert names == ["PMID:1", None, "PMID:2", "PMID:1", None, "PMID:1", "PMID:2", "PMID:3"] + [None] * 5
    again = from_hetero(by_type(made), denied="not_")
    assert again.source_names == made.source_names
    assert torch.equal(again["entity", "stated", "entity"].source, made["entity", "stated", "entity"].source)
    data[TREATS].source = torch.arange(8)
    with pytest.raises(UserError, match="give names of sources"):
        from_hetero(data, denied="not_")


def test_features_of_one_width_share_columns_whatever_their_type() -> None:
    data = graph()
    data["drug"].x, data["disease"].x = torch.arange(8.0).view(4, 2), torch.arange(6).view(3, 2)
    x = from_hetero(data)["entity"].x
    assert x.tolist() == [*data["drug"].x.tolist(), *data["disease"].x.tolist()]
    assert x.dtype == torch.double  # which holds every whole number of the other
    assert message_graph(from_hetero(data)).x.dtype == torch.float


def test_features_come_back_by_type() -> None:
    data = graph()
    data["gene"].num_nodes = 2
    data["drug"].x, data["disease"].x = torch.rand(4, 2, dtype=torch.double), torch.rand(3)
    made = from_hetero(data)
    assert made["entity"].x.shape == (9, 2 + 1 + 1)
    assert made["entity"].x[7:].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1]]
    back = by_type(made)
    for name in ("drug", "disease"):
        assert torch.equal(back[name].x, data[name].x)
        assert back[name].x.dtype == data[name].x.dtype
    assert "x" not in back["gene"]
    assert torch.equal(from_hetero(back)["entity"].x, made["entity"].x)


def test_features_that_are_none() -> None:
    data = graph()
    data["drug"].x = torch.rand(3, 2)
    with pytest.raises(UserError, match="x of drug has 3 rows for 4 nodes"):
        from_hetero(data)
    data["drug"].x = ["a"] * 4
    with pytest.raises(UserError, match="x of drug is a list"):
        from_hetero(data)
    data["drug"].x = torch.rand(4, 2, 2)
    with pytest.raises(UserError, match=r"x of drug has shape \(4, 2, 2\)"):
        from_hetero(data)
    made = from_hetero(graph())
    assert "x" not in message_graph(made)
    made["entity"].x = torch.rand(6, 2)
    with pytest.raises(UserError, match=r"x is shape \(6, 2\): give a tensor with one row for each of 7"):
        message_graph(made)


def test_labels_of_numbers_of_two_widths_are_one() -> None:
    data = graph()
    data["drug"].y, data["disease"].y = torch.arange(4), torch.arange(3, dtype=torch.int32)
    data["drug"].labels, data["disease"].labels = list("ABCD"), list("EFG")
    with pytest.warns(UserWarning, match=r"y \(7 nodes\)"):
        made = from_hetero(data)
    assert made["entity"].y.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert made["entity"].labels == list("ABCDEFG")


def test_denied_that_matches_nothing_is_refused() -> None:
    data = confident()
    for wrong in ("no_", "NOT_", "nottreats"):
        with pytest.raises(UserError, match=r"so nothing is denied; .*not_treats"):
            from_hetero(data, denied=wrong)
    for wrong in ("", {}):
        with pytest.raises(UserError, match="denied is "):
            from_hetero(data, denied=wrong)
    with pytest.raises(UserError, match="not in the data; did you mean 'drug not_treats disease'"):
        from_hetero(data, denied={("drug", "not_treat", "disease"): TREATS})
    with pytest.warns(UserWarning, match="which nothing states; did you mean 'treats'"):
        from_hetero(data, denied={NOT: ("drug", "treat", "disease")})
    with pytest.raises(UserError, match="denies nothing: give it a longer name"):
        from_hetero(data, denied="not_treats")


def test_what_is_stated_and_denied_is_refused_or_settled() -> None:
    data = graph(6, 4)
    data[TREATS].edge_index = torch.tensor([[0, 0, 1, 1, 2, 3, 4, 5, 5, 4], [0, 1, 0, 1, 2, 2, 3, 3, 0, 1]])
    data[NOT].edge_index = torch.tensor([[0, 2, 3, 5], [0, 0, 1, 3]])
    with pytest.raises(UserError, match=r"2 statements are both stated and denied.*'drug_0' 'treats' 'disease_0'"):
        from_hetero(data, denied="not_")
    wins = {who: from_hetero(data, denied="not_", wins=who) for who in ("stated", "denied")}
    counts = {who: [len(triplets(made, p).rel_type) for p in ("stated", "denied")] for who, made in wins.items()}
    assert counts == {"stated": [10, 2], "denied": [8, 4]}


def test_what_stands_in_two_splits_is_refused_or_dropped() -> None:
    data = graph()
    data[TREATS].edge_index = torch.tensor([[0, 1, 0], [0, 1, 0]])
    data[TREATS].split = torch.tensor([0, 1, 2])
    with pytest.raises(UserError, match="are in two splits"):
        from_hetero(data)
    assert len(triplets(from_hetero(data, overlap="drop")).rel_type) == 2


def test_pairs_that_train_links_the_other_way_round_are_told_of() -> None:
    data = graph()
    data[INTERACTS].edge_index = torch.tensor([[0, 1, 2], [1, 0, 3]])
    data[INTERACTS].split = torch.tensor([0, 2, 0])
    data[TREATS].split = torch.zeros(5).long()
    with pytest.warns(UserWarning, match="1 of 1 stated statements of valid and test"):
        from_hetero(data)
    from_hetero(data, mirrored="keep")
    assert not len(triplets(from_hetero(data, mirrored="drop"), "stated", "test").rel_type)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("negated", [False, True, False, False, False]),
        ("is_negative", [0, 0, 0, 0, 1]),
        ("label", [1, -1, 1, 1, 1]),
        ("edge_label", [1.0, 0.0, 1.0, 1.0, 1.0]),
        ("qualifier", ["", "NOT", "", "", ""]),
        ("predicate_modifier", [None, "Not", None, None, None]),
    ],
)
def test_edges_that_an_attribute_calls_false_are_refused(key: str, value: list) -> None:
    data = graph()
    data[TREATS][key] = value if isinstance(value[0], str) or value[1] == "Not" else torch.tensor(value)
    with pytest.raises(UserError, match=f"{key}.* says that some edges .* are false"):
        from_hetero(data)


def test_an_attribute_that_calls_all_true_is_kept() -> None:
    data = graph()
    data[TREATS].negated, data[TREATS].label = torch.zeros(5).bool(), torch.tensor([1, 2, 3, 2, 1])
    with pytest.warns(UserWarning, match=r"negated .*label"):
        from_hetero(data)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ([[0, -1], [0, 1]], "the node number -1"),
        ([[0.0, 1.0], [0.0, 1.0]], "whole numbers"),
        ([[0, 1], [0, 1], [0, 1]], "shape"),
    ],
)
def test_edges_that_are_none(index: list, said: str) -> None:
    data = graph()
    data[TREATS].edge_index = torch.tensor(index)
    with pytest.raises(UserError, match=said):
        from_hetero(data)


@pytest.mark.parametrize(
    ("split", "said"), [([0, 1, 2], "5 edges"), ([0, 0, 0, 0, 3], "0 .train."), (["train"] * 4 + ["tset"], "tset")]
)
def test_splits_that_are_none(split: list, said: str) -> None:
    data = graph()
    data[TREATS].split = split if isinstance(split[0], str) else torch.tensor(split)
    with pytest.raises(UserError, match=said):
        from_hetero(data)


def test_splits_by_name_and_by_mask() -> None:
    data = graph()
    data[TREATS].split = ["train", "val", "test", "train", "train"]
    assert from_hetero(data)["entity", "stated", "entity"].split.tolist() == [0, 1, 2, 0, 0]
    data = graph()
    data[TREATS].train_mask = torch.tensor([1, 0, 0, 1, 1]).bool()
    data[TREATS].val_mask = torch.tensor([0, 1, 0, 0, 0]).bool()
    data[TREATS].test_mask = torch.tensor([0, 0, 1, 0, 0]).bool()
    assert from_hetero(data)["entity", "stated", "entity"].split.tolist() == [0, 1, 2, 0, 0]
    data[TREATS].test_mask = torch.zeros(5).bool()
    with pytest.raises(UserError, match=r"1 edges .* are in none or several"):
        from_hetero(data)


def test_a_node_type_without_a_store_is_refused() -> None:
    data = HeteroData()
    data["a"].num_nodes = 2
    data["a", "r", "b"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(UserError, match=r"the node type 'b', which has no store \(there are: 'a'\)"):
        from_hetero(data)
    data = HeteroData()
    data["a", "r", "a"].edge_index = torch.tensor([[0], [1]])
    with pytest.raises(UserError, match="has no store"):
        from_hetero(data)


def test_sparse_matrices_are_edges() -> None:
    plain = from_hetero(graph())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparse = ToSparseTensor(attr=None)(graph())
    assert "edge_index" not in sparse[TREATS]
    made = from_hetero(sparse)
    rows = [sorted(torch.stack(triplets(one)).T.tolist()) for one in (plain, made)]
    assert rows[0] == rows[1]
    both = graph()
    both[TREATS].adj_t = sparse[TREATS].adj_t
    with pytest.raises(UserError, match="both edge_index and adj_t"):
        from_hetero(both)


def test_the_values_of_a_sparse_matrix_are_told_of() -> None:
    data = graph()
    data[TREATS].edge_weight = torch.tensor([0.5, 1.0, 1.0, 1.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = ToSparseTensor()(data)
    with pytest.warns(UserWarning, match=r"edge_weight \(5 edges\)"):
        from_hetero(data)


def test_a_graph_without_types() -> None:
    x = torch.rand(4, 3)
    data = Data(x=x, edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), names=list("abcd"))
    made = from_hetero(data, valid=0.0, test=0.0)
    assert made["entity"].names == list("abcd")
    assert made.relation_names == ["to"]
    assert torch.equal(made["entity"].x, x)
    assert torch.stack(triplets(made)).T.tolist() == [[0, 0, 1], [1, 0, 2], [2, 0, 3]]
    assert "edge_index" in data  # it stays as it is


def test_a_graph_with_edge_types_and_masks_as_wordnet_has_them() -> None:
    data = Data(
        edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), edge_type=torch.tensor([2, 0, 2, 0]), num_nodes=5
    )
    for i, key in enumerate(("train_mask", "val_mask", "test_mask")):
        data[key] = torch.tensor([0, 0, 1, 2]) == i
    made = from_hetero(data)
    assert made.relation_names == ["relation_0", "relation_1", "relation_2"]
    assert made["entity"].num_nodes == 5
    assert torch.stack(triplets(made, "stated", "train")).T.tolist() == [[1, 0, 2], [0, 2, 1]]
    assert torch.stack(triplets(made, "stated", "test")).T.tolist() == [[3, 0, 0]]
    data.relation_names = ["r", "s"]
    with pytest.raises(UserError, match="3 edge types, but 2 relation_names"):
        from_hetero(data)
    data.relation_names = ["r", "s", "t"]
    assert from_hetero(data).relation_names == ["r", "s", "t"]
    data.edge_type = torch.tensor([0, 1])
    with pytest.raises(UserError, match="edge_type should be one whole number for each of 4"):
        from_hetero(data)


def test_a_graph_with_node_types() -> None:
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), node_type=torch.tensor([0, 1, 0]), num_nodes=3)
    made = from_hetero(data, valid=0.0, test=0.0)
    assert made["entity"].type.tolist() == [[True, False], [False, True], [True, False]]
    hetero = graph()
    hetero["drug"].x, hetero["disease"].x = torch.rand(4, 2), torch.rand(3, 2)
    made = from_hetero(hetero.to_homogeneous(), valid=0.0, test=0.0)
    assert made.relation_names == ["treats"]
    assert made["entity"].type_names == ["drug", "disease"]
    assert made["entity"].x.shape == (7, 2)


def test_a_graph_whose_splits_are_tensors_of_their_own() -> None:
    """As PyG's RelLinkPredDataset has them; its edge_index repeats train both ways."""
    train, valid, test = (torch.tensor([[i, i + 1], [i + 1, i + 2]]) for i in (0, 2, 4))
    data = Data(num_nodes=7, edge_index=torch.cat([train, train.flip(0)], 1), edge_type=torch.tensor([0, 1, 2, 3]))
    for name, index in (("train", train), ("valid", valid), ("test", test)):
        data[f"{name}_edge_index"], data[f"{name}_edge_type"] = index, torch.tensor([0, 1])
    made = from_hetero(data)
    for name, index in (("train", train), ("valid", valid), ("test", test)):
        found = triplets(made, "stated", name)
        assert torch.equal(torch.stack([found.head_index, found.tail_index]), index)
        assert found.rel_type.tolist() == [0, 1]
    with pytest.raises(UserError, match="train_pos_edge_index is not read"):
        from_hetero(Data(num_nodes=7, train_pos_edge_index=train))


class One(InMemoryDataset):
    def __init__(self, *graphs: Data | HeteroData):
        super().__init__(None)
        self.data, self.slices = self.collate(list(graphs))


def test_data_sets_of_one_graph() -> None:
    assert from_hetero(One(graph()))["entity"].num_nodes == 7
    with pytest.raises(UserError, match="One holds 2 graphs"):
        from_hetero(One(graph(), graph()))
    with pytest.raises(UserError, match="Give one graph, or three"):
        from_hetero([graph()])
    with pytest.raises(UserError, match="no edge types"):
        from_hetero(Data(num_nodes=3))
    data = graph()
    del data[TREATS].edge_index
    data[TREATS].confidence = torch.ones(5)
    with pytest.raises(UserError, match="have no edge_index"):
        from_hetero(data)


def test_a_graph_in_the_convention_stays_as_it_is() -> None:
    data = world(40).data
    made = from_hetero(data, mirrored="keep")
    for polarity in ("stated", "denied"):
        assert torch.equal(torch.stack(triplets(made, polarity)), torch.stack(triplets(data, polarity)))
    assert made.relation_names == data.relation_names
    assert from_hetero(SyntheticWorld(40))["entity"].names == data["entity"].names


def test_a_graph_without_denied_statements_is_completed() -> None:
    data = from_hetero(graph())
    del data["entity", "denied", "entity"]
    whole = completed(data)
    assert whole["entity", "denied", "entity"].edge_index.shape == (2, 0)
    assert not len(triplets(whole, "denied", "test").rel_type)
    assert ("entity", "denied", "entity") not in data.edge_types
    assert "denied_edge_index" in message_graph(whole)
    for key in ("split", "edge_type"):
        broken = from_hetero(graph())
        del broken["entity", "stated", "entity"][key]
        with pytest.raises(UserError, match=key):
            completed(broken)
    with pytest.raises(UserError, match=r"make it so with gnnneg\.from_hetero"):
        completed(graph())
    del data["entity"].names
    with pytest.raises(UserError, match="names of entities"):
        completed(data)


def test_pairs_alone_stay_pairs() -> None:
    data = graph()
    data["drug", "alike", "drug"].edge_label_index = torch.tensor([[0], [1]])
    data["drug", "alike", "drug"].edge_label = torch.tensor([0])
    assert from_hetero(data)[PAIR].edge_label.tolist() == [0]


def test_attributes_that_are_called_as_the_convention_s_own() -> None:
    data = graph()
    data[TREATS].edge_type, data[INTERACTS].edge_index = torch.arange(5), torch.tensor([[0], [3]])
    data[INTERACTS].edge_type = torch.tensor([7])
    for name in ("drug", "disease"):
        data[name].type, data[name].attributes = torch.full((data[name].num_nodes,), 3), [name]
    made = from_hetero(data)
    assert made["entity", "stated", "entity"].edge_type.tolist() == [0, 0, 0, 0, 0, 1]
    assert made["entity"].type.sum(0).tolist() == [4, 3]
    back = by_type(made)
    assert back[TREATS].edge_type.tolist() == [0, 1, 2, 3, 4]
    assert back["drug"].type.tolist() == [3] * 4
    assert back["drug"].attributes == ["drug"]


@pytest.mark.parametrize("size", ["six", -1, 2.5])
def test_what_is_no_number_of_nodes(size: object) -> None:
    data = graph()
    data["drug"]["num_nodes"] = size
    with pytest.raises(UserError, match="num_nodes of drug is"):
        from_hetero(data)


def test_what_is_no_number_at_all() -> None:
    for value in ("high", ["high"] * 5):
        data = graph()
        data[TREATS].confidence = value
        with pytest.raises(UserError, match=r"confidence of .* should be a tensor of numbers"):
            from_hetero(data)
    data = graph()
    data[TREATS].split = "train"
    with pytest.raises(UserError, match=r"split of .* should be a tensor"):
        from_hetero(data)
    data = graph()
    data["drug"].x = torch.tensor([[float("nan")]] * 4)
    with pytest.raises(UserError, match="x of drug holds nan"):
        from_hetero(data)
    for seed in (-1, 1 << 70):
        with pytest.raises(UserError, match="seed is"):
            from_hetero(graph(), seed=seed)
    for valid in (float("nan"), -0.1, 1.0):
        with pytest.raises(UserError, match="Shares valid"):
            from_hetero(graph(), valid=valid)


def test_nodes_that_only_edges_count() -> None:
    """As many as the edges of their own type name, whatever those of others do, and none where nothing names any."""
    data = HeteroData()
    data["a", "r", "b"].edge_index = torch.tensor([[0, 1, 0], [4, 0, 6]])
    data["b", "s", "a"].edge_index = torch.tensor([[8], [2]])
    data["c", "t", "a"].edge_index = torch.empty(2, 0, dtype=torch.long)
    for kind in "abc":
        data[kind].note = "nothing is said of how many there are"
    with pytest.warns(UserWarning, match="note"):
        found = from_hetero(data, valid=0.0, test=0.0)
    names = found["entity"].names
    assert [sum(name.startswith(f"{kind}_") for name in names) for kind in "abc"] == [3, 9, 0]
    assert found["entity"].num_nodes == 12
    assert found["entity"].type.sum(0).tolist() == [3, 9, 0]


@pytest.mark.parametrize(("key", "rows", "count"), [("y", 5, 5), ("y", 2, 3)])
def test_nodes_that_another_attribute_counts(key: str, rows: int, count: int) -> None:
    """The larger of its rows and of what edges name."""
    data = HeteroData()
    data["a"][key] = torch.arange(rows)
    data["a", "r", "a"].edge_index = torch.tensor([[0, 1], [1, 2]])
    with pytest.warns(UserWarning, match=key):
        assert from_hetero(data, valid=0.0, test=0.0)["entity"].num_nodes == count


def test_the_split_that_is_drawn_by_default() -> None:
    data = HeteroData()
    data["a"].num_nodes = 40
    data["a", "r", "a"].edge_index = torch.stack([torch.arange(400) % 40, torch.arange(400) * 7 % 39])
    plain = from_hetero(data)["entity", "stated", "entity"].split
    assert torch.equal(plain, from_hetero(data, None, 0.1, 0.1, 0)["entity", "stated", "entity"].split)
    assert not torch.equal(plain, from_hetero(data, seed=1)["entity", "stated", "entity"].split)
    assert all(0.07 < int((plain == part).sum()) / 400 < 0.13 for part in (1, 2))
