"""Any of PyG's networks on the entities' own features, from Python and from a config, in every verb."""

from pathlib import Path

import pytest
import torch
import yaml
from torch.optim import Adam
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import HeteroData
from torch_geometric.nn import GAT, GCN, GIN, EdgeCNN, GATConv, GCNConv, GraphSAGE, RGCNConv, SAGEConv

import gnnneg
from gnnneg import Both, DistMult, Fit, InfoNCE, KGEModel, LinkPrediction, Lookup, Run, Uniform
from gnnneg.cli import main
from gnnneg.config import describe, resolve
from gnnneg.config.recover import recovered
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.statements import message_graph, triplets
from gnnneg.datasets import SyntheticWorld
from gnnneg.encoders import GNN, SampledNeighbors
from gnnneg.errors import UserError
from gnnneg.experiment import resume, train_config
from gnnneg.interfaces import Encoder

TREATS, NOT = ("drug", "treats", "disease"), ("drug", "not_treats", "disease")


def featured() -> HeteroData:
    """Drugs with two features, diseases with three; a drug treats a disease if they share their first one's sign."""
    data = HeteroData()
    data["drug"].x, data["disease"].x = torch.randn(20, 2), torch.randn(15, 3)
    same = data["drug"].x[:, :1].sign() == data["disease"].x[:, 0].sign()
    data[TREATS].edge_index = same.nonzero().T[:, :120]
    data[NOT].edge_index = (~same).nonzero().T[:, :30]
    return gnnneg.from_hetero(data, denied="not_")


def task(data: HeteroData, module: torch.nn.Module, width: int = 8) -> LinkPrediction:
    n, r = data["entity"].num_nodes, len(data.relation_names)
    model = KGEModel(GNN(module, width), DistMult(r, width))
    return LinkPrediction(model, Both(r), Uniform(n, 4), InfoNCE(), graph=message_graph(data))


def trained(data: HeteroData, module: torch.nn.Module, out: Path | None = None, epochs: int = 2) -> Run:
    made = task(data, module)
    fit = Fit(epochs=epochs, batch_size=32, evaluate_every=1)
    return gnnneg.train(made, data, Adam(made.trained(), lr=0.01), fit, progress=False, out=out)


def test_python_trains_keeps_and_reads_again(tmp_path: Path) -> None:
    data = featured()
    run = trained(data, GCN(5, 8, num_layers=2), tmp_path / "run")
    again = Run.load(tmp_path / "run", device="cpu")
    assert torch.equal(again.data["entity"].x, data["entity"].x)
    assert again.evaluate()["mrr"] == run.metrics["test"]["mrr"]
    answers = again.predict(head="drug_0", relation="treats", k=3)
    assert answers.equals(run.predict(head="drug_0", relation="treats", k=3))
    assert len(again.negatives(statements=8)["examples"]) > 0
    assert gnnneg.by_type(again.data)["disease"].x.shape == (15, 3)


def test_a_config_trains_goes_on_and_is_asked_in_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The config of a run on one's own graph, with another network, is a config like any other."""
    first = tmp_path / "first"
    trained(featured(), GCN(5, 8, num_layers=2), first, epochs=1)
    tree = yaml.safe_load((first / "config.yaml").read_text())
    module = {
        "class_path": "torch_geometric.nn.GAT",
        "init_args": {"in_channels": 5, "hidden_channels": 8, "num_layers": 2, "heads": 2, "act": "elu"},
    }
    tree["task"]["init_args"]["model"]["init_args"]["encoder"]["init_args"]["module"] = module
    (first / "other.yaml").write_text(yaml.safe_dump(tree))
    run = train_config(first / "other.yaml", ["--fit.epochs", "2"], tmp_path / "second", progress=False)
    again = Run.load(tmp_path / "second", device="cpu")
    assert again.model.encoder.module.convs[0].heads == 2
    assert again.evaluate()["mrr"] == run.metrics["test"]["mrr"]
    second = str(tmp_path / "second")
    for verb in (
        ["evaluate", second],
        ["negatives", second],
        ["predict", second, "--head", "drug_0", "--relation", "treats"],
        ["resume", second],
    ):
        assert main(verb) == 0, verb
    capsys.readouterr()


def test_a_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = trained(featured(), GCN(5, 8, num_layers=2), tmp_path / "whole", epochs=3)
    torch.manual_seed(0)
    trained(featured(), GCN(5, 8, num_layers=2), tmp_path / "part", epochs=2)
    config = (tmp_path / "part" / "config.yaml").read_text()
    (tmp_path / "part" / "config.yaml").write_text(config.replace("epochs: 2", "epochs: 3"))
    gone_on = resume(tmp_path / "part", progress=False)
    assert gone_on.metrics["test"]["mrr"] == whole.metrics["test"]["mrr"]


