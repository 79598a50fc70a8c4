"""What queues ask about, on a graph whose every score is written down."""

import math

import pytest
import torch
from curation.tables import NAMES, graph, written

from gnnneg import Facts
from gnnneg.curation import Served
from gnnneg.curation.fitting import Fitting
from gnnneg.curation.queues import (
    Disagreement,
    Question,
    SuspectedErrors,
    SuspectedFalseNegatives,
    Uncertain,
    standard,
)
from gnnneg.data.check import check
from gnnneg.errors import UserError
from gnnneg.samplers import Filtered, Uniform

STATED = ["a likes b train", "b likes c train", "c knows d train", "d knows e valid", "a likes d test"]
DENIED = ["a likes c train", "b likes a valid", "e knows a test"]


KINDS = ("stated and denied", "contradicted by a subclass")


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def statements(queue):
    return [(item.head, item.relation, item.tail) for item in queue.items()]


@pytest.fixture(scope="module")
def data():
    return graph(STATED, DENIED)


@pytest.fixture(scope="module")
def scores():
    """All different, both positive and negative."""
    torch.manual_seed(3)
    return (torch.randperm(50).float().view(2, 5, 5) - 24.7) / 10


@pytest.fixture(scope="module")
def served(data, scores):
    return Served([written(data, scores)])


def value(scores, statement):
    head, relation, tail = statement
    return float(scores[["likes", "knows"].index(relation), NAMES.index(head), NAMES.index(tail)])


def unknown(statement):
    return not any(line.startswith(" ".join(statement) + " ") for line in (*STATED, *DENIED))


TRAINED = [line.split() for line in STATED if line.endswith("train")]
HEADS = {(relation, head) for head, relation, _, _ in TRAINED}
TAILS = {(relation, tail) for _, relation, tail, _ in TRAINED}


def best_answers(scores, k):
    """The k best unknown answers that fit each question that is answered, of both sides."""
    found = set()
    for line in STATED:
        head, relation, tail, _ = line.split()
        tails = [(head, relation, x) for x in NAMES if (relation, x) in TAILS]
        heads = [(x, relation, tail) for x in NAMES if (relation, x) in HEADS]
        for answers in (tails, heads):
            answers = sorted(filter(unknown, answers), key=lambda s: -value(scores, s))
            found |= set(answers[:k])
    return found


@pytest.mark.parametrize("k", [1, 2, 20])
def test_most_uncertain(served, scores, k):
    """All that may be asked about, those of probability one half first."""
    queue = Uncertain(served, k=k)
    expected = sorted(best_answers(scores, k), key=lambda s: abs(sigmoid(value(scores, s)) - 0.5))
    assert statements(queue) == expected
    for item in queue.items():
        assert item.value == pytest.approx(sigmoid(value(scores, item.statement)), rel=1e-6)
        assert item.why == f"Its probability is {item.value:.3f}."
    assert statements(Uncertain(served, length=3, k=k)) == expected[:3]
    assert queue.items() is queue.items()


def test_questions_are_drawn_by_the_seed(served):
    first, same, other = (statements(Uncertain(served, num_questions=2, k=1, seed=seed)) for seed in (0, 0, 1))
    assert first == same != other
    assert len(first) <= 2


def test_uncertain_needs_probabilities(data, scores):
    silent = Served([written(graph([line.replace("valid", "train") for line in STATED]), scores, calibrated=False)])
    assert silent.first.calibration is None
    with pytest.raises(UserError, match="has no validation statements to calibrate"):
        Uncertain(silent)
    assert len(SuspectedErrors(silent).items()) == len(STATED)  # by the score alone


def test_disagreement(data, scores):
    """Of three runs the most and the least sure one count."""
    tables = [scores, scores.roll(1, 0) * 0.7, scores.roll((2, 1), (1, 2)) * 0.5]
    committee = Served([written(data, table) for table in tables])
    queue = Disagreement(committee, k=2)

    def apart(statement):
        likely = [sigmoid(value(table, statement)) for table in tables]
        return max(likely) - min(likely)

    asked = set().union(*(best_answers(table, 2) for table in tables))
    assert statements(queue) == sorted(asked, key=lambda s: -apart(s))
    first = queue.items()[0]
    assert first.value == pytest.approx(apart(first.statement), rel=1e-6)
    likely = [sigmoid(value(table, first.statement)) for table in tables]
    most, least = likely.index(max(likely)), likely.index(min(likely))
    assert first.why == f"run-{most + 1} says {max(likely):.2f}, run-{least + 1} {min(likely):.2f}."


def test_one_model_cannot_disagree(served):
    with pytest.raises(UserError, match="serve several runs, or the run of a Dual"):
        Disagreement(served)


