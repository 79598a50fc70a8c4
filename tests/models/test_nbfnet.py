"""Neural Bellman-Ford networks, against loops over edges, powers of matrices and what they must not depend on."""

import pytest
import torch
from examples import Fixed
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both, Tail
from gnnneg.data.facts import Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.evaluation import ranks
from gnnneg.generators import DANS, EMU
from gnnneg.losses import InfoNCE
from gnnneg.models import PNA, Max, Mean, Min, NBFNet, Product, Rotation, Sum, Translation
from gnnneg.records import Mutation, Query, Triplets
from gnnneg.samplers import All, Hardest, Uniform
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.tasks.hiding import hide

N, R, D = 9, 3, 4


def graph(triplets: list[tuple[int, int, int]], num_nodes: int = N) -> Data:
    """Both directions of some statements."""
    head, relation, tail = torch.tensor(triplets, dtype=torch.long).view(-1, 3).T
    edge_index = torch.stack([torch.cat([head, tail]), torch.cat([tail, head])])
    return Data(edge_index=edge_index, edge_type=torch.cat([relation, relation + R]), num_nodes=num_nodes)


@pytest.fixture
def some() -> list[tuple[int, int, int]]:
    """Twelve statements about seven of nine nodes, none of relation 2."""
    draw = torch.Generator().manual_seed(3)
    head, tail = torch.randint(7, (2, 12), generator=draw)
    return list(zip(head.tolist(), torch.randint(2, (12,), generator=draw).tolist(), tail.tolist()))


def plain(model: NBFNet, data: Data, query: Query) -> torch.Tensor:
    """The scores of all nodes, edge by edge and node by node, one query after the other."""
    rows = []
    for anchor, asked in zip(query.anchor.tolist(), query.rel_type.tolist()):
        vector = model.query.weight[asked]
        boundary = vector.new_zeros(data.num_nodes, D).index_put((torch.tensor(anchor),), vector)
        states = boundary
        degrees = torch.bincount(data.edge_index[1], minlength=data.num_nodes) + 1.0
        for layer in model.layers:
            if isinstance(layer.relation, torch.nn.Linear):
                relation = layer.relation(vector).view(2 * R, D)
            else:
                relation = layer.relation.weight
            new = []
            for node in range(data.num_nodes):
                messages = [boundary[node]]
                for source, target, kind in zip(*data.edge_index.tolist(), data.edge_type.tolist()):
                    if target != node:
                        continue
                    h, w = states[source], relation[kind]
                    if isinstance(layer.message, Product):
                        messages.append(h * w)
                    elif isinstance(layer.message, Translation):
                        messages.append(h + w)
                    else:
                        turned = torch.complex(*h.chunk(2)) * torch.complex(*w.chunk(2))
                        messages.append(torch.cat([turned.real, turned.imag]))
                table = torch.stack(messages)
                told = {
                    Sum: lambda t: t.sum(0),
                    Mean: lambda t: t.mean(0),
                    Max: lambda t: t.amax(0),
                    Min: lambda t: t.amin(0),
                    PNA: lambda t: torch.cat(
                        [t.mean(0), t.amax(0), t.amin(0), (t.var(0, correction=0)).clamp(min=1e-6).sqrt()]
                    ),
                }[type(layer.aggregation)](table)
                if isinstance(layer.aggregation, PNA):
                    scale = degrees.log()[node] / degrees.log().mean()
                    told = torch.cat([told, scale * told, told / scale.clamp(min=0.01)])
                new.append(torch.relu(layer.norm(layer.update(torch.cat([states[node], told])))))
            states = torch.stack(new) + states
        both = torch.cat([states, vector.expand_as(states)], dim=1)
        rows.append(model.score(torch.relu(model.hidden(both))).squeeze(1))
    return torch.stack(rows)


