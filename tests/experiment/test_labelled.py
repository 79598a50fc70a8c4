"""Graphs with labelled nodes: their statements, and runs that learn the classes."""

import os

import pandas as pd
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCN

from gnnneg import (
    GNN,
    All,
    Evaluation,
    Fit,
    InfoNCE,
    Inner,
    NodeClassification,
    NodeClassifier,
    Run,
    UserError,
    accuracy,
    labelled,
    labelled_graph,
    message_graph,
    train,
    triplets,
)
from gnnneg.data.statements import LINKED
from gnnneg.datasets import Planetoid, load
from gnnneg.evaluation import Testbed
from gnnneg.evaluation.metrics import standard_error
from gnnneg.evaluation.record import Ranks
from gnnneg.experiment import train_config
from gnnneg.experiment.fingerprint import difference, fingerprint
from gnnneg.experiment.pack import pack
from gnnneg.records import asked

MIRROR = os.environ.get("GNNNEG_MIRROR")
SIZE, CLASSES, FEATURES = 60, 3, 5
CONFIG = "configs/Planetoid-Cora/gcn.yaml"


def planted() -> Data:
    """Nodes whose features tell their class in part, on a ring; the last six have no split."""
    torch.manual_seed(0)
    y = torch.arange(SIZE) % CLASSES
    node = torch.arange(SIZE)
    place = node // 18  # 18 nodes a split
    ring = torch.stack([node, (node + CLASSES) % SIZE])
    return Data(
        x=torch.randn(SIZE, FEATURES) + 2 * torch.nn.functional.one_hot(y, FEATURES),
        y=y,
        edge_index=torch.cat([ring, ring.flip(0)], dim=1),
        train_mask=place == 0,
        val_mask=place == 1,
        test_mask=place == 2,
    )


def task(data) -> NodeClassification:
    torch.manual_seed(1)
    encoder = GNN(GCN(FEATURES, 4, num_layers=1), 4)
    return NodeClassification(
        NodeClassifier(encoder, Inner(), CLASSES), All(SIZE + CLASSES), InfoNCE(), message_graph(data)
    )


def trained(data, out=None, **options) -> Run:
    made = task(data)
    fit = Fit(epochs=4, batch_size=9, evaluate_every=1, metric="hits@1")
    optimizer = torch.optim.Adam(made.trained(), lr=0.05)
    return train(made, data, optimizer, fit, out=out, progress=False, **options)


def test_statements_say_the_class_of_each_node_of_a_split():
    data = planted()
    graph = labelled_graph(data)
    for split, mask in (("train", data.train_mask), ("valid", data.val_mask), ("test", data.test_mask)):
        part = triplets(graph, "stated", split)
        assert part.head_index.tolist() == [CLASSES + node for node in mask.nonzero()[:, 0].tolist()]
        assert part.tail_index.tolist() == data.y[mask].tolist()
    assert graph["entity"].num_nodes == SIZE + CLASSES
    assert graph["entity"].candidate_tails.tolist() == [0, 1, 2]
    assert graph["entity"].names[2:4] == ["class 2", "node 0"]


def test_messages_pass_over_the_edges_and_not_the_labels():
    data = planted()
    graph = message_graph(labelled_graph(data))
    assert torch.equal(graph.edge_index, data.edge_index + CLASSES)
    assert torch.equal(graph.x[CLASSES:], data.x)
    assert not graph.x[:CLASSES].any()


@pytest.mark.parametrize("name", ["x", "y", "val_mask"])
def test_what_is_missing_is_named(name):
    data = planted()
    del data[name]
    with pytest.raises(UserError, match=f"The graph has no {name}: labelled nodes need"):
        labelled_graph(data)


def test_a_node_is_in_one_split():
    data = planted()
    data.test_mask[0] = True
    with pytest.raises(UserError, match="A node is in two of train_mask"):
        labelled_graph(data)


def test_hits_at_1_is_the_accuracy(tmp_path):
    """Against the function that does not rank, on the graph without classes; and for the run that is read again."""
    data = planted()
    graph = labelled_graph(data)
    run = trained(graph, tmp_path / "run")
    wanted = accuracy(run.model, data, labelled(data.y, data.test_mask), CLASSES)
    found = run.result["metrics"]["test"]
    assert found["hits@1"] == wanted > 1 / CLASSES
    assert "head" not in found
    assert found["mr"] <= CLASSES
    again = Run.load(tmp_path / "run")
    assert torch.equal(again.data[LINKED].edge_index, graph[LINKED].edge_index)
    assert difference(fingerprint(graph), fingerprint(again.data)) is None
    assert again.evaluate("test")["hits@1"] == wanted


