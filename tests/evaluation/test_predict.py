"""Predictions by name, on four entities and two relations."""

import pytest
import torch
from evaluation.tabled import Tabled

from gnnneg.data import naming
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.evaluation import nearest, predict
from gnnneg.records import Triplets

PEOPLE = ["Ann", "Bob", "Cem", "Dan"]


@pytest.fixture
def data():
    """Ann knows Bob (train), Cem (valid) and Dan (test); that Ann knows Ann is denied, that Dan likes Ann stated."""
    stated = Triplets(*torch.tensor([[0, 0, 0, 3], [0, 0, 0, 1], [1, 2, 3, 0]]))
    denied = Triplets(*torch.tensor([[0, 0], [0, 0], [0, 2]]))
    return assemble(stated, torch.tensor([0, 1, 2, 0]), PEOPLE, ["knows", "likes"], denied, torch.tensor([1, 2]))


@pytest.fixture
def model() -> Tabled:
    score = torch.zeros(4, 4, 4)
    score[0, 0] = torch.tensor([4.0, 1.0, 3.0, 2.0])
    score[3, 0] = torch.tensor([1.0, 9.0, 2.0, 3.0])  # who likes Ann?
    score[1, 0] = torch.tensor([0.0, 0.0, 7.0, 0.0])
    score[1, :, 0] = torch.tensor([0.0, 0.5, 0.0, -1.0])  # does anybody like Ann?
    return Tabled(score)


def test_tails(model, data):
    answers = predict(model, data, head="Ann", relation="knows", k=3)
    assert list(answers.columns) == ["head", "relation", "tail", "score", "known"]
    assert answers.values.tolist() == [
        ["Ann", "knows", "Ann", 4.0, "denied"],
        ["Ann", "knows", "Cem", 3.0, "valid"],  # stated and denied: what is stated is shown
        ["Ann", "knows", "Dan", 2.0, "test"],
    ]
    assert len(predict(model, data, head="Ann", relation="knows", k=99)) == 4


def test_heads(model, data):
    """Ordered by what the model says of heads; ``score`` is that of the same triple, asked whole."""
    answers = predict(model, data, relation="likes", tail="Ann", k=2)
    assert list(answers.columns) == ["head", "relation", "tail", "score", "head_score", "known"]
    assert answers.values.tolist() == [
        ["Bob", "likes", "Ann", 0.5, 9.0, "unknown"],
        ["Dan", "likes", "Ann", -1.0, 3.0, "train"],
    ]
    for row in answers.to_dict("records"):
        (whole,) = predict(model, data, row["head"], "likes", "Ann").to_dict("records")
        assert whole == row


def test_relations_and_triples(model, data):
    answers = predict(model, data, head="Ann", tail="Cem")
    assert answers.values.tolist() == [["Ann", "likes", "Cem", 7.0, "unknown"], ["Ann", "knows", "Cem", 3.0, "valid"]]
    assert predict(model, data, "Ann", "knows", "Bob").values.tolist() == [["Ann", "knows", "Bob", 1.0, 0.0, "train"]]
    assert predict(model, data, "Bob", "knows", "Bob")["known"].tolist() == ["unknown"]


def test_only_what_nobody_said(model, data):
    assert predict(model, data, head="Ann", relation="knows", unknown_only=True).empty
    answers = predict(model, data, relation="likes", tail="Ann", unknown_only=True)
    assert answers["head"].tolist() == ["Bob", "Cem", "Ann"]


def test_among(model, data):
    """A type or a list, for tails and for heads."""
    data["entity"].type = torch.tensor([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]).bool()
    data["entity"].type_names = ["friend", "cat", "dog"]
    assert predict(model, data, head="Ann", relation="knows", among="cat")["tail"].tolist() == ["Cem", "Dan"]
    assert predict(model, data, relation="likes", tail="Ann", among="cat")["head"].tolist() == ["Dan", "Cem"]
    assert predict(model, data, relation="likes", tail="Ann", among=["Cem", "Bob"])["head"].tolist() == ["Bob", "Cem"]
    answers = predict(model, data, relation="likes", tail="Ann", among="friend", unknown_only=True)
    assert answers["head"].tolist() == ["Bob", "Ann"]
    for chosen, wrong in (
        ("cats", "no type 'cats' in the data; did you mean 'cat'"),
        ("dog", "No entity is of the type 'dog'"),
        ([], "list of entities to choose among is empty"),
        (["Eve"], "no entity 'Eve'"),
    ):
        with pytest.raises(UserError, match=wrong):
            predict(model, data, head="Ann", relation="knows", among=chosen)
    with pytest.raises(UserError, match="nothing to choose among"):
        predict(model, data, head="Ann", tail="Bob", among="cat")
    del data["entity"].type
    with pytest.raises(UserError, match="have no types"):
        predict(model, data, head="Ann", relation="knows", among="cat")