@pytest.mark.parametrize(
    "module",
    [
        lambda: GraphSAGE(5, 8, num_layers=2, norm="batch_norm"),
        lambda: GIN(5, 8, num_layers=1),
        lambda: GCNConv(5, 8),
        lambda: RGCNConv(5, 8, num_relations=2),
    ],
)
def test_other_networks_train(module) -> None:
    assert 0 < trained(featured(), module(), epochs=1).metrics["test"]["mrr"] <= 1


def test_neighbourhoods_bring_their_features() -> None:
    graph = message_graph(featured())
    encoder = SampledNeighbors(GNN(GCNConv(5, 8, normalize=False), 8), [-1]).train()
    asked = torch.tensor([3, 1, 30])
    assert torch.allclose(encoder(graph)[asked], encoder.eval()(graph)[asked], atol=1e-6)


NETWORKS = [
    lambda: GCN(5, 8, num_layers=2),
    lambda: GCN(5, 8, 3, out_channels=4, dropout=0.5, act="leaky_relu", act_kwargs={"negative_slope": 0.3}, jk="cat"),
    lambda: GCN(5, 8, 2, norm="layer_norm", improved=True),
    lambda: GAT(5, 8, 2, heads=4, dropout=0.25),
    lambda: GIN(5, 8, 2, train_eps=True),
    lambda: GraphSAGE(5, 8, 2, aggr="max"),
    lambda: SAGEConv(5, 8, bias=False),
    lambda: EdgeCNN(5, 8, 2),
    lambda: GCNConv(5, 8, bias=False, add_self_loops=False),
    lambda: GATConv(5, 8, heads=3, concat=False),
    lambda: SAGEConv(5, 8, aggr="max"),
    lambda: RGCNConv(5, 8, num_relations=4, num_bases=2),
    lambda: torch.nn.Linear(5, 8),
]


@pytest.mark.parametrize("make", NETWORKS)
def test_what_a_network_was_made_with_is_found(make) -> None:
    """There and back through a config: the same parts of the same shapes, with the same settings."""
    module, state = make(), torch.get_rng_state()
    facts = Facts(featured())
    torch.set_rng_state(state)
    said = describe(GNN(module, 8), facts, "encoder")
    assert torch.equal(torch.get_rng_state(), state)
    again = resolve(Encoder, yaml.safe_load(yaml.safe_dump(said)), "encoder", FACTS).build(facts).module
    assert repr(again) == repr(module)
    again.load_state_dict(module.state_dict())
    layers = zip(module.modules(), again.modules(), strict=True)
    for one, other in layers:
        assert type(one) is type(other)
        for key in ("heads", "concat", "dropout", "eps", "aggr", "normalize", "improved", "negative_slope"):
            if not isinstance(getattr(one, key, None), torch.nn.Module):
                assert str(getattr(one, key, None)) == str(getattr(other, key, None)), key


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.Sequential(torch.nn.Linear(5, 8)),
        lambda: GCN(5, 8, 2, act=torch.tanh),
        lambda: SAGEConv(5, 8, bias=False, root_weight=False, aggr=["max", "mean"], aggr_kwargs={"mode": "sum"}),
        lambda: GAT(5, 8, 2, v2=True),
    ],
)
def test_what_cannot_be_found_is_never_guessed(make) -> None:
    module = make()
    assert recovered(module) is None
    with pytest.raises(UserError, match=r"module.made_with = "):
        describe(GNN(module, 8), Facts(featured()), "encoder")


def test_what_was_written_down_is_taken() -> None:
    module = GAT(5, 8, 2, v2=True, heads=2)
    module.made_with = ((5, 8), {"num_layers": 2, "v2": True, "heads": 2})
    facts = Facts(featured())
    said = describe(GNN(module, 8), facts, "encoder")
    again = resolve(Encoder, said, "encoder", FACTS).build(facts).module
    assert [type(part) for part in again.modules()] == [type(part) for part in module.modules()]
    module.made_with = ((5,), {"layers": 2})
    with pytest.raises(UserError, match="cannot have been made with"):
        describe(GNN(module, 8), facts, "encoder")
    module = torch.nn.Sequential(torch.nn.Linear(5, 8))
    module.made_with = ((torch.nn.Linear(5, 8),), {})
    with pytest.raises(UserError, match="no names, which a config cannot say"):
        describe(GNN(module, 8), facts, "encoder")


