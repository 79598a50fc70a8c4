"""Graphs of PyG as strangers make them: what denies, how splits, labels and further edges are called.

What each says is plain to a reader; it is read so, or refused with the way out.
"""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data.hetero import by_type, from_hetero
from gnnneg.data.negating import Negation, negation
from gnnneg.errors import UserError

TREATS = ("drug", "treats", "disease")
FALSE = torch.tensor([False, True, False, False, False])


def graph(**attributes: Any) -> HeteroData:
    data = HeteroData()
    data["drug"].num_nodes, data["disease"].num_nodes = 4, 3
    data[TREATS].edge_index = torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 1, 2]])
    for key, value in attributes.items():
        data[TREATS][key] = value
    return data


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((name, FALSE) for name in ("Negated", "isNegated", "edge_negated", "is_not", "refuted", "absent", "invalid")),
        *((name, ~FALSE) for name in ("correct", "truth_value", "isTrue", "valid")),
        ("sign", (~FALSE).long()),
        ("edge_attr", 1.0 - 2 * FALSE[:, None].float()),
        ("edge_weight", (1 - 2 * FALSE.long()).numpy()),
        ("qualifier", ["", "NOT|enables", "", "", ""]),
        ("verdict", ["supports", "refutes", "supports", "supports", "supports"]),
        ("label", ["x", "not x", "x", "x", "x"]),
    ],
)
def test_an_attribute_that_says_false(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"'{key}' says that some edges .* are false.* or delete '{key}'"):
        from_hetero(graph(**{key: value}))


@pytest.mark.filterwarnings("ignore:Kept in the graph")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inferred", ~FALSE),
        ("y", ~FALSE),
        ("negated", torch.zeros(5)),
        ("edge_weight", torch.tensor([0.1, -1, 0.5, 0, 1])),
        ("edge_attr", torch.randn(5, 3)),
        ("note", ["nothing", "known", "of", "these", "notes"]),
    ],
)
def test_an_attribute_that_says_no_such_thing(key: str, value: Any) -> None:
    assert key in from_hetero(graph(**{key: value}))["entity", "stated", "entity"]


def test_of_as_many_nodes_as_edges_the_edges_are_denied() -> None:
    index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    data = Data(edge_index=index, num_nodes=3, negated=torch.tensor([True, False, False]))
    with pytest.raises(UserError, match="'negated' says that some edges"):
        from_hetero(data)


@pytest.mark.parametrize("key", ["neg_edge_index", "denied_edge_index", "test_neg_edge_index"])
def test_further_edges_of_one_type_are_not_lost(key: str) -> None:
    with pytest.raises(UserError, match=f"'{key}' of .* is not read: give these edges a separate edge type"):
        from_hetero(graph(**{key: torch.tensor([[3], [0]])}))


@pytest.mark.parametrize("name", ["valid_mask", "validation_mask", "dev_mask"])
def test_masks_by_their_usual_names(name: str) -> None:
    two = torch.tensor([False, False, True, False, False])
    data = graph(**{"train_mask": ~FALSE & ~two, name: FALSE, "testing_mask": two})
    assert from_hetero(data)["entity", "stated", "entity"].split.tolist() == [0, 1, 2, 0, 0]
    names = graph(split=["Train", "VAL", "Test ", "train", "training"])
    assert from_hetero(names)["entity", "stated", "entity"].split.tolist() == [0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("not_treats", ("", "not_", "treats")),
        ("notTreats", ("", "not", "Treats")),
        ("does not treat", ("", "does not ", "treat")),
        ("doesNotTreat", ("", "doesNot", "Treat")),
        ("http://e/not-part-of", ("http://e/", "not-", "part-of")),
        ("biolink:not_related_to", ("biolink:", "not_", "related_to")),
        ("¬treats", ("", "¬", "treats")),
        ("lacks_part", ("", "lacks_", "part")),
        ("NOT|enables", ("", "NOT|", "enables")),
        ("!treats", ("", "!", "treats")),
        ("doesn't treat", ("", "doesn't ", "treat")),
        ("no_longer_treats", ("", "no_longer_", "treats")),
        ("treats_not", ("", "", "treats", "_not")),
        ("treats_neg", ("", "", "treats", "_neg")),
        ("biolink:treats:negated", ("", "", "biolink:treats", ":negated")),
    ],
)
def test_names_that_negate(name: str, parts: tuple[str, ...]) -> None:
    assert negation(name) == Negation(*parts)


