"""Runs that are served together."""

import copy

import pytest
import torch
from curation.tables import NAMES, RELATIONS, graph, written

import gnnneg
from gnnneg.curation import Served, about
from gnnneg.curation.queues import Disagreement
from gnnneg.curation.served import names
from gnnneg.errors import UserError
from gnnneg.evaluation import Calibration
from gnnneg.records import Query, Triplets
from gnnneg.verdicts import Statement

STATED = ["a likes b train", "b likes c train", "c knows d train", "d knows e valid", "a likes d test"]


@pytest.fixture(scope="module")
def scores():
    torch.manual_seed(1)
    return torch.randn(2, 5, 5)


@pytest.fixture(scope="module")
def run(scores):
    return written(graph(STATED), scores)


def test_nothing_to_serve():
    with pytest.raises(UserError, match="at least one run folder"):
        Served([])


def test_runs_of_other_data(run, scores):
    other = written(
        graph(
            [line.replace("e", "f") for line in STATED if "likes" not in line] + ["a lifks b test"],
            names=["a", "b", "c", "d", "f"],
            relations=["lifks", "knows"],
        ),
        scores,
        calibrated=False,
    )
    with pytest.raises(UserError, match=r"run-2 is about other entities than the first one \('e' is known to only"):
        Served([run, other])
    kinds = written(graph([line.replace("knows", "sees") for line in STATED], relations=["likes", "sees"]), scores)
    with pytest.raises(UserError, match=r"run-2 is about other relations than the first one \('knows'"):
        Served([run, kinds])


def test_a_run_of_another_order(run, scores):
    """The same model with its entities and relations turned round says the same of everything."""
    mirrored = written(graph(STATED, names=NAMES[::-1], relations=RELATIONS[::-1]), scores.flip(0, 1, 2))
    served = Served([run, mirrored])
    one, other = served.predictors
    every = Triplets(*(c.flatten() for c in torch.meshgrid(*(torch.arange(s) for s in (5, 2, 5)), indexing="ij")))
    assert torch.equal(one.score(every), other.score(every))
    assert torch.equal(one.score(every), scores.permute(1, 0, 2).flatten())
    assert torch.equal(one.ranks(every).realistic, other.ranks(every).realistic)
    query = Query(torch.arange(5), torch.tensor([0, 1, 2, 3, 0]))
    for among in (None, torch.tensor([1, 4])):
        found = one.best(query, 3, served.known, among)
        assert all(map(torch.equal, found, other.best(query, 3, served.known, among)))
    mine, others = about(served, Statement("a", "knows", "e")).opinions
    assert (mine.score, mine.tail_rank, mine.head_rank) == (others.score, others.tail_rank, others.head_rank)
    assert [(n.head, n.tail) for n in mine.nearest] == [(n.head, n.tail) for n in others.nearest]


def test_the_best_of_many_questions(run, scores):
    """A few at a time come out as all at once, and what is known is left out."""
    served = Served([run])
    query = Query(torch.arange(5).repeat(4), torch.arange(4).repeat_interleave(5))
    found = served.first.best(query, 2, served.known)
    rows = []
    for anchor, asks in zip(*(part.tolist() for part in query)):
        kind, head = asks % 2, asks >= 2
        every = [(x, kind, anchor) if head else (anchor, kind, x) for x in range(5)]
        left = [
            s
            for s in every
            if " ".join(served.called(Triplets(*torch.tensor([s]).T))[0])
            not in {" ".join(line.split()[:3]) for line in STATED}
        ]
        rows += sorted(left, key=lambda s: -float(scores[s[1], s[0], s[2]]))[:2]
    assert list(zip(*(column.tolist() for column in found))) == rows
    served.first.testbed = copy.copy(served.first.testbed)
    served.first.testbed.memory_mib = 1e-4
    again = served.first.best(query, 2, served.known)
    assert all(map(torch.equal, found, again))


def test_names_tell_runs_apart(run, tmp_path):
    def at(*parts):
        one = copy.copy(run)
        one.path = tmp_path.joinpath(*parts)
        return one

    assert names([at("x", "complex")]) == ["complex"]
    assert names([at("x", "complex"), at("y", "distmult")]) == ["complex", "distmult"]
    assert names([at("x", "complex"), at("y", "complex")]) == ["x/complex", "y/complex"]
    with pytest.raises(UserError, match="is given twice"):
        names([at("x", "complex"), at("x", "complex")])


def test_the_sides_of_a_dual():
    """Each has a calibration of its own, that of its own scores; what is denied speaks against a statement."""
    data = gnnneg.data.synthetic.world(40, seed=1).data
    facts = gnnneg.Facts(data)

    def side(facts):
        model = gnnneg.KGEModel(gnnneg.Lookup(facts.num_nodes, 8), gnnneg.DistMult(facts.num_relations, 8))
        return gnnneg.LinkPrediction(
            model, gnnneg.Both(facts.num_relations), gnnneg.Uniform(facts.num_nodes, 4), gnnneg.InfoNCE()
        )

    task = gnnneg.Dual(side(facts), side(facts.mirror), facts.denied, weight=0.5)
    run = gnnneg.train(
        task, data, torch.optim.Adagrad(task.trained(), lr=0.1), gnnneg.Fit(epochs=5, batch_size=64), progress=False
    )
    served = Served([run])
    stated, denied = served.sides
    assert (stated.name, denied.name) == ("run-1, stated side", "run-1, denied side")
    assert stated.model is run.model.positive
    assert denied.model is run.model.negative
    few = run.testbed.statements("valid"), run.testbed.statements("valid", "denied")
    for predictor in served.sides:
        score = torch.cat([predictor.score(part) for part in few])
        label = torch.arange(len(score)) < len(few[0].rel_type)
        expected = Calibration.fit(score, label)
        assert predictor.calibration.platt.slope == pytest.approx(expected.platt.slope, rel=1e-4)
    assert denied.calibration.platt.slope < 0 < stated.calibration.platt.slope
    found = Disagreement(served, length=5).items()
    assert [item.value for item in found] == sorted((item.value for item in found), reverse=True)
    assert all("stated side" in item.why and "denied side" in item.why for item in found)