def test_a_config_may_say_what_a_network_hands_on_and_no_misspelt_name() -> None:
    module = {"class_path": "torch_geometric.nn.GAT", "init_args": {"in_channels": 5, "hidden_channels": 8}}
    encoder = {"class_path": "GNN", "init_args": {"hidden_channels": 8, "module": module}}
    module["init_args"] |= {"num_layers": 2, "heads": 4, "v2": True}
    facts = Facts(featured())
    made = resolve(Encoder, encoder, "encoder", FACTS).build(facts)
    assert made.module.convs[0].heads == 4
    assert describe(made, facts, "encoder") == {
        "class_path": "GNN",
        "init_args": {
            "hidden_channels": 8,
            "module": {**module, "class_path": "torch_geometric.nn.models.basic_gnn.GAT"},
        },
    }
    module["init_args"]["dropuot"] = 0.5
    with pytest.raises(UserError, match=r"has no 'dropuot'. Did you mean 'dropout'"):
        resolve(Encoder, encoder, "encoder", FACTS)
    del module["init_args"]["dropuot"]
    module["init_args"]["hats"] = 2
    with pytest.raises(UserError, match="hats"):
        resolve(Encoder, encoder, "encoder", FACTS).build(facts)


def test_the_relations_of_pyg_s_networks_are_what_the_config_says() -> None:
    """Messages go both ways, so that there are twice as many edge types as the data have relations."""
    module = {"class_path": "torch_geometric.nn.RGCNConv", "init_args": {"in_channels": 5, "out_channels": 8}}
    encoder = {"class_path": "GNN", "init_args": {"hidden_channels": 8, "module": module}}
    with pytest.raises(UserError, match="needs 'num_relations'"):
        resolve(Encoder, encoder, "encoder", FACTS)
    module["init_args"]["num_relations"] = 2
    data = featured()
    made = resolve(Encoder, encoder, "encoder", FACTS).build(Facts(data))
    graph = message_graph(data)
    expected = made.module(graph.x, graph.edge_index, graph.edge_type)
    assert torch.equal(made(graph).table, expected)
    assert not torch.equal(expected, made.module(graph.x, graph.edge_index, graph.edge_type.flip(0)))


def test_a_scheduler_of_pyg_s_is_filled_in_all_the_same() -> None:
    warm = {"class_path": "torch_geometric.nn.lr_scheduler.ConstantWithWarmupLR", "init_args": {"num_warmup_steps": 2}}
    made = resolve(LRScheduler, warm, "scheduler", {"optimizer": None})
    optimizer = Adam([torch.nn.Parameter(torch.zeros(1))])
    assert made.build({"optimizer": optimizer}).optimizer is optimizer


def test_what_is_missing_is_said() -> None:
    data = featured()
    graph = message_graph(data)
    with pytest.raises(UserError, match=r"GCN. has in_channels=7, but entities have 5 features"):
        GNN(GCN(7, 8, 2), 8)(graph)
    with pytest.raises(UserError, match=r"GCN gives shape \(35, 8\), where 35 vectors .* hidden_channels=4"):
        GNN(GCN(5, 8, 2), 4)(graph)
    with pytest.raises(UserError, match=r"RGCNConv fails on 5 features and .* edges of 2 types"):
        GNN(RGCNConv(5, 8, num_relations=1), 8)(graph)
    with pytest.raises(UserError, match="Linear fails on 5 features"):
        GNN(torch.nn.Linear(5, 8), 8)(graph)
    del graph.x
    for nothing in (graph, None):
        with pytest.raises(UserError, match=r"needs node features, x, and edge_index: set data\['entity'\].x"):
            GNN(GCN(5, 8, 2), 8)(nothing)


def test_features_that_the_task_alone_has_are_refused_before_training() -> None:
    data = featured()
    made, x = task(data, GCN(5, 8, 2)), data["entity"].x
    del data["entity"].x
    with pytest.raises(UserError, match=r"The task's graph has features x, but the data have none"):
        gnnneg.train(made, data, Adam(made.trained()), Fit(epochs=1), progress=False)
    data["entity"].x = x
    gnnneg.train(made, data, Adam(made.trained()), Fit(epochs=1), progress=False)


def test_a_world_and_a_graph_that_denies_nothing_are_trained_on(tmp_path: Path) -> None:
    for data in (SyntheticWorld(60), SyntheticWorld(60)[0]):
        graph = data if isinstance(data, HeteroData) else data[0]
        if isinstance(data, HeteroData):
            del data["entity", "denied", "entity"]
        n, r = graph["entity"].num_nodes, len(graph.relation_names)
        made = LinkPrediction(KGEModel(Lookup(n, 8), DistMult(r, 8)), Both(r), Uniform(n, 4), InfoNCE())
        out = tmp_path / str(isinstance(data, HeteroData))
        run = gnnneg.train(made, data, Adam(made.trained(), lr=0.1), Fit(epochs=1), progress=False, out=out)
        assert Run.load(out, device="cpu").evaluate()["mrr"] == run.metrics["test"]["mrr"]
        assert bool(len(triplets(run.data, "denied").rel_type)) != isinstance(data, HeteroData)