def test_labels(model, data):
    """Who is called so and nobody else is who is meant; a name comes before a label, a label before a synonym."""
    data["entity"].labels = ["Anne", "Bobby", "Bobby", ""]
    data["entity"].synonyms = [[], ["Rob"], ["Ann", "Anne"], ["Danny", "Rob"]]
    data.relation_labels = ["is acquainted with", ""]
    answers = predict(model, data, head="Anne", relation="is acquainted with", k=3)
    assert answers["head"].tolist() == ["Ann"] * 3
    assert answers["relation"].tolist() == ["knows"] * 3
    assert answers["tail_label"].tolist() == ["Anne", "Bobby", ""]
    assert predict(model, data, head="Ann", relation="knows")["head_label"].tolist() == ["Anne"] * 4
    assert predict(model, data, "Danny", "knows", "Ann")[["head", "tail"]].values.tolist() == [["Dan", "Ann"]]
    with pytest.raises(UserError, match="a label of 2: give one of 'Bob', 'Cem'"):
        predict(model, data, head="Bobby", relation="knows")
    with pytest.raises(UserError, match="a label of 2: give one of 'Bob', 'Dan'"):
        predict(model, data, head="Rob", relation="knows")
    with pytest.raises(UserError, match="did you mean 'Bobby'"):
        predict(model, data, head="bobby", relation="knows")
    with pytest.raises(UserError, match="entity asked for is 7: give its name as text"):
        naming.entity(data, 7)


def test_where_the_nearest_come_from(data):
    """The source of each, nothing where the data name none; how sure it is; labels."""
    vector = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [3.0, 5.0]])
    data.source_names = ["PMID:1", "PMID:2"]
    data["entity", "stated", "entity"].source = torch.tensor([0, -1, 1, 0])
    data["entity", "denied", "entity"].source = torch.tensor([1, -1])
    data["entity", "denied", "entity"].confidence = torch.tensor([0.5, 1.0])
    data["entity"].labels = ["Anne", "", "", ""]
    found = nearest(vector, data, Triplets(*(torch.tensor([index]) for index in (0, 0, 1))))
    assert found["source"].tolist() == ["PMID:2", "", "PMID:2", ""]
    assert found["confidence"].tolist()[2:] == [0.5, 1.0]
    assert found["head_label"].tolist() == ["Anne"] * 4
    assert found["tail_label"].tolist() == ["", "", "Anne", ""]


def test_nearest_statements(data):
    """People on a plane. Of those whom Ann knows, distances are those of the tails: Dan is next to Bob."""
    vector = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [3.0, 5.0]])
    triplet = Triplets(*(torch.tensor([index]) for index in (0, 0, 1)))  # Ann knows Bob, which is stated: not shown
    found = nearest(vector, data, triplet)
    assert list(found.columns) == ["polarity", "head", "relation", "tail", "split", "distance"]
    assert found.values.tolist() == [
        ["stated", "Ann", "knows", "Dan", "test", 1.0],
        ["stated", "Ann", "knows", "Cem", "valid", 5.0],
        ["denied", "Ann", "knows", "Ann", "valid", 5.0],
        ["denied", "Ann", "knows", "Cem", "test", 5.0],
    ]
    assert nearest(vector, data, triplet, k=1)["tail"].tolist() == ["Dan", "Ann"]
    # Bob likes Cem: one statement, Dan likes Ann, is sqrt(1 + 100) away, and nothing is denied
    likes = Triplets(*(torch.tensor([index]) for index in (1, 1, 2)))
    (row,) = nearest(vector, data, likes).to_dict("records")
    assert (row["polarity"], row["head"], row["tail"]) == ("stated", "Dan", "Ann")
    assert row["distance"] == pytest.approx(101**0.5)
    data["entity", "stated", "entity"].edge_type[:] = 0
    assert nearest(vector, data, likes).empty


def test_bad_questions(model, data):
    with pytest.raises(UserError, match="no entity 'ann' in the data; did you mean 'Ann'"):
        predict(model, data, head="ann", relation="knows")
    with pytest.raises(UserError, match="no relation 'know' in the data; did you mean 'knows'"):
        predict(model, data, head="Ann", relation="know")
    with pytest.raises(UserError, match="Give two of"):
        predict(model, data, head="Ann")
    with pytest.raises(UserError, match="at least 1"):
        predict(model, data, head="Ann", relation="knows", k=0)
    model.score[0, 0, 1] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        predict(model, data, head="Ann", relation="knows")
    with pytest.raises(UserError, match="NaN"):  # of an answer that is not asked for, too
        predict(model, data, head="Ann", relation="knows", among=[data["entity"].names[2]])


def test_names_that_look_the_same_are_understood(model, data):
    """Typed on another machine in another form of Unicode, or with a stray blank."""
    data["entity"].names = ["Caf\u00e9", "Bob", "New York", "Dan"]
    for asked in ("Cafe\u0301", "Caf\u00e9 ", "\u00a0Caf\u00e9"):
        assert predict(model, data, head=asked, relation="knows ")["head"].tolist() == ["Caf\u00e9"] * 4
    assert predict(model, data, head="New  York", relation="knows")["head"].tolist() == ["New York"] * 4
    data["entity"].names = ["Caf\u00e9", "Cafe\u0301", " Caf\u00e9", "Dan"]
    assert predict(model, data, head="Cafe\u0301", relation="knows")["head"].tolist() == ["Cafe\u0301"] * 4
    with pytest.raises(UserError, match=r"look alike: give one of 'Caf\\xe9', 'Cafe\\u0301', ' Caf\\xe9' as it is"):
        predict(model, data, head="Caf\u00e9  ", relation="knows")