def test_another_edge_is_other_data():
    data, other = planted(), planted()
    other.edge_index = other.edge_index[:, 1:]
    assert "links: 120 then, 119 now" in (
        difference(fingerprint(labelled_graph(data)), fingerprint(labelled_graph(other))) or ""
    )


def test_all_takes_every_class_and_no_node():
    graph = labelled_graph(planted())
    made = task(graph)
    query, target = asked(triplets(graph, "stated", "train"), 1)
    drawn = made.sampler(query, target, made.model.scorer(made.model.encode(message_graph(graph)), query))
    assert drawn.index.tolist() == [[0, 1, 2]]
    assert torch.equal(drawn.weight, 1 - torch.nn.functional.one_hot(target, CLASSES).float())


def test_the_standard_error_of_tails_alone():
    """Of reciprocal ranks 1, 1/2 and 1/4: their standard deviation over the root of three."""
    rank = torch.tensor([1, 2, 4])
    none = torch.zeros_like(rank)
    wanted = torch.tensor([1, 0.5, 0.25]).std() / 3**0.5
    assert standard_error(Ranks(none, none, none, none, rank, rank, rank)) == pytest.approx(float(wanted))
    run = trained(labelled_graph(planted()), evaluation=Evaluation(valid_sample=10))
    assert isinstance(run.testbed, Testbed)


@pytest.mark.skipif(not MIRROR, reason="GNNNEG_MIRROR is not set")
def test_a_config_trains_on_cora(tmp_path, monkeypatch):
    """Three epochs: the figure is that of PyG's data, whose features sum to 1."""
    monkeypatch.setenv("HOME", str(tmp_path))
    data = Planetoid("Planetoid-Cora")[0]
    data.x = data.x / data.x.sum(1, keepdim=True)
    run = train_config(CONFIG, ["--fit.epochs", "3", "--device", "cpu"], tmp_path / "run", progress=False)
    assert torch.equal(load("Planetoid-Cora")["entity"].x[7:], data.x)
    wanted = accuracy(run.model, data, labelled(data.y, data.test_mask), 7)
    assert run.result["metrics"]["test"]["hits@1"] == wanted > 0.25


def test_a_node_is_asked_for_its_class(tmp_path):
    """The scores are those that accuracy compares; nothing else can be asked, and this is one sentence."""
    run = trained(labelled_graph(planted()), tmp_path / "run")
    answers = run.predict("node 40", "has class")
    graph = message_graph(run.data)
    with torch.no_grad():
        score = (run.model.encode(graph)[torch.tensor([CLASSES + 40])] @ run.model.weight.T)[0]
    assert answers["tail"].tolist() == [f"class {number}" for number in score.argsort(descending=True).tolist()]
    assert answers["score"].tolist() == pytest.approx(score.sort(descending=True).values.tolist())
    assert run.predict("node 40", "has class", among=["class 2"])["tail"].tolist() == ["class 2"]
    whole, _ = run.explain("node 40", "has class", "class 1")
    assert whole["score"][0] == pytest.approx(float(score[1]))
    assert whole["tail_rank"][0] == 1 + int((score > score[1]).sum())
    assert "head_rank" not in whole
    many = run.predict_many(pd.DataFrame({"head": ["node 40", "node 3"], "relation": ["has class"] * 2}), k=3)
    assert many["tail"].tolist()[:3] == answers["tail"].tolist()
    for wrong in (
        lambda: run.predict(relation="has class", tail="class 1"),
        lambda: run.predict("node 40", tail="class 1"),
        lambda: run.predict_many(pd.DataFrame({"relation": ["has class"], "tail": ["class 1"]})),
        lambda: run.predict_many(pd.DataFrame({"head": ["node 1"], "relation": ["has class"]}), among=["node 2"]),
        lambda: run.predict("node 40", "has class", "node 3"),
    ):
        with pytest.raises(UserError, match=r"^(In a graph of labelled nodes|None of the entities)"):
            wrong()
    assert whole["probability"].isna().all()
    with pytest.raises(UserError, match="Classes of nodes have no probabilities"):
        run.calibrate()
    pack(run, tmp_path / "model.zip")
    packed = Run.load(tmp_path / "model.zip").predict("node 40", "has class")
    assert packed["tail"].tolist() == answers["tail"].tolist()
    assert packed["score"].tolist() == pytest.approx(answers["score"].tolist(), abs=1e-5)
