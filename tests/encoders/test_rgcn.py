"""Relational graph convolutions against PyG's, against dense matrices, and what they may see."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from torch_geometric.data import Data
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import FastRGCNConv, RGCNConv, Sequential

from gnnneg import Run
from gnnneg.cli import main
from gnnneg.corruption import Both
from gnnneg.data.statements import assemble, message_graph
from gnnneg.decoders import DistMult
from gnnneg.encoders import GNN, RGCN, Lookup
from gnnneg.encoders.messages import arrange
from gnnneg.encoders.rgcn import RGCNLayer
from gnnneg.errors import UserError
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Denied, Padded, Uniform
from gnnneg.tasks import LinkPrediction, hide

N, R, D = 23, 4, 6
forms = pytest.mark.parametrize("form", [{}, {"num_bases": 3}, {"num_blocks": 2}], ids=["full", "bases", "blocks"])


def edges(size: int = 150, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Twice over some pairs; the last three nodes are isolated, and no edge has the last but one type."""
    draw = torch.Generator().manual_seed(seed)
    edge_type = torch.randint(2 * R - 1, (size,), generator=draw)
    edge_type[edge_type == 2 * R - 2] = 2 * R - 1
    return torch.randint(N - 3, (2, size), generator=draw), edge_type


def gradients(out: torch.Tensor, x: torch.Tensor | None, layer: torch.nn.Module) -> dict[str, torch.Tensor]:
    named = dict(layer.named_parameters()) | ({} if x is None else {"x": x})
    outward = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return dict(zip(named, torch.autograd.grad(out, list(named.values()), outward)))


