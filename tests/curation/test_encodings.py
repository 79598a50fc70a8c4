"""A graph is encoded once for each run, however much is asked of the server."""

import warnings
from urllib.parse import urlencode

import pytest
import torch
from office import AT, OWN
from starlette.testclient import TestClient

import gnnneg
from gnnneg.curation import Served
from gnnneg.curation.page.app import create_app
from gnnneg.curation.queues import standard
from gnnneg.interfaces import Model
from gnnneg.verdicts import Verdicts

EPOCHS = gnnneg.Fit(epochs=1, batch_size=64)


def side(facts):
    encoder = gnnneg.RGCN(facts.num_nodes, facts.num_relations, 8)
    model = gnnneg.KGEModel(encoder, gnnneg.DistMult(facts.num_relations, 8))
    sampler = gnnneg.Uniform(facts.num_nodes, 4)
    return gnnneg.LinkPrediction(model, gnnneg.Both(facts.num_relations), sampler, gnnneg.InfoNCE(), graph=facts.graph)


def trained(task, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what so short a training says
        optimizer = torch.optim.Adagrad(task.trained(), lr=0.1)
        run = gnnneg.train(task, data, optimizer, EPOCHS, progress=False)
        run.calibration  # noqa: B018  (fitted here: its own encodings are not those of the server)
    return run


@pytest.fixture(scope="module")
def data():
    return gnnneg.data.synthetic.world(40, seed=1).data


@pytest.fixture
def counted(monkeypatch):
    """Every call of an encoder, by its model."""
    found = []
    first = gnnneg.KGEModel.encode

    def encode(self: Model, graph):
        found.append(self)
        return first(self, graph)

    monkeypatch.setattr(gnnneg.KGEModel, "encode", encode)
    return found


def everything(served, path):
    """Asks all that can be asked of a server, some of it twice, and gives all it has said."""
    queues, absent = standard(served)
    app = create_app(served, queues, Verdicts(path), absent=absent, who="Ann")
    client = TestClient(app, base_url=AT)
    names, kind = served.data["entity"].names, served.data.relation_names[0]
    answers = []
    for line in app.app.state.desk.lines.values():
        assert line.items, line.title
    for name in names[:3]:
        whole = {"head": name, "relation": kind, "tail": names[5]}
        for asked in (
            *({"relation": kind, "head": name, "run": run.name} for run in served.predictors),
            {"relation": kind, "tail": name, "new": True},
            {"head": name, "tail": names[5]},
            whole,
        ):
            answers.append(client.get("/api/predict", params=asked).json())
        answers.append(client.get("/api/explain", params=whole).json())
        for address in ("/api/entity", "/entity"):
            assert client.get(address, params={"name": name}).status_code == 200
        assert client.get("/ask", params={"relation": kind, "head": name}).status_code == 200
        assert client.get(f"/statement?{urlencode(whole)}").status_code == 200
        assert client.post("/api/verdicts", json={**whole, "verdict": "deny"}, headers=OWN).status_code == 201
    app.app.state.desk.verdicts.close()
    return answers


def test_each_run_encodes_its_graph_once(data, counted, tmp_path):
    runs = [trained(side(gnnneg.Facts(data)), data) for _ in range(2)]
    counted.clear()
    served = Served(runs)
    answers = everything(served, tmp_path / "v.sqlite")
    assert [model is run.model for model, run in zip(counted, runs, strict=True)] == [True, True]
    name, kind = served.data["entity"].names[0], served.data.relation_names[0]
    for run, said in zip(runs, answers):
        wanted = run.predict(name, kind)
        assert [one["tail"] for one in said] == wanted["tail"].tolist()
        assert [one["score"] for one in said] == pytest.approx(wanted["score"].tolist())
    assert len(counted) == 4  # by itself a run encodes at each call


def test_both_sides_of_a_dual_once(data, counted, tmp_path):
    facts = gnnneg.Facts(data)
    run = trained(gnnneg.Dual(side(facts), side(facts.mirror), facts.denied, weight=0.5), data)
    served = Served([run])
    counted.clear()
    sides = served.sides
    assert len(counted) == 2  # for their calibrations
    everything(served, tmp_path / "v.sqlite")
    # whom its sampler asks is another model, which encodes by itself
    assert sum(model in (run.model.positive, run.model.negative) for model in counted) == 2
    every = run.testbed.statements("valid")
    score = [one.score(every) for one in sides]
    assert torch.allclose(score[0] - 0.5 * score[1], served.first.score(every))


def test_a_graph_to_test_on_is_encoded_once(data, counted, monkeypatch):
    """Answers about its entities come from its own encoding, which is made when somebody first asks."""
    run = trained(side(gnnneg.Facts(data)), data)
    served = Served([run])
    other = gnnneg.evaluation.Testbed(data)
    monkeypatch.setattr(run.testbed, "elsewhere", other)
    counted.clear()
    name, kind = data["entity"].names[0], data.relation_names[0]
    for _ in range(3):
        run.predict(name, kind, encode=served.first.encoded)
    assert len(counted) == 1
