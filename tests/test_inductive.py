"""Trained on one graph, tested on another with entities of its own."""

import json
import math
import os
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from paths import Paths
from torch.optim import SGD, Adam
from torch_geometric.data import HeteroData

import gnnneg
from gnnneg import RGCN, Both, DistMult, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup, Uniform, UserError
from gnnneg.cli import main
from gnnneg.data.statements import assemble, message_graph, triplets
from gnnneg.datasets import GraIL, graphs, load
from gnnneg.evaluation import Ranking, Testbed, expected_sampled_hits
from gnnneg.experiment import Evaluation, Run, resume, train_config
from gnnneg.experiment.inductive import refuse_entities
from gnnneg.models import Difference, NBFNet
from gnnneg.records import Query, Triplets

MIRROR = Path(os.environ.get("GNNNEG_MIRROR") or Path(__file__).parents[2] / "shared" / "datasets")
TRAIN = {"train": "x r y\ny r z\nz s x\n", "valid": "x r z\n", "test": "y s x\n"}
TEST = {"train": "a r b\nb r c\nc r d\n", "valid": "a r d\n", "test": "a r c\n"}
# a path counter ties whatever it reaches in as many ways, or not at all, and has nothing to learn
pytestmark = [pytest.mark.filterwarnings("ignore:Ties decide"), pytest.mark.filterwarnings("ignore:.*lr is 0")]
STAY = {"optimizer": {"class_path": "SGD", "init_args": {"lr": 0.0}}, "fit": {"epochs": 1, "batch_size": 8}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two made-up graphs behind a card."""
    files = {}
    for place, parts in (("one", TRAIN), ("two", TEST)):
        for split, lines in parts.items():
            path = tmp_path / "toy" / place / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(lines.replace(" ", "\t"))
            files[f"{place}/{split}.txt"] = None
    card = {"name": "toy", "files": files}
    card |= {key: {s: f"{at}/{s}.txt" for s in TRAIN} for key, at in (("stated", "one"), ("test_graph", "two"))}
    (tmp_path / "toy" / "dataset.yaml").write_text(yaml.safe_dump(card))
    return tmp_path / "toy"


@pytest.fixture
def config(folder: Path) -> Path:
    task = {
        "model": {"class_path": "paths.Paths"},
        "corruption": "Both",
        "sampler": {"class_path": "Uniform", "init_args": {"num_negatives": 2}},
        "loss": "InfoNCE",
    }
    tree = {"data": {"name": str(folder)}, "task": {"class_path": "LinkPrediction", "init_args": task}, **STAY}
    path = folder.parent / "paths.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def linked(model, data: HeteroData) -> LinkPrediction:
    n, r = data["entity"].num_nodes, len(data.relation_names)
    return LinkPrediction(model, Both(r), Uniform(n, min(n, 16)), InfoNCE(), graph=message_graph(data))


def test_two_graphs_share_relations_and_nothing_else(folder):
    training, test = graphs(folder)
    assert training["entity"].names == ["x", "y", "z"]
    assert test["entity"].names == ["a", "b", "c", "d"]
    assert training.relation_names == test.relation_names == ["r", "s"]  # s is in no statement of the second
    assert triplets(test, "stated", "test") == Triplets(*(torch.tensor([i]) for i in (0, 0, 2)))
    assert message_graph(test).edge_index.tolist() == [[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]]
    assert load(folder)["entity"].names == training["entity"].names


def test_a_relation_that_only_the_second_has_is_refused(folder):
    (folder / "two" / "valid.txt").write_text("a\tr\td\na\tnew\td\n")
    with pytest.raises(
        UserError, match=r"two/valid.txt: the graph to train on has no relation 'new', .* such as 'a' 'new' 'd'"
    ):
        graphs(folder)


def test_figures_are_those_worked_out_by_hand(config, tmp_path, capsys):
    """Every path counts one, whatever it is made of. From a, b and c and a itself are reached in one way; b and d are
    known to follow a, which leaves a alone to tie with c. From c, a and d are reached in one way and c in two; b is
    known to come before c, which leaves c above and d tied.
    """
    assert main(["train", str(config), "--out", str(tmp_path / "run"), "--quiet", "--evaluation.sampled", "50"]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["test_graph"] == {"entities": 4, "relations": 2, "train": 3, "valid": 1, "test": 1}
    test = result["metrics"]["test"]
    kept = pd.read_parquet(tmp_path / "run" / "ranks.parquet").set_index("side")
    assert kept[["anchor_name", "target_name"]].to_numpy().tolist() == [["a", "c"], ["c", "a"]]
    assert kept.loc["tail", ["optimistic", "pessimistic", "candidates"]].tolist() == [1, 2, 2]
    assert kept.loc["head", ["optimistic", "pessimistic", "candidates"]].tolist() == [2, 3, 3]
    assert test["mrr"] == pytest.approx((1 / 1.5 + 1 / 2.5) / 2)
    # at most 9 of 50 drawn may win: they do with 1/2 against c, whose rank is 1.5 of 2, with 3/4 against a, 2.5 of 3
    ways = [sum(math.comb(50, i) * p**i * (1 - p) ** (50 - i) for i in range(10)) for p in (0.5, 0.75)]
    assert test["hits@10_50"] == pytest.approx(sum(ways) / 2)
    assert "hits@10_50" in result["metrics"]["valid"]
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run"), "--sampled", "3", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again.pop("hits@10_3") == 1  # three can never push it out of ten
    assert again["mrr"] == test["mrr"]
    assert main(["evaluate", str(tmp_path / "run"), "--sampled", "3"]) == 0
    assert "they do not compare" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "run"), "RelationRanking", "--sampled", "3"]) == 2
    assert main(["evaluate", str(tmp_path / "run"), "--sampled", "0"]) == 2


def test_the_filter_of_the_published_figures(folder):
    """They leave nothing out but what messages pass over: d is a rival again, and the only one below."""
    with pytest.warns(UserWarning, match="of train splits only"):
        bed = Testbed(*graphs(folder), filter=("train",))
    found = Ranking().ranks(Paths(2), bed)
    assert [found.optimistic.tolist(), found.pessimistic.tolist(), found.candidates.tolist()] == [
        [1, 2],
        [2, 3],
        [3, 3],
    ]


def test_a_relabelled_graph_gives_the_figures_of_the_graph_itself(tmp_path):
    """Nothing but relations is learnt: tested under other names in another order, every figure is the same."""
    data = gnnneg.world(60).data
    order = torch.randperm(60)
    names = [f"other {data['entity'].names[i]}" for i in order.argsort().tolist()]
    store = data["entity", "stated", "entity"]
    moved = Triplets(order[store.edge_index[0]], store.edge_type, order[store.edge_index[1]])
    other = assemble(moved, store.split, names, data.relation_names)
    runs = []
    for test_graph in (None, other):
        torch.manual_seed(0)
        task = linked(Paths(12, 0.2), data)
        means = {"test_graph": test_graph, "progress": False, "out": tmp_path / str(len(runs))}
        runs.append(gnnneg.train(task, data, Adam(task.trained(), lr=0.05), Fit(epochs=2, batch_size=64), **means))
    one, two = (run.metrics["test"] for run in runs)
    assert two["mrr"] == pytest.approx(one["mrr"], abs=1e-3)  # sums over edges in another order
    assert two["mr"] == pytest.approx(one["mr"], rel=1e-2)
    assert runs[0].metrics["valid"] == runs[1].metrics["valid"]
    again = Run.load(tmp_path / "1")
    assert again.test_graph["entity"].names == names
    assert torch.equal(again.test_graph["entity", "stated", "entity"].edge_index, torch.stack(moved[::2]))
    assert again.evaluate() == {k: v for k, v in two.items() if k != "classification"}
    assert again.evaluate("valid") == runs[1].metrics["valid"]


def test_nbfnet_sees_no_names():
    """As it starts, without a single step: a model that is not refused gives the same ranks under other names."""
    data, order = gnnneg.world(60).data, torch.randperm(60)
    store, names = data["entity", "stated", "entity"], [str(i) for i in range(60)]
    moved = Triplets(order[store.edge_index[0]], store.edge_type, order[store.edge_index[1]])
    other = assemble(moved, store.split, names, data.relation_names)
    model = NBFNet(12, 8, 3)
    refuse_entities(model)
    found, same = (Ranking().ranks(model, bed) for bed in (Testbed(data, other), Testbed(data)))
    assert torch.equal(found.target, order[same.target])
    assert torch.equal(found.candidates, same.candidates)
    assert (found.realistic - same.realistic).abs().mean() < 0.5  # near ties may turn
    assert found.realistic.std() > 5


def test_what_is_learnt_on_one_world_holds_in_another():
    data, other = gnnneg.world(80).data, gnnneg.world(50, seed=1).data
    assert data.relation_names == other.relation_names
    task = linked(Paths(12, 0.2), data)
    optimizer, fit = Adam(task.trained(), lr=0.05), Fit(epochs=15, batch_size=64)
    run = gnnneg.train(task, data, optimizer, fit, test_graph=other, progress=False)
    before = Ranking()(Paths(12, 0.2), Testbed(data, other)).figures["mrr"]
    assert run.metrics["test"]["mrr"] > before + 0.3
    assert run.metrics["test"]["classification"]["auroc"] > 0.9  # thresholds from one world, statements of another
    # a question goes to the graph that has its entity, and that which is tested on comes first
    assert run.predict(head="person_0", relation="lives_in", k=99).shape[0] == 50
    only = next(name for name in data["entity"].names if name not in other["entity"].names)
    assert run.predict(head=only, relation="lives_in", k=99).shape[0] == 80
    assert run.tables()["side"]["mrr"].mean() == pytest.approx(run.metrics["test"]["mrr"])
    assert run.known_negatives()[0]["verified"]["mrr"] > 0.3
    assert run.calibrate()["test"]["stated"] == triplets(other, "stated", "test").rel_type.numel()
    assert run.negatives("valid")["false_negative_rate"] >= 0
    with pytest.raises(UserError, match="from the training entities"):
        run.negatives("test")


def test_a_run_is_gone_on_with(config, tmp_path):
    train_config(config, ["--optimizer.lr", "0.1", "--fit.epochs", "4"], tmp_path / "whole", progress=False)
    train_config(config, ["--optimizer.lr", "0.1", "--fit.epochs", "4"], tmp_path / "cut", progress=False)
    result = json.loads((tmp_path / "cut" / "result.json").read_text())
    (tmp_path / "cut" / "result.json").unlink()
    for path in sorted((tmp_path / "cut" / "checkpoints").glob("*.pt"))[1:]:
        path.unlink()
    found = resume(tmp_path / "cut", progress=False).result
    assert found["metrics"] == result["metrics"]
    assert found["test_graph"] == result["test_graph"]


def test_models_that_know_entities_are_refused(folder, config, tmp_path):
    data, other = graphs(folder)
    n, r = 3, 2

    def train(model):
        task = linked(model, data)
        gnnneg.train(task, data, SGD(task.trained(), lr=0.1), test_graph=other, out=tmp_path / "run", progress=False)

    paths = [Paths(r), Paths(r)]
    for model, name in (
        (KGEModel(Lookup(n, 4), DistMult(r, 4)), "Lookup"),
        (KGEModel(RGCN(n, r, 4), DistMult(r, 4)), "RGCN"),
        (Difference(*paths, graph=message_graph(data)), "Difference"),
    ):
        with pytest.raises(UserError, match=f"^{name} knows the entities of the graph to train on.* such as NBFNet"):
            train(model)
        assert not (tmp_path / "run").exists()
    refuse_entities(Difference(*paths))
    table = {"encoder": {"class_path": "Lookup", "init_args": {"hidden_channels": 4}}, "decoder": "DistMult"}
    tree = yaml.safe_load(config.read_text())
    tree["task"]["init_args"]["model"] = {"class_path": "KGEModel", "init_args": table}
    config.write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError, match=r"^Lookup knows the entities"):
        train_config(config, [], tmp_path / "run", progress=False)


def test_what_cannot_be_asked_of_two_graphs(folder, config):
    data, other = graphs(folder)
    other.relation_names = ["s", "r"]
    with pytest.raises(UserError, match="must have the relation_names"):
        Testbed(data, other)
    with pytest.raises(UserError, match="give its name and nothing else"):
        train_config(config, ["--data.inherit", "r"], folder.parent / "run", progress=False)
    with pytest.raises(UserError, match=r"evaluation.sampled is 0"):
        train_config(config, ["--evaluation.sampled", "0"], folder.parent / "run", progress=False)


def test_the_command_line_knows_both_graphs(folder, capsys):
    assert main(["data", "info", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counts"]["entities"], found["test_graph"]["counts"]["entities"]) == (3, 4)
    assert main(["data", "info", str(folder)]) == 0
    assert "The graph that is tested on" in capsys.readouterr().out
    (folder / "two" / "test.txt").write_text("a\tr\tb\n")
    assert main(["data", "check", str(folder)]) == 0
    assert "stated in test: a r b   in two splits, train" in capsys.readouterr().out
    assert main(["data", "list"]) == 0
    assert "tested on" in capsys.readouterr().out


@pytest.mark.skipif(
    not (MIRROR / "GraIL-inductive").is_dir(), reason=f"no mirror of the data sets at {MIRROR}: set GNNNEG_MIRROR"
)
@pytest.mark.filterwarnings("ignore:Rankings are filtered")
def test_a_real_split_in_the_published_protocol(tmp_path, monkeypatch):
    """One epoch on NELL-995 v1; then the released protocol of NBFNet, in plain loops over the files' own lines."""
    monkeypatch.setenv("GNNNEG_MIRROR", str(MIRROR))
    dataset = GraIL("NELL-995", "v1", tmp_path)
    task = linked(Paths(14, 0.1), dataset[0])
    optimizer, fit = Adam(task.trained(), lr=0.01), Fit(epochs=1, batch_size=256)
    means = {"evaluation": Evaluation(("train",), sampled=49), "out": tmp_path / "run", "progress": False}
    gnnneg.train(task, dataset, optimizer, fit, **means)
    run = Run.load(tmp_path / "run")
    found = run.ranks()
    assert not (tmp_path / "run" / "test_graph").exists(), "what has a card is not copied"
    assert run.result["dataset"] == "GraIL-NELL-995-v1"
    assert run.result["test_graph"] == {"entities": 225, "relations": 14, "train": 833, "valid": 101, "test": 100}

    def lines(split: str) -> list[list[str]]:
        path = MIRROR / "GraIL-inductive" / "nell_v1_ind" / f"{split}.txt"
        return [line.split("\t") for line in path.read_text().splitlines()]

    entity, relation = run.test_graph["entity"].names, run.test_graph.relation_names
    place = {name: i for i, name in enumerate(entity)}
    facts, graph = {tuple(line) for line in lines("train")}, message_graph(run.test_graph)
    rank, rivals = [], []
    for head in (False, True):
        for h, r, t in lines("test"):
            kind = relation.index(r) + 14 * head
            query = Query(torch.tensor([place[t if head else h]]), torch.tensor([kind]))
            with torch.no_grad():
                score = run.model.scorer(run.model.encode(graph), query)(torch.arange(len(entity))[None])[0].tolist()
            target = h if head else t
            rest = [e for e in entity if e != target and ((e, r, t) if head else (h, r, e)) not in facts]
            rank.append(1 + sum(score[place[e]] >= score[place[target]] for e in rest))
            rivals.append(len(rest))
    assert found.pessimistic.tolist() == rank
    assert (found.candidates - 1).tolist() == rivals
    p = torch.tensor(rank).sub(1) / torch.tensor(rivals).double()
    theirs = sum(math.comb(49, i) * p**i * (1 - p) ** (49 - i) for i in range(10)).mean()
    ours = expected_sampled_hits(found.pessimistic.double(), found.candidates, 10, 49)
    assert ours == pytest.approx(float(theirs), abs=1e-9)
    assert run.metrics["test"]["hits@10_49"] > ours  # ties half way
    assert ours > sum(r <= 10 for r in rank) / 200