@forms
@pytest.mark.parametrize("peer", [RGCNConv, FastRGCNConv])
def test_layer_is_pyg_s(form, peer):
    """The same state read by both gives the same numbers and the same gradients."""
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    theirs, ours = peer(D, 4, 2 * R, **form), RGCNLayer(D, 4, 2 * R, **form)
    theirs.bias.data.normal_()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(N, D, requires_grad=True)
    found, wanted = ours(x, edge_index, edge_type), theirs(x, edge_index, edge_type)
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert_close(gradients(found, x, ours), gradients(wanted, x, theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", [{}, {"num_bases": 3}], ids=["full", "bases"])
def test_one_hot_layer_is_pyg_s(form):
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    theirs, ours = RGCNConv(N, 4, 2 * R, **form), RGCNLayer(N, 4, 2 * R, **form)
    ours.load_state_dict(theirs.state_dict())
    found, wanted = ours(None, edge_index, edge_type), theirs(None, edge_index, edge_type)
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert_close(gradients(found, None, ours), gradients(wanted, None, theirs), rtol=1e-5, atol=1e-5)
    assert_close(ours(torch.eye(N), edge_index, edge_type), found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", [{}, {"num_bases": 3}], ids=["full", "bases"])
def test_rows_of_the_unit_matrix_are_pyg_s(form):
    """Nodes of a part of the graph, by number."""
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    theirs, ours = RGCNConv(2 * N, 4, 2 * R, **form), RGCNLayer(2 * N, 4, 2 * R, **form)
    ours.load_state_dict(theirs.state_dict())
    some = torch.randperm(2 * N)[:N]
    found, wanted = ours(some, edge_index, edge_type), theirs(some, edge_index, edge_type)
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert_close(gradients(found, None, ours), gradients(wanted, None, theirs), rtol=1e-5, atol=1e-5)
    with pytest.raises(UserError, match="no blocks"):
        RGCNLayer(N, 5, 2 * R, num_blocks=1)(some, edge_index, edge_type)


def test_in_place_of_pyg_s_in_a_model_of_pyg_s():
    """Trained side by side in PyG's Sequential, step by step the same losses; a step changes the graph too."""
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    models = []
    for conv in (RGCNConv, RGCNLayer):
        first, second = conv(D, 8, 2 * R, num_bases=3), conv(8, 3, 2 * R, num_blocks=1)
        given = "x, edge_index, edge_type"
        models.append(Sequential(given, [(first, f"{given} -> x"), torch.nn.ReLU(), (second, f"{given} -> x")]))
    models[1].load_state_dict(models[0].state_dict())
    x, y, loss = torch.randn(N, D), torch.randint(3, (N,)), [[], []]
    for model, found in zip(models, loss):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        types = edge_type.clone()
        for _ in range(4):
            error = torch.nn.functional.cross_entropy(model(x, edge_index, types), y)
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            found.append(error.item())
            types[:50] = types[:50].flip(0)  # in place
    assert loss[1] == pytest.approx(loss[0], rel=1e-4)
    assert loss[0][-1] < loss[0][0]


def test_what_pyg_explains():
    """Each edge by a mask of its own: PyG's mask on one relation's edges is that relation's matrix, scaled."""
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    layer, x = RGCNLayer(D, 4, 2 * R), torch.randn(N, D)
    plain, scaled = layer(x, edge_index, edge_type), copy.deepcopy(layer)
    mask = torch.ones(len(edge_type))
    mask[edge_type == 2] = 0.25
    set_masks(layer, mask, edge_index, apply_sigmoid=False)
    found = layer(x, edge_index, edge_type)
    scaled.weight.data[2] *= 0.25
    assert_close(found, scaled(x, edge_index, edge_type), rtol=1e-5, atol=1e-5)
    assert (found - plain).abs().max() > 1e-2
    sent = arrange(edge_index, edge_type, N, 2 * R)
    with pytest.raises(UserError, match="edge_index and edge_type can be explained"):
        layer.along(x, sent, sent.weights(True))
    clear_masks(layer)
    assert torch.equal(layer(x, edge_index, edge_type), plain)


@pytest.mark.parametrize("one_hot", [True, False])
def test_tied_root_is_one_more_relation(one_hot):
    """As in the released code: self-loops of a type of their own, whose matrix comes from the bases like all others."""
    torch.manual_seed(0)
    edge_index, edge_type = edges()
    width = N if one_hot else D
    ours = RGCNLayer(width, 4, 2 * R, num_bases=3, tied_root=True)
    theirs = RGCNConv(width, 4, 2 * R + 1, num_bases=3, root_weight=False)
    theirs.load_state_dict(ours.state_dict())
    x = None if one_hot else torch.randn(N, D, requires_grad=True)
    found = ours(x, edge_index, edge_type)
    loops = torch.cat([edge_index, torch.arange(N).expand(2, -1)], dim=1)
    wanted = theirs(x, loops, torch.cat([edge_type, torch.full((N,), 2 * R)]))
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert_close(gradients(found, x, ours), gradients(wanted, x, theirs), rtol=1e-5, atol=1e-5)


@forms
@pytest.mark.parametrize("per_relation", [True, False])
def test_layer_by_dense_matrices(form, per_relation):
    """Adjacency matrices, one a type, divided by their own row sums or by the row sums of all."""
    torch.manual_seed(0)
    (source, target), edge_type = edges()
    layer = RGCNLayer(D, 4, 2 * R, **form).double()
    count = torch.zeros(2 * R, N, N, dtype=torch.double)
    count.index_put_((edge_type, target, source), torch.ones(len(edge_type), dtype=torch.double), accumulate=True)
    total = count.sum(2, keepdim=True) if per_relation else count.sum((0, 2))[None, :, None]
    if "num_blocks" in form:
        matrix = torch.stack([torch.block_diag(*blocks) for blocks in layer.weight])
    else:
        matrix = layer.weight if layer.comp is None else torch.einsum("rb,bio->rio", layer.comp, layer.weight)
    x = torch.randn(N, D, dtype=torch.double)
    wanted = torch.einsum("rts,si,rio->to", count / total.clamp(min=1), x, matrix) + x @ layer.root + layer.bias
    sent = arrange(torch.stack([source, target]), edge_type, N, 2 * R)
    found = layer.along(x, sent, sent.weights(per_relation).double())
    assert_close(found, wanted, rtol=1e-6, atol=1e-6)  # weights of edges are made in float32


@forms
def test_gradients_by_differences(form):
    edge_index, edge_type = torch.tensor([[0, 1, 1, 2, 2], [1, 0, 0, 0, 2]]), torch.tensor([0, 0, 2, 0, 2])
    layer = RGCNLayer(4, 2, 3, **form).double()
    names, values = zip(*layer.named_parameters())

    def run(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values)), (x, edge_index, edge_type))

    x = torch.randn(4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x, *values))


@forms
def test_without_any_edge(form):
    none = torch.empty(2, 0, dtype=torch.long)
    layer, x = RGCNLayer(D, 4, 2 * R, **form), torch.randn(N, D)
    found = layer(x.requires_grad_(), none, none[0])
    assert_close(found, x @ layer.root)
    assert_close(gradients(found, x, layer)["weight"], torch.zeros_like(layer.weight))