@pytest.mark.parametrize(
    "name", ["notes", "has_notation", "not_", "annotates", "nothing", "http://not.org/treats", "knot", "_not"]
)
def test_names_that_do_not(name: str) -> None:
    assert negation(name) is None


def test_an_edge_type_that_negates_is_told_of() -> None:
    data = graph()
    data["drug", "http://e/does_not_treat", "disease"].edge_index = torch.tensor([[3], [0]])
    with pytest.warns(UserWarning, match=r"denied=\{\('drug', 'http://e/does_not_treat', 'disease'\): \('drug', 'http"):
        from_hetero(data)


def test_a_denied_type_between_others_is_told_with_the_whole_of_it() -> None:
    data = graph()
    data["drug", "nt", "disease"].edge_index = torch.tensor([[3], [0]])
    with pytest.warns(UserWarning, match="which nothing states; did you mean 'drug treats disease'"):
        from_hetero(data, denied={("drug", "nt", "disease"): ("disease", "treats", "drug")})


def test_a_graph_that_says_itself_what_is_denied() -> None:
    with pytest.raises(UserError, match="says itself what is stated and what is denied: leave denied out"):
        from_hetero(from_hetero(graph()), denied="not_")


def test_labels_of_some_types_only() -> None:
    """Neither lost nor put where nobody looks."""
    data = graph()
    data["disease"].labels, data["disease"].synonyms = ["pain", None, "cough"], [["ache"], None, ()]
    entity = from_hetero(data)["entity"]
    assert entity.labels == ["", "", "", "", "pain", "", "cough"]
    assert entity.synonyms == [[], [], [], [], ["ache"], [], []]
    assert "attributes" not in entity
    back = by_type(from_hetero(data))
    assert "labels" not in back["drug"]
    assert back["disease"].labels == ["pain", "", "cough"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("labels", ["a"], "labels of drug: 1 for 4 nodes"),
        ("labels", "abcd", "labels of drug: no list for 4 nodes"),
        ("labels", ["a", 1, "b", "c"], "labels of drug holds 1: give texts"),
        ("synonyms", [["a"]] * 5, "synonyms of drug: 5 for 4 nodes"),
        ("synonyms", ["a", "b", "c", "d"], "synonyms of drug holds 'a': give a list of texts for each node"),
    ],
)
def test_labels_of_another_number_or_kind_are_refused(key: str, value: Any, said: str) -> None:
    data = graph()
    data["drug"][key] = value
    with pytest.raises(UserError, match=said):
        from_hetero(data)


def test_an_edge_type_that_negates_behind_is_told_of_where_the_plain_one_is() -> None:
    """``treats_neg`` beside ``treats``; ``tests_negative`` alone negates nothing."""
    data = graph()
    data["drug", "treats_neg", "disease"].edge_index = torch.tensor([[3], [0]])
    data["drug", "tests_negative", "disease"].edge_index = torch.tensor([[3], [1]])
    with pytest.warns(
        UserWarning, match=r"denied=\{\('drug', 'treats_neg', 'disease'\): \('drug', 'treats', 'dis"
    ) as told:
        from_hetero(data)
    assert not any("tests_negative" in str(one.message) for one in told)


def test_an_attribute_that_holds_several_by_name() -> None:
    with pytest.raises(UserError, match=r"'meta' of \('drug', 'treats', 'disease'\) says that some edges are false"):
        from_hetero(graph(meta={"source": list("abcde"), "negated": [0, 1, 0, 0, 0]}))


@pytest.mark.parametrize("keys", ["train_idx val_idx test_idx", "train_index valid_index test_index"])
def test_numbers_of_the_edges_of_a_split(keys: str) -> None:
    train, valid, test = keys.split()
    data = graph(**{train: torch.tensor([0, 3, 4]), valid: torch.tensor([1]), test: torch.tensor([2])})
    assert from_hetero(data)["entity", "stated", "entity"].split.tolist() == [0, 1, 2, 0, 0]
