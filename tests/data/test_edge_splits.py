"""Numbers of edges are a split only where nothing else can be meant; all other attributes stay as they are."""

from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data.edge_splits import MASKS, NUMBERS
from gnnneg.data.hetero import from_hetero
from gnnneg.data.unified import unified
from gnnneg.errors import UserError

TREATS = ("drug", "treats", "disease")
INDEX = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 1, 2]])
SPLIT = [0, 1, 2, 0, 0]
TRAIN, VALID, TEST = torch.tensor([4, 0, 3]), torch.tensor([1]), torch.tensor([2])


def graph(**attributes: Any) -> HeteroData:
    data = HeteroData()
    data["drug"].num_nodes, data["disease"].num_nodes = 4, 3
    data[TREATS].edge_index = INDEX
    for key, value in attributes.items():
        data[TREATS][key] = value
    return data


def read(**attributes: Any) -> Any:
    """The edge store; pytest makes an error of a warning."""
    return unified(graph(**attributes))[0][TREATS]


@pytest.mark.parametrize(
    "keys",
    [
        "train_idx val_idx test_idx",
        "training_index valid_index testing_index",
        "train_indices dev_indices test_indices",
        "train_edge_ids validation_edge_ids test_edge_ids",
        "train_edge_idx val_edge_idx test_edge_idx",
    ],
)
@pytest.mark.parametrize("kind", [torch.clone, torch.Tensor.int, torch.Tensor.numpy, torch.Tensor.tolist])
def test_each_edge_once(keys: str, kind: Any) -> None:
    store = read(**{key: kind(value) for key, value in zip(keys.split(), (TRAIN, VALID, TEST), strict=True)})
    assert store.split.tolist() == SPLIT
    assert not {*keys.split()} & {*store.keys()}


@pytest.mark.parametrize(
    "attributes",
    [
        {"test_id": torch.tensor([7, 7, 9, 9, 9])},
        {"test_id": torch.arange(5), "training_id": torch.arange(5)},
        {"training_id": torch.tensor([0, 3, 4]), "test_ids": torch.tensor([1, 2])},
        {"train_idx": ["a", "b", "c", "d", "e"], "test_idx": ["v", "w", "x", "y", "z"]},
        {"training_index": ["ab", "cd"], "test_index": [["a"], ["b", "c"]]},
        {"train_index": torch.arange(5)},  # its line in a file, of all edges
        {"test_index": torch.arange(5)},
        {"val_idx": torch.tensor([1, 2]), "test_idx": torch.tensor([0, 3, 4])},
        {"train_idx": torch.tensor([3, 3, 1, 0, 2]), "test_idx": torch.tensor([0, 0, 1, 1, 9])},
        {"train_idx": torch.ones(5, 2).long(), "test_idx": torch.tensor([0])},
        {"train_idx": torch.ones(5).bool(), "test_idx": torch.tensor([0, 1, 2, 3, 4])},
        {"train_idx": TRAIN, "test_idx": np.array([None, "x"], dtype=object)},
        {"split": torch.tensor([2, 1, 0, 0, 0]), "train_idx": TRAIN, "val_idx": VALID, "test_idx": TEST},
    ],
)
def test_any_other_attribute_stays(attributes: dict[str, Any]) -> None:
    store = read(**attributes)
    assert store.get("split") is attributes.get("split") or torch.equal(store.split, attributes["split"])
    for key, value in attributes.items():
        assert store[key] is value or key == "split"


@pytest.mark.parametrize(
    "numbers",
    [
        {"train_idx": torch.tensor([0, 3, 4]), "val_idx": torch.tensor([1])},
        {"train_idx": torch.tensor([0, 3, 4, 2]), "val_idx": torch.tensor([1, 7])},
        {"train_idx": torch.tensor([0, 3, 4, 2]), "val_idx": torch.tensor([1.0])},
        {"train_idx": torch.tensor([0, 3, 4, 2]), "val_idx": torch.tensor([1, 2])},
    ],
)
def test_a_split_with_a_fault_is_told_of_by_its_own_keys(numbers: dict[str, torch.Tensor]) -> None:
    with pytest.warns(UserWarning, match=r"^train_idx and val_idx do not number each of the 5 edges .*treats.* once"):
        store = read(**numbers)
    assert "split" not in store
    assert all(store[key] is value for key, value in numbers.items())