def statements(seed: int = 0, size: int = 60) -> Triplets:
    draw = torch.Generator().manual_seed(seed)
    return Triplets(*(torch.randint(high, (size,), generator=draw) for high in (N, R, N)))


def world(stated: Triplets, denied: Triplets) -> Data:
    names = [str(i) for i in range(N)], [str(i) for i in range(R)]
    splits = [torch.zeros_like(one.rel_type) for one in (stated, denied)]
    return message_graph(assemble(stated, splits[0], *names, denied, splits[1]))


def some(triplets: Triplets, rows: object) -> Triplets:
    return Triplets(*(column[rows] for column in triplets))


@forms
@pytest.mark.parametrize("signed", [False, True])
def test_hidden_edges_are_as_if_they_had_never_been(form, signed):
    """Sorted once and weighed anew is sorted anew."""
    whole = world(statements(), statements(1))
    hidden = hide(whole, some(statements(), slice(9)), R)
    fresh = Data(
        num_nodes=N,
        **{name: hidden[name] for name in ("edge_index", "edge_type", "denied_edge_index", "denied_edge_type")},
    )
    assert fresh.num_edges < whole.num_edges
    for per_relation in (True, False):
        encoder = RGCN(N, R, D, per_relation=per_relation, signed=signed, **form)
        assert_close(encoder(hidden).table, encoder(fresh).table)
        assert (encoder(hidden).table - encoder(whole).table).abs().max() > 1e-3


def test_a_graph_with_new_edges_is_sorted_anew():
    graph, encoder = world(statements(), statements(1)), RGCN(N, R, D)
    before = encoder(graph).table
    keep = torch.arange(graph.num_edges) % 2 == 0
    graph.edge_index, graph.edge_type = graph.edge_index[:, keep], graph.edge_type[keep]
    assert_close(encoder(graph).table, encoder(graph.clone()).table)
    assert (encoder(graph).table - before).abs().max() > 1e-3
    graph.edge_type = (graph.edge_type + 1) % (2 * R)
    assert_close(encoder(graph).table, encoder(graph.clone()).table)


def test_two_layers_by_hand():
    """A vector for each node, ReLU between the layers and none after them."""
    graph, encoder = world(statements(), statements(1)), RGCN(N, R, D, num_bases=2, per_relation=True)
    first, second = (RGCNConv(D, D, 2 * R, num_bases=2) for _ in range(2))
    for theirs, ours in zip((first, second), encoder.layers):
        theirs.load_state_dict(ours.state_dict())
    x = first(encoder.weight, graph.edge_index, graph.edge_type).relu()
    assert_close(encoder(graph).table, second(x, graph.edge_index, graph.edge_type), rtol=1e-5, atol=1e-5)


def test_dropped_edges():
    """With all of them dropped a node hears itself alone; a third of them dropped is a third; none when judging."""
    graph, encoder = world(statements(), statements(1)), RGCN(N, R, D, num_layers=1, edge_dropout=1.0)
    assert_close(encoder(graph).table, encoder.weight @ encoder.layers[0].root)
    judged = encoder.eval()(graph).table
    assert (judged - encoder.weight @ encoder.layers[0].root).abs().max() > 1e-3
    encoder.edge_dropout = 1 / 3
    assert torch.equal(encoder(graph).table, judged)
    heard, count = encoder.train(), []
    heard.layers[0].root.data.zero_()
    heard.weight.data.fill_(1.0)
    heard.layers[0].weight.data.fill_(1 / D)  # a node that hears anyone has ones, the mean; the others zeros
    chain = Data(edge_index=torch.stack([torch.zeros(N, dtype=torch.long), torch.arange(N)]), num_nodes=N)
    chain.edge_type = torch.zeros(N, dtype=torch.long)
    for _ in range(300):
        count.append(heard(chain).table[:, 0].mean())
    assert torch.stack(count).mean().item() == pytest.approx(2 / 3, abs=0.03)


@forms
def test_stays_in_full_precision_under_autocast(form):
    graph, encoder = world(statements(), statements(1)), RGCN(N, R, D, **form)
    wanted = encoder(graph).table
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(graph).table
        inside = torch.autograd.grad(found.sum(), encoder.layers[1].weight)[0]
    assert torch.equal(found, wanted)
    assert inside.dtype == torch.float32
    assert_close(inside, torch.autograd.grad(wanted.sum(), encoder.layers[1].weight)[0], rtol=0.02, atol=0.02)


