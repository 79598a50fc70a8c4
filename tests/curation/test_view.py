"""Statements and entities as a screen shows them."""

import json
from dataclasses import asdict

import pytest
import torch
from curation.tables import NAMES, graph, written

import gnnneg
from gnnneg.curation import Served, about, entity, search
from gnnneg.errors import UserError
from gnnneg.verdicts import Statement

STATED = ["a likes b train", "b likes c train", "c knows d train", "d knows e valid", "a likes d test"]
DENIED = ["a likes c train", "b likes a valid", "e knows a test"]


@pytest.fixture(scope="module")
def data():
    made = graph(STATED, DENIED)
    node = made["entity"]
    node.labels = ["Alice", "Bob", "", "Dora", "Alice"]
    node.synonyms = [["Ali"], [], ["Cecile", "Caecilia"], [], []]
    node.definitions = ["A person.", "", "", "", ""]
    node.type = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]).bool()
    node.type_names = ["person", "place"]
    made.relation_labels = ["is fond of", ""]
    made.relation_definitions = ["To like much.", ""]
    made.source_names = ["the register"]
    for polarity, size in (("stated", 5), ("denied", 3)):
        store = made["entity", polarity, "entity"]
        store.source = torch.tensor([0, *[-1] * (size - 1)])
        store.confidence = torch.full((size,), 0.5)
    return made


@pytest.fixture(scope="module")
def served(data):
    torch.manual_seed(3)
    return Served([written(data, torch.randn(2, 5, 5)), written(data, torch.randn(2, 5, 5))])


@pytest.mark.parametrize("statement", [("a", "likes", "e"), ("d", "knows", "b"), ("a", "likes", "d")])
def test_what_runs_say(served, statement):
    """The same as each run says by itself."""
    view = about(served, Statement(*statement))
    for run, opinion in zip(served.runs, view.opinions, strict=True):
        row, near = run.explain(*statement)
        for key in ("score", "head_score", "probability", "tail_rank", "head_rank", "tail_candidates"):
            assert getattr(opinion, key) == pytest.approx(row[key][0]), key
        assert opinion.head_candidates == row["head_candidates"][0]
        assert [(n.polarity, n.head, n.relation, n.tail, n.split) for n in opinion.nearest] == [
            *near[["polarity", "head", "relation", "tail", "split"]].itertuples(index=False, name=None)
        ]
        assert [n.distance for n in opinion.nearest] == pytest.approx(near["distance"].tolist())
        assert not opinion.paths
        assert opinion.calibrated == "Fitted on 4 stated and 3 denied validation statements."
    assert [opinion.run for opinion in view.opinions] == ["run-1", "run-2"]


def test_who_is_meant(served):
    view = about(served, Statement("a", "likes", "c"))
    assert view.sentence == "Alice is fond of c"
    assert (view.head.name, view.head.label, view.head.synonyms, view.head.types) == (
        "a",
        "Alice",
        ("Ali",),
        ("person",),
    )
    assert (view.head.definition, view.relation.definition, view.tail.definition) == ("A person.", "To like much.", "")
    assert about(served, Statement("a", "knows", "c")).relation.definition == ""
    assert view.head.said == "Alice (a)"
    assert view.tail.said == "c"
    assert view.relation.said == "is fond of (likes)"
    assert entity(served, "e").entity.types == ("person", "place")


def test_what_the_data_say(served):
    """Where the statement stands, and what else is said of both ends."""
    (told,) = about(served, Statement("a", "likes", "c")).told
    assert (told.polarity, told.split, told.source, told.confidence) == ("denied", "train", "the register", 0.5)
    assert not about(served, Statement("c", "likes", "a")).told
    view = about(served, Statement("a", "likes", "d"))
    assert [(t.polarity, t.split, t.source) for t in view.told] == [("stated", "test", "")]
    head = view.about_head
    assert [(t.head, t.relation, t.tail) for t in head.stated] == [("a", "likes", "b"), ("a", "likes", "d")]
    assert [(t.head, t.relation, t.tail) for t in head.denied] == [
        ("a", "likes", "c"),
        ("b", "likes", "a"),
        ("e", "knows", "a"),
    ]
    assert (head.stated_total, head.denied_total) == (2, 3)
    assert head.stated[0].head_label == "Alice"
    assert head.stated[0].relation_label == "is fond of"
    assert json.loads(json.dumps(asdict(view)))["about_tail"]["stated_total"] == 3