@pytest.mark.parametrize("dependent", [True, False])
@pytest.mark.parametrize("message", [Product, Translation, Rotation])
@pytest.mark.parametrize("aggregation", [Sum, Mean, Max, Min, PNA])
def test_edge_by_edge(some, message, aggregation, dependent):
    """Scores, and the gradient of every parameter; one relation is asked of a node without edges."""
    torch.manual_seed(0)
    model = NBFNet(R, D, 3, message(), aggregation(), dependent).double()
    data, query = graph(some), Query(torch.tensor([0, 4, 8]), torch.tensor([1, 2, R + 1]))
    found = model.scorer(model.encode(data), query)(torch.arange(N)[None])
    wanted = plain(model, data, query)
    assert_close(found, wanted)
    outward = torch.randn_like(wanted)
    ours, theirs = (torch.autograd.grad((score * outward).sum(), list(model.parameters())) for score in (found, wanted))
    for one, other in zip(ours, theirs):
        assert_close(one, other, atol=1e-5, rtol=1e-5)  # a variance is a difference of squares


@pytest.mark.parametrize("shortcut", [False, True])
def test_it_counts_paths(some, shortcut):
    """With every weight one and sums for messages, the state of a node is the number of ways to come there; with
    shortcuts a way may wait at a node.
    """
    model = NBFNet(R, 1, 4, Product(), Sum(), dependent=False, layer_norm=False, shortcut=shortcut)
    with torch.no_grad():
        model.query.weight.fill_(1)
        for layer in model.layers:
            layer.relation.weight.fill_(1)
            layer.update.weight.copy_(torch.tensor([[0.0, 1.0]]))
            layer.update.bias.zero_()
    data = graph(some)
    step = torch.zeros(N, N)
    step.index_put_(tuple(data.edge_index), torch.ones(data.num_edges), accumulate=True)
    ways = torch.eye(N)
    for _ in range(4):
        ways = torch.eye(N) + ways @ step + shortcut * ways
    scorer = model.scorer(model.encode(data), Query(torch.arange(N), torch.zeros(N, dtype=torch.long)))
    assert_close(scorer.embed(torch.arange(N)[None])[:, :, 0], ways)


@pytest.mark.parametrize(("layer_norm", "factor"), [(False, 10.0), (True, 1.0)])
def test_normalised_states_have_no_scale(some, layer_norm, factor):
    """A layer of ten times the weights has states ten times as large, unless they are normalised."""
    model, found = NBFNet(R, D, 1, layer_norm=layer_norm, shortcut=False), []
    for scale in (100.0, 10.0):  # the first makes what is added to a variance of no account
        for weight in model.layers[0].update.parameters():
            weight.data.mul_(scale)
        scorer = model.scorer(model.encode(graph(some)), Query(torch.tensor([0, 4]), torch.tensor([1, R])))
        found.append(scorer.embed(torch.arange(N)[None]).detach())
    assert_close(found[1], factor * found[0], rtol=1e-3, atol=1e-4)


def test_who_cannot_be_reached_is_tied(some):
    """Nodes 7 and 8 have no edge: others score them alike, and they tell others apart by their surroundings only."""
    model = NBFNet(R, D, 3)
    asked = Query(torch.tensor([0, 7, 8]), torch.tensor([0, 0, 0]))
    score = model.scorer(model.encode(graph(some)), asked)(torch.arange(N)[None])
    assert_close(score[0, 7], score[0, 8])
    assert score[0, 7] != score[0, 0]
    assert_close(score[1, :7], score[2, :7])
    assert_close(score[1, [7, 8]], score[2, [8, 7]])


def test_ways_to_ask_agree(some):
    """Single candidates, shared ones, all of them, vectors, and PyG's way of scoring triplets."""
    model, query = NBFNet(R, D, 2), Query(torch.tensor([0, 4]), torch.tensor([1, 2]))
    scorer = model.scorer(model.encode(graph(some)), query)
    everyone = scorer(torch.arange(N)[None])
    assert everyone.shape == (2, N)
    index = torch.tensor([[3, 1, 3], [0, 8, 2]])
    assert_close(scorer(index), everyone.gather(1, index))
    assert_close(scorer(torch.tensor([[5, 2]])), everyone[:, [5, 2]])
    assert_close(scorer.decode(scorer.embed(index)), scorer(index))
    assert_close(model(graph(some), query.anchor, query.rel_type, index[:, 0]), everyone.gather(1, index[:, :1])[:, 0])
    assert_close(
        scorer.asking(Query(query.anchor.flip(0), query.rel_type.flip(0)))(torch.arange(N)[None]), everyone.flip(0)
    )