def test_denied_edges_reach_nobody_else():
    """Other denied statements, the same numbers bit for bit: vectors, losses and gradients."""
    one, other = world(statements(), statements(1)), world(statements(), statements(2, 90))
    for graph in (one, other):
        graph.x = torch.eye(N)
    features = GNN(Convolution(), D)
    for encoder in (Lookup(N, D), RGCN(N, R, D), RGCN(N, R, D, one_hot=True, num_bases=2), features):
        assert torch.equal(encoder(one).table, encoder(other).table)
        found = []
        for graph in (one, other):
            model = KGEModel(encoder, decoder())
            task = LinkPrediction(model, Both(R), Uniform(N, 5), InfoNCE(), graph=graph)
            loss = task(some(statements(), slice(9)), torch.Generator().manual_seed(0))
            found.append([loss, *torch.autograd.grad(loss, list(encoder.parameters()), allow_unused=True)])
        assert all(torch.equal(a, b) for a, b in zip(*found) if a is not None)


def decoder() -> DistMult:
    torch.manual_seed(0)
    return DistMult(R, D)


class Convolution(torch.nn.Module):
    """Any graph network that takes features and edges."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(N, D))

    def forward(self, x, edge_index):
        return torch.zeros(N, D).index_add(0, edge_index[1], (x @ self.weight)[edge_index[0]])


@forms
def test_signed_is_twice_as_many_relations(form):
    """Stated edges, their inverses, denied edges and their inverses: four times R types of PyG's layer."""
    graph = world(statements(), statements(1))
    encoder = RGCN(N, R, D, num_layers=1, per_relation=True, signed=True, **form)
    theirs = RGCNConv(D, D, 4 * R, **form)
    theirs.load_state_dict(encoder.layers[0].state_dict())
    stated, denied = statements(), statements(1)
    edge_index = torch.cat([torch.stack([one[a], one[2 - a]]) for one in (stated, denied) for a in (0, 2)], dim=1)
    edge_type = torch.cat([one.rel_type + shift * R for one, shift in zip((stated, stated, denied, denied), range(4))])
    assert_close(encoder(graph).table, theirs(encoder.weight, edge_index, edge_type), rtol=1e-5, atol=1e-5)
    without = world(stated, Triplets(*torch.empty(3, 0, dtype=torch.long)))
    assert (encoder(graph).table - encoder(without).table).abs().max() > 1e-3


def test_hide_takes_out_denied_answers_of_the_batch():
    """Statement by statement: a denied one goes if it answers a query of the batch from either side."""
    stated, denied = statements(), statements(1, 200)
    batch = Triplets(*(torch.cat([a, b]) for a, b in zip(some(stated, slice(5)), some(denied, slice(5)))))
    hidden = hide(world(stated, denied), batch, R)
    tails = set(zip(batch.head_index.tolist(), batch.rel_type.tolist()))
    heads = set(zip(batch.tail_index.tolist(), batch.rel_type.tolist()))
    left = [
        (h, r, t) for h, r, t in zip(*map(torch.Tensor.tolist, denied)) if (h, r) not in tails and (t, r) not in heads
    ]
    found = list(zip(*hidden.denied_edge_index.tolist(), hidden.denied_edge_type.tolist()))
    assert found == [(h, t, r) for h, r, t in left] + [(t, h, r + R) for h, r, t in left]
    assert 5 < 200 - len(left) < 195
    assert hidden.denied_kept.sum() == 2 * len(left)


@pytest.mark.parametrize("signed", [False, True])
def test_no_query_sees_its_answers(signed):
    """Through the task: whether the batch's statements, and denied ones that answer its queries, are in the graph or
    not is the same; any other edge is not."""
    torch.manual_seed(0)
    stated, denied = statements(), statements(1, 200)
    batch = some(stated, slice(4))
    model = KGEModel(RGCN(N, R, D, num_bases=2, signed=signed), DistMult(R, D))
    rows = torch.arange(60)
    answered = torch.zeros(200, dtype=torch.bool)
    for h, r, t in zip(*map(torch.Tensor.tolist, batch)):
        same = denied.rel_type == r
        answered |= same & ((denied.head_index == h) | (denied.tail_index == t))
    repeated = torch.zeros(60, dtype=torch.bool)
    for h, r, t in zip(*map(torch.Tensor.tolist, batch)):
        repeated |= (stated.head_index == h) & (stated.rel_type == r) & (stated.tail_index == t)
    assert answered.any()
    assert (~answered).any()

    def loss(stated: Triplets, denied: Triplets) -> torch.Tensor:
        task = LinkPrediction(model, Both(R), Uniform(N, 5), InfoNCE(), graph=world(stated, denied))
        return task(batch, torch.Generator().manual_seed(0))

    whole = loss(stated, denied)
    assert_close(loss(some(stated, ~repeated), some(denied, ~answered)), whole)
    other = loss(some(stated, rows != rows[~repeated][3]), denied)
    assert abs(other - whole) > 1e-6
    farther = loss(stated, some(denied, torch.arange(200) != (~answered).nonzero()[3, 0]))
    assert (abs(farther - whole) > 1e-6) == signed