def test_much_is_cut_and_counted():
    lines = [f"a likes {x} train" for x in "bcde"]
    names = [*NAMES, *(f"n{i}" for i in range(40))]
    data = graph([*lines, *(f"a likes n{i} train" for i in range(40))], names=names)
    view = entity(Served([written(data, torch.zeros(2, 45, 45), calibrated=False)]), "a")
    assert (len(view.around.stated), view.around.stated_total) == (20, 44)


def test_an_entity_that_stands_on_both_ends():
    data = graph(["a likes a train", "b likes a train"])
    view = entity(Served([written(data, torch.zeros(2, 5, 5), calibrated=False)]), "a")
    assert view.around.stated_total == 2


def test_what_is_predicted_of_an_entity(data):
    """Of the questions answered of it, what nobody has said, the most plausible first."""
    torch.manual_seed(5)
    table = torch.randn(2, 5, 5)
    view = entity(Served([written(data, table)]), "a")
    known = {tuple(line.split()[:3]) for line in (*STATED, *DENIED)}
    asked = [s for s in (("a", "likes", x) for x in NAMES) if s not in known]
    expected = sorted(asked, key=lambda s: -float(table[0, 0, NAMES.index(s[2])]))
    assert [(p.head, p.relation, p.tail) for p in view.predicted] == expected
    for one in view.predicted:
        score = float(table[0, 0, NAMES.index(one.tail)])
        assert one.score == pytest.approx(score)
        assert one.probability == pytest.approx(torch.sigmoid(torch.tensor(score)).item())
    assert view.predicted[0].head_label == "Alice"


def test_views_are_kept(served):
    statement = Statement("e", "likes", "e")
    assert about(served, statement) is about(served, statement)
    assert entity(served, "b") is entity(served, "b")


def test_unknown_names(served):
    with pytest.raises(UserError, match="no entity 'f'"):
        about(served, Statement("f", "likes", "a"))
    with pytest.raises(UserError, match="label of 2"):
        entity(served, "Alice")
    assert entity(served, "Cecile").entity.name == "c"


def test_search_by_what_people_type():
    names = ["P1", "P2", "P3", "P4", "P5"]
    data = graph(["P1 likes P2 train"], names=names)
    data["entity"].labels = ["insulin", "Insulin receptor", "proinsulin", "glucagon", ""]
    data["entity"].synonyms = [[], ["INSR"], [], ["insulin antagonist"], ["Ünlü"]]
    served = Served([written(data, torch.zeros(2, 5, 5), calibrated=False)])

    def found(text, limit=20):
        return [(one.name, one.called, one.how) for one in search(served, text, limit)]

    assert found("insulin")[:4] == [
        ("P1", "insulin", "whole"),
        ("P2", "Insulin receptor", "begins so"),
        ("P4", "insulin antagonist", "begins so"),
        ("P3", "proinsulin", "holds it"),
    ]
    assert found("insulin", 2) == found("insulin")[:2]
    assert found("insr")[0] == ("P2", "INSR", "whole")
    assert found("  insulin   RECEPTOR ")[0] == ("P2", "Insulin receptor", "whole")
    assert found("glukagon")[0] == ("P4", "glucagon", "near")
    assert found("ünlü")[0] == ("P5", "Ünlü", "whole")
    assert found("P4")[0] == ("P4", "P4", "whole")
    assert found("") == found("   ") == found("zzzzzz") == []
    assert len(found("p" * 10_000)) <= 20
    assert search(served, "insulin")[1].label == "Insulin receptor"


def test_paths_of_a_run_that_has_some():
    """The same as the run says."""
    data = gnnneg.data.synthetic.world(40, seed=1).data
    n, r = data["entity"].num_nodes, len(data.relation_names)
    model = gnnneg.NBFNet(r, hidden_channels=4, num_layers=2)
    task = gnnneg.LinkPrediction(model, gnnneg.Both(r), gnnneg.Uniform(n, 2), gnnneg.InfoNCE())
    fit = gnnneg.Fit(epochs=0)
    run = gnnneg.train(task, data, torch.optim.SGD(task.trained(), lr=0.1), fit, progress=False)
    statement = Statement("person_0", "lives_in", "city_1")
    (opinion,) = about(Served([run]), statement).opinions
    expected = run.paths(*statement)
    assert [path.path for path in opinion.paths] == expected["path"].tolist()
    assert [path.weight for path in opinion.paths] == pytest.approx(expected["weight"].tolist())
    assert not opinion.nearest