def test_suspected_false_negatives(served, scores):
    """A sampler of everything offers every unknown statement of a training question; the most plausible of those whose
    entities fit come first.
    """
    asked = set()
    for line in STATED[:3]:
        head, relation, tail, _ = line.split()
        asked |= {(head, relation, x) for x in NAMES if (relation, x) in TAILS}
        asked |= {(x, relation, tail) for x in NAMES if (relation, x) in HEADS}
    expected = sorted(filter(unknown, asked), key=lambda s: -value(scores, s))
    queue = SuspectedFalseNegatives(served)
    assert statements(queue) == expected
    assert [item.value for item in queue.items()] == pytest.approx([sigmoid(value(scores, s)) for s in expected])
    assert statements(SuspectedFalseNegatives(served, length=2)) == expected[:2]


def test_false_negatives_are_what_is_drawn(data, scores):
    """Three candidates a question, so at most six of each training statement, none of them known."""
    served = Served([written(data, scores, Filtered(Uniform(5, 3), Facts(data).known))])
    found = statements(SuspectedFalseNegatives(served))
    assert 0 < len(found) <= 18
    assert all(map(unknown, found))


def test_suspected_errors(served, scores):
    """Of any split, the least plausible first."""
    expected = sorted((tuple(line.split()[:3]) for line in STATED), key=lambda s: value(scores, s))
    assert statements(SuspectedErrors(served)) == expected
    assert statements(SuspectedErrors(served, length=2)) == expected[:2]


def test_contradictions_come_first(data, scores):
    """Training refuses such data, but other versions may have let them in."""
    served = Served([written(data, scores)])
    served.data = graph(STATED, [*DENIED, "c knows d valid"])
    queue = SuspectedErrors(served)
    first, *others = queue.items()
    assert first.statement == ("c", "knows", "d")
    assert first.why == "In the data it is stated and denied."
    assert first.value == pytest.approx(sigmoid(value(scores, first.statement)), rel=1e-6)
    left = [tuple(line.split()[:3]) for line in STATED if not line.startswith("c knows d")]
    assert [tuple(item.statement) for item in others] == sorted(left, key=lambda s: value(scores, s))
    with pytest.raises(UserError, match="subclass"):
        SuspectedErrors(served, hierarchy="subclass")


def test_contradictions_of_a_hierarchy():
    """What is denied of a class is contradicted by what is stated of one below it."""
    data = graph(["a likes b train", "b under c train"], ["a likes c train"], relations=["likes", "under"])
    table = torch.arange(50).float().view(2, 5, 5)
    found = SuspectedErrors(Served([written(data, table, calibrated=False)]), hierarchy="under").items()
    assert [(tuple(i.statement), i.why) for i in found[:2]] == [
        (("a", "likes", "c"), "It is denied, but stated for b, which is below c: b < c."),
        (("a", "likes", "b"), "It is stated, but denied for c, which is above b: b < c."),
    ]
    assert [tuple(one.statement) for one in found[2:]] == [("b", "under", "c")]


def test_the_hierarchy_is_a_queue_s_matter(served):
    """It reaches the one queue that asks for it; a relation that is not there is refused and not told on the page."""
    queues, absent = standard(served, hierarchy="knows")
    assert [one.hierarchy for one in queues if isinstance(one, SuspectedErrors)] == ["knows"]
    assert list(absent) == ["Models disagree"]
    with pytest.raises(UserError, match="There is no relation 'under'"):
        standard(served, hierarchy="under")


def test_the_queue_has_every_contradiction_that_check_finds(data, scores):
    """With a hierarchy and without; leaks, which check finds as well, are none of a judge's matter."""
    lines = ["a likes b train", "b under d train", "e under b train", "c likes e train", "a likes b test"]
    denied = ["a likes d train", "c likes d train", "c likes e test", "a likes b valid", "b likes d train"]
    served = Served([written(data, scores)])
    served.data = graph(lines, denied, relations=["likes", "under"])
    for hierarchy in (None, "under"):
        every = [f for f in check(served.data, hierarchy) if f.kind in KINDS]
        items = SuspectedErrors(served, hierarchy=hierarchy).items()
        asked = [tuple(item.statement) for item in items if not item.why.startswith("It is stated;")]
        assert {(f.head, f.relation, f.tail) for f in every} <= set(asked)
        assert len(every) == (2 if hierarchy is None else 4)
        below = {(f.head, f.relation, f.chain[0]) for f in every if f.chain}
        assert set(asked) == {(f.head, f.relation, f.tail) for f in every} | below