def test_a_denied_negative_is_not_seen_by_its_query():
    """Denied statements as negatives, over a signed encoder that would otherwise read them off the graph."""
    from gnnneg.data.known import KnownAnswers

    stated, denied = statements(), statements(1, 200)
    sampler = Padded(Denied(KnownAnswers(denied, N, R), 5), Uniform(N, 5))
    model = KGEModel(RGCN(N, R, D, signed=True), DistMult(R, D))
    task = LinkPrediction(model, Both(R), sampler, InfoNCE(), graph=world(stated, denied))
    seen = []
    encode = model.encode
    model.encode = lambda graph: seen.append(graph) or encode(graph)
    batch = some(stated, slice(6))
    task(batch, torch.Generator().manual_seed(0)).backward()
    (visible,) = seen
    query = Query(torch.cat([batch.head_index, batch.tail_index]), torch.cat([batch.rel_type, batch.rel_type + R]))
    edges = set(zip(visible.denied_edge_index[0].tolist(), visible.denied_edge_type.tolist()))
    assert not edges & set(zip(query.anchor.tolist(), query.rel_type.tolist()))
    back = set(zip(visible.denied_edge_index[1].tolist(), ((visible.denied_edge_type + R) % (2 * R)).tolist()))
    assert not back & set(zip(query.anchor.tolist(), query.rel_type.tolist()))


def test_bad_input():
    for options in (
        {"num_bases": 2, "num_blocks": 2},
        {"num_blocks": 4},
        {"one_hot": True, "num_blocks": 2},
        {"tied_root": True},
    ):
        with pytest.raises(UserError, match=r"num_ba|divide"):
            RGCN(N, R, D, **options)
    graph = world(statements(), statements(1))
    with pytest.raises(UserError, match="needs a graph"):
        RGCN(N, R, D)(None)
    with pytest.raises(UserError, match="made for 24 nodes, but the graph has 23"):
        RGCN(N + 1, R, D)(graph)
    with pytest.raises(UserError, match="num_relations"):
        RGCN(N, R - 1, D)(graph)
    with pytest.raises(UserError, match="needs denied_edge_index"):
        RGCN(N, R, D, signed=True)(Data(edge_index=graph.edge_index, edge_type=graph.edge_type, num_nodes=N))


@pytest.mark.parametrize("signed", ["false", "true"])
def test_from_config_to_ranks(tmp_path, capsys, signed):
    """Through the command line: it learns, is read back as it was, and is judged on training statements alone."""
    config, out = Path(__file__).parents[2] / "configs" / "synthetic" / "rgcn.yaml", tmp_path / "run"
    settings = ["--task.model.encoder.signed", signed, "--fit.epochs", "15", "--quiet"]
    assert main(["train", str(config), "--out", str(out), *settings]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(out), "--json"]) == 0
    kept = json.loads((out / "result.json").read_text())["metrics"]["test"]
    fresh = json.loads(capsys.readouterr().out)
    assert fresh["mrr"] == pytest.approx(kept["mrr"])
    assert kept["mrr"] > 0.3  # chance among 200 entities is 0.03

    run = Run.load(out)
    assert run.model.encoder.reads_denied == (signed == "true")
    data = run.data.clone()
    for polarity in ("stated", "denied"):  # nothing but training statements is left
        store = data["entity", polarity, "entity"]
        training = store.split == 0
        assert not training.all()
        store.edge_index, store.edge_type = store.edge_index[:, training], store.edge_type[training]
        store.split = store.split[training]
    alone = message_graph(data)
    graph = run.testbed.graph
    for name in ("edge_index", "edge_type", "denied_edge_index", "denied_edge_type"):
        assert torch.equal(graph[name], alone[name])
    with torch.no_grad():
        assert torch.equal(run.model.encode(graph).table, run.model.encode(alone).table)