def test_a_head_is_asked_as_a_tail_of_the_reversed_graph(some):
    """Exchanging heads and tails of all statements and the halves of all relation tables changes nothing."""
    model, other = NBFNet(R, D, 3, dependent=False), NBFNet(R, D, 3, dependent=False)
    state = model.state_dict()
    other.load_state_dict(
        {k: v.roll(R, 0) if k == "query.weight" or k.endswith("relation.weight") else v for k, v in state.items()}
    )
    everyone = torch.arange(N)[None]
    asked = model.scorer(model.encode(graph(some)), Query(torch.tensor([4]), torch.tensor([1 + R])))(everyone)
    turned = graph([(t, r, h) for h, r, t in some])
    assert_close(other.scorer(other.encode(turned), Query(torch.tensor([4]), torch.tensor([1])))(everyone), asked)


def test_names_of_nodes_do_not_matter(some):
    """Nor how many other nodes there are, as long as means over all nodes are not taken."""
    model = NBFNet(R, D, 3, aggregation=Mean())
    place = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    renamed = graph([(int(place[h]), r, int(place[t])) for h, r, t in some])
    one = model.scorer(model.encode(graph(some)), Query(torch.tensor([4]), torch.tensor([0])))(torch.arange(N)[None])
    other = model.scorer(model.encode(renamed), Query(place[[4]], torch.tensor([0])))
    assert_close(other(place[None]), one)
    larger = graph(some, 2 * N)
    more = model.scorer(model.encode(larger), Query(torch.tensor([4]), torch.tensor([0])))(torch.arange(N)[None])
    assert_close(more, one)


def test_hidden_edges_are_gone(some):
    """As if they had never been: the sorted edges are those of the whole graph, the scores those of what is left."""
    model = NBFNet(R, D, 3)
    asked = Triplets(*torch.tensor(some[:2]).T)
    whole = graph(some)
    left = graph([one for one in some if one not in some[:2]])
    query = Query(asked.head_index, asked.rel_type)
    hidden = model.scorer(model.encode(hide(whole, asked, R)), query)(torch.arange(N)[None])
    assert_close(hidden, model.scorer(model.encode(left), query)(torch.arange(N)[None]))
    assert not torch.allclose(hidden, model.scorer(model.encode(whole), query)(torch.arange(N)[None]))
    assert model.encode(hide(whole, asked, R)).edges is model.encode(whole).edges


def test_layers_run_again_give_the_same(some):
    """Scores and gradients, with and without."""
    torch.manual_seed(0)
    model, again = NBFNet(R, D, 3), NBFNet(R, D, 3, recompute=True)
    again.load_state_dict(model.state_dict())
    query = Query(torch.tensor([0, 4]), torch.tensor([1, 2]))
    pulled = []
    for one in (model, again):
        score = one.scorer(one.encode(graph(some)), query)(torch.arange(N)[None])
        pulled.append([score, *torch.autograd.grad(score.square().sum(), list(one.parameters()))])
    for ours, theirs in zip(*pulled):
        assert_close(ours, theirs)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shortcut", [True, False])
def test_a_path_is_as_long_as_there_are_layers(layers, shortcut):
    """On a path of nodes, only those at most so many steps away learn who asks."""
    torch.manual_seed(0)
    model = NBFNet(R, D, layers, shortcut=shortcut, aggregation=Mean())
    encoding = model.encode(graph([(i, 0, i + 1) for i in range(N - 2)]))  # and a node without edges
    asked = Query(torch.tensor([0, N - 1]), torch.tensor([0, 0]))
    by_first, by_none = model.scorer(encoding, asked)(torch.arange(N)[None])
    assert_close(by_first[layers + 1 : N - 1], by_none[layers + 1 : N - 1])
    assert (by_first[: layers + 1] != by_none[: layers + 1]).all()


def test_no_edges_at_all():
    """Only the anchor differs; gradients are finite."""
    model = NBFNet(R, D, 2)
    score = model.scorer(model.encode(graph([])), Query(torch.tensor([3]), torch.tensor([0])))(torch.arange(N)[None])[0]
    others = [i for i in range(N) if i != 3]
    assert_close(score[others], score[[0]].expand(N - 1))
    score.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_bad_input(some):
    with pytest.raises(UserError, match=r"NBFNet\(num_layers=0\)"):
        NBFNet(R, D, 0)
    with pytest.raises(UserError, match="even number of hidden_channels, not 5"):
        NBFNet(R, 5, message=Rotation())
    model = NBFNet(R, D)
    with pytest.raises(UserError, match="needs a graph"):
        model.encode(None)
    with pytest.raises(UserError, match="only once a question is asked"):
        model.encode(graph(some))[torch.tensor([0])]
    with pytest.raises(UserError, match=r"edge type 5, but num_relations allows only 2"):
        NBFNet(1, D).encode(graph([(0, 2, 1)]))