@pytest.mark.parametrize("asks", ["tail", "head"])
def test_a_question(served, scores, asks):
    """Its unknown answers, the best first."""
    means = {"head": "a", "relation": "likes"} if asks == "tail" else {"relation": "likes", "tail": "d"}
    every = [("a", "likes", x) if asks == "tail" else (x, "likes", "d") for x in NAMES]
    expected = sorted(filter(unknown, every), key=lambda s: -value(scores, s))
    queue = Question(served, **means)
    assert statements(queue) == expected
    assert [item.value for item in queue.items()] == pytest.approx([sigmoid(value(scores, s)) for s in expected])
    assert queue.items()[0].why == "It is answer number 1."
    assert statements(Question(served, **means, k=1)) == expected[:1]
    few = [s for s in expected if {"a", "e"} & {s[2] if asks == "tail" else s[0]}]
    assert statements(Question(served, **means, among=["e", "a"])) == few


def test_types_say_who_fits():
    """A slot takes those of a type of somebody who fills it in training, and, of no type, those who fill it."""
    names = ["ann", "bob", "rome", "oslo", "x", "y"]
    lines = [
        "ann lives_in rome train",
        "x lives_in rome train",
        "rome near oslo train",
        "oslo near rome valid",
        "oslo near oslo test",
    ]
    data = graph(lines, names=names, relations=["lives_in", "near"])
    data["entity"].type = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]]).bool()
    fitting = Fitting(data)
    expected = {
        0: ["rome", "oslo"],  # where one lives
        1: ["rome", "oslo"],
        2: ["ann", "bob", "x"],  # who lives there: y has neither a type nor a home
        3: ["rome", "oslo"],
    }
    asked = torch.tensor([2, 0, 3, 1, 2])
    for rel_type, row in zip(asked.tolist(), fitting.mask(asked)):
        assert [name for name, fits in zip(names, row.tolist()) if fits] == expected[rel_type]
    index = torch.tensor([4, 0, 3, 2, 5])
    assert fitting(asked, index).tolist() == [True, False, True, True, False]
    del data["entity"].type
    assert [n for n, fits in zip(names, Fitting(data).mask(torch.tensor([2]))[0].tolist()) if fits] == ["ann", "x"]
    for typed in (False, True):
        if typed:
            data["entity"].type = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]]).bool()
        served = Served([written(data, torch.zeros(2, 6, 6))])
        for queue in (Uncertain, SuspectedFalseNegatives):
            found = statements(queue(served))
            assert (("bob", "lives_in", "rome") in found) == typed
            assert not [s for s in found if s[1] == "lives_in" and s[0] in {"rome", "oslo", "y"}]


def test_a_question_among_a_type(scores):
    data = graph(STATED, DENIED)
    data["entity"].type = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]).bool()
    data["entity"].type_names = ["person", "place"]
    served = Served([written(data, scores)])
    queue = Question(served, head="a", relation="likes", among="place")
    assert statements(queue) == [("a", "likes", "e")]  # c is denied and d stated
    assert queue.meaning == "What the model answers to: a likes ? of the type place"
    with pytest.raises(UserError, match="no type"):
        Question(served, head="a", relation="likes", among="plant")


@pytest.mark.parametrize(
    ("means", "message"),
    [
        ({"head": "a"}, "a relation and either a head or a tail"),
        ({"head": "a", "relation": "likes", "tail": "b"}, "a relation and either a head or a tail"),
        ({"relation": "likes"}, "a relation and either a head or a tail"),
        ({"head": "f", "relation": "likes"}, "no entity 'f'"),
        ({"head": "a", "relation": "hates"}, "no relation 'hates'"),
        ({"head": "a", "relation": "likes", "k": 0}, "k"),
    ],
)
def test_questions_that_cannot_be_asked(served, means, message):
    with pytest.raises(UserError, match=message):
        Question(served, **means)


@pytest.mark.parametrize("kind", [Uncertain, SuspectedFalseNegatives, SuspectedErrors])
def test_lengths_are_numbers(served, kind):
    with pytest.raises(UserError, match="length"):
        kind(served, length=0)


def test_which_queues_there_are(served, data, scores):
    found = standard(served)
    assert [queue.name for queue in found.queues] == [
        "uncertain",
        "false-negatives",
        "errors",
        "audit-negatives",
        "audit-predictions",
    ]
    assert found.absent == {
        "Models disagree": "One model cannot disagree with itself: serve several runs, or the run of a Dual."
    }
    assert [queue.random for queue in found.queues] == [False, False, False, True, True]
    assert len({queue.title for queue in found.queues}) == len({queue.meaning for queue in found.queues}) == 5
    two = standard(Served([written(data, scores), written(data, -scores)]))
    assert "disagreement" in [queue.name for queue in two.queues]
    assert not two.absent