def test_masks_come_first() -> None:
    masks = {key: torch.tensor([number == MASKS[key] for number in SPLIT]) for key in ("train_mask", "test_mask")}
    store = read(**masks, val_idx=VALID)
    assert store.split.tolist() == SPLIT
    assert {*store.keys()} == {"edge_index", "split"}
    masks["val_mask"] = torch.tensor([False, True, False, False, False])
    other = torch.tensor([0, 1])
    store = read(**masks, train_index=other, test_index=torch.tensor([2, 3, 4]))
    assert store.split.tolist() == SPLIT
    assert store.train_index is other
    del masks["val_mask"]
    with pytest.raises(UserError, match=r"1 edges .* are in none or several of train_mask, test_mask, val_idx: put"):
        read(**masks, val_idx=torch.tensor([1, 0]))
    with pytest.raises(UserError, match=r"1 edges .* are in none or several of train_mask, test_mask: put each"):
        read(**masks, val_idx=["x"])


def plain(num_nodes: int = 4, **attributes: Any) -> Data:
    return Data(edge_index=INDEX, num_nodes=num_nodes, **attributes)


NUMBERED = {"train_idx": TRAIN, "val_idx": VALID, "test_idx": TEST}


def test_of_a_graph_of_one_type_numbers_are_read_before_edges_are_divided() -> None:
    made = unified(plain(**NUMBERED))[0]
    assert made["entity", "to", "entity"].split.tolist() == SPLIT
    made = unified(plain(**NUMBERED, edge_type=torch.tensor([1, 0, 1, 0, 1])))[0]
    assert made["entity", "relation_0", "entity"].split.tolist() == [1, 0]
    assert made["entity", "relation_1", "entity"].split.tolist() == [0, 2, 0]
    assert from_hetero(plain(**NUMBERED), mirrored="keep")["entity", "stated", "entity"].split.tolist() == SPLIT


@pytest.mark.parametrize("num_nodes", [5, 8])
def test_what_may_number_nodes_is_asked_about(num_nodes: int) -> None:
    with pytest.raises(
        UserError, match=r"train_idx and val_idx and test_idx could number the edges or the nodes: .*train_edge_idx"
    ):
        unified(plain(num_nodes, **NUMBERED))
    named = {key.replace("idx", "edge_idx"): value for key, value in NUMBERED.items()}
    assert unified(plain(num_nodes, **named))[0]["entity", "to", "entity"].split.tolist() == SPLIT


@pytest.mark.parametrize(
    "attributes",
    [
        {"train_idx": torch.tensor([0, 1]), "val_idx": torch.tensor([2]), "test_idx": torch.tensor([3])},  # nodes
        {"train_idx": torch.tensor([0, 1]), "test_idx": torch.tensor([3])},
        {"train_mask": torch.ones(4).bool(), "train_idx": torch.arange(4), "test_idx": torch.tensor([0])},
        {"test_id": torch.tensor([1, 1, 1, 0, 0])},
        {"train_idx": torch.arange(3)},
    ],
)
def test_numbers_of_nodes_stay(attributes: dict[str, Any]) -> None:
    made = unified(plain(**attributes))[0]
    assert "split" not in made["entity", "to", "entity"]
    found = {key: value for store in made.stores for key, value in store.items()}
    assert all(torch.equal(found[key], value) for key, value in attributes.items())


def test_numbers_that_only_edges_have_are_told_of_if_they_are_wrong() -> None:
    with pytest.warns(UserWarning, match="train_idx and test_idx do not number each of the 5 edges once"):
        made = unified(plain(train_idx=torch.tensor([0, 4]), test_idx=torch.tensor([1])))[0]
    assert "split" not in made["entity", "to", "entity"]


def test_no_name_is_that_of_edges_themselves() -> None:
    assert not any(key.endswith(("edge_index", "_id", "train_ids", "test_ids")) for key in NUMBERS)