def counted(model: NBFNet, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many queries each propagation has served."""
    served: list[int] = []
    original = model.propagate

    def propagate(encoding, query, vector):
        served.append(len(vector))
        return original(encoding, query, vector)

    monkeypatch.setattr(model, "propagate", propagate, raising=False)
    return served


def test_one_propagation_serves_everyone(some, monkeypatch):
    """Positives, a sampler that looks at the model, and mutated negatives."""
    model = NBFNet(R, D, 2)
    served = counted(model, monkeypatch)
    sampler = Hardest(Uniform(N, 6), 3)
    task = LinkPrediction(model, Both(R), sampler, InfoNCE(), generators=[EMU(0.5, 0.3)], graph=graph(some))
    task(Triplets(*torch.tensor(some[:4]).T)).backward()
    assert served == [8]


def test_its_layers_learn_where_a_sampler_scores_first(some):
    """Without gradients, as samplers do: the loss has those that it has with the same negatives drawn unseen."""
    model, batch = NBFNet(R, D, 2), Triplets(*torch.tensor(some[:4]).T)
    found = []
    for sampler in (Hardest(All(N), N), All(N)):  # all of them, in another order
        model.zero_grad()
        LinkPrediction(model, Both(R), sampler, InfoNCE(), graph=graph(some))(batch).backward()
        found.append([weight.grad.clone() for weight in model.parameters()])
    for one, other in zip(*found):
        assert_close(one, other)
    scorer = model.scorer(model.encode(graph(some)), Query(batch.head_index, batch.rel_type))
    with torch.no_grad():
        seen = model.scorer(model.encode(graph(some)), scorer.query)
    assert scorer.embed(batch.tail_index[:, None]).requires_grad
    assert not seen.embed(batch.tail_index[:, None]).requires_grad


def test_its_states_are_mutated_like_vectors(some):
    """A mask for each query, and one for each of its candidates: the states of the targets come in."""
    model, query = NBFNet(R, D, 2), Query(torch.tensor([0, 4]), torch.tensor([1, 2]))
    scorer, index = model.scorer(model.encode(graph(some)), query), torch.tensor([[1, 2, 3], [4, 5, 6]])
    positive = scorer.embed(torch.tensor([[2], [5]]))[:, 0]
    for keep in (torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 0]]), torch.rand(2, 3, D).round()):
        each = keep if keep.dim() == 3 else keep[:, None]
        made = torch.where(each > 0, scorer.embed(index), positive[:, None])
        assert_close(scorer.mutated(index, Mutation(positive, keep)), scorer.decode(made))


def test_negatives_are_made_of_its_states(some, monkeypatch):
    """Both of DANS's pathways, from what is at the anchor and from what is laid there; still one propagation."""
    model, batch = NBFNet(R, D, 2), Triplets(*torch.tensor(some[:4]).T)
    served = counted(model, monkeypatch)
    dans = DANS(KnownAnswers(batch, N, R), D, 2, 3, width=6)
    before = [weight.clone() for weight in dans.parameters()]
    task = LinkPrediction(model, Both(R), Uniform(N, 5), InfoNCE(), generators=[dans], graph=graph(some))
    task(batch).backward()
    assert served == [8]
    assert sum(not torch.equal(one, other) for one, other in zip(before, dans.parameters())) > len(before) // 2
    scorer = model.scorer(model.encode(graph(some)), Query(batch.head_index, batch.rel_type))
    assert torch.equal(scorer.composed(), model.query.weight[batch.rel_type])


def test_every_wrong_answer_at_once(some):
    """1-vs-all: the softmax over all entities, in one read-out."""
    task = LinkPrediction(NBFNet(R, D, 2), Tail(R), All(N), InfoNCE(), graph=graph(some))
    batch = Triplets(*torch.tensor(some[:4]).T)
    score = task.model.scorer(task.model.encode(hide(graph(some), batch, R)), Query(batch.head_index, batch.rel_type))
    wanted = torch.nn.functional.cross_entropy(score(torch.arange(N)[None]), batch.tail_index)
    assert_close(task(batch), wanted)


def test_two_graphs_two_networks(some):
    """Dual training: what is denied is a graph of its own, over which the second network runs."""
    nodes, relations = [str(i) for i in range(N)], [str(i) for i in range(R)]
    stated, denied = (
        Triplets(*torch.tensor(part).T) for part in (some[:8], [(h, r, (t + 1) % 7) for h, r, t in some[8:]])
    )
    data = assemble(stated, torch.zeros(8).long(), nodes, relations, denied, torch.zeros(4).long())
    facts = Facts(data)

    def side(facts):
        return LinkPrediction(NBFNet(R, D, 2), Both(R), Uniform(N, 3), InfoNCE(), graph=facts.graph)

    task = Dual(side(facts), side(facts.mirror), facts.denied, weight=0.5)
    task(stated).backward()
    assert all(weight.grad is not None for weight in task.negative.model.query.parameters())
    query = Query(stated.head_index[:2], stated.rel_type[:2])
    every = torch.arange(N)[None]
    found = task.model.scorer(task.model.encode(facts.graph), query)(every)
    one, other = task.positive.model, task.negative.model
    against = other.scorer(other.encode(facts.mirror.graph), query)(every)
    assert_close(found, one.scorer(one.encode(facts.graph), query)(every) - 0.5 * against)


def test_the_task_hides_all_edges_of_a_pair_if_told(some):
    """The loss is that over a graph which never had them; else only the statement itself is gone."""
    torch.manual_seed(0)
    batch = Triplets(*torch.tensor([(0, 0, 1)]).T)
    near = [(0, 0, 1), (0, 1, 1), (1, 0, 0)]  # the statement, another relation, the other direction
    rest = [one for one in some if {one[0], one[2]} != {0, 1}]
    model = NBFNet(R, D, 2)

    def loss(statements, **options):
        sampler = Fixed(torch.tensor([[5, 6]]), torch.tensor([[1.0, 0.0]]))
        return LinkPrediction(model, Tail(R), sampler, InfoNCE(), graph=graph(statements), **options)(batch)

    assert_close(loss(rest + near, hide_between=True), loss(rest, hide_between=True))
    assert_close(loss(rest + near), loss(rest + near[1:]))
    assert not torch.allclose(loss(rest + near), loss(rest))
    # a negative is as far from its anchor as the answer; one that does not count, and others' pairs, stay linked
    linked = [(0, 1, 5), (5, 0, 0)]
    others = [one for one in rest if {one[0], one[2]} != {0, 5}]
    assert_close(loss(others + linked, hide_between=True), loss(others))
    assert not torch.allclose(loss([*others, (0, 1, 6)], hide_between=True), loss(others))
    assert not torch.allclose(loss([*others, (1, 1, 5)], hide_between=True), loss(others))
    assert not torch.allclose(loss(others + linked), loss(others))
    task = LinkPrediction(model, Tail(R), All(N), InfoNCE(), graph=graph(rest), hide_between=True)
    with pytest.raises(UserError, match="sample fewer, or leave hide_between out"):
        task(batch)


def test_ranked_some_queries_at_a_time(some, monkeypatch):
    """As many as its activations lets into memory, which changes no rank."""
    model, statements = NBFNet(R, D, 2), Triplets(*torch.tensor(some).T)
    known = KnownAnswers(statements, N, R)
    whole = ranks(model, graph(some), statements, known)
    served = counted(model, monkeypatch)
    few = ranks(model, graph(some), statements, known, memory_mib=3.5 * 4 * model.activations * N / 2**20)
    assert max(served) == 3
    assert torch.equal(few.realistic, whole.realistic)


def test_the_highest_edge_type_is_one_less_than_their_number():
    """One relation has edge types 0 and 1, whatever else is there."""
    edge_index = torch.tensor([[0, 1], [1, 0]])
    NBFNet(1, D).encode(Data(edge_index=edge_index, edge_type=torch.tensor([0, 1]), num_nodes=2))
    with pytest.raises(UserError, match="edge type 2, but num_relations allows only 2"):
        NBFNet(1, D).encode(Data(edge_index=edge_index.clone(), edge_type=torch.tensor([0, 2]), num_nodes=2))
