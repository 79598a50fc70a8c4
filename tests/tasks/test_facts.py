"""Tasks against losses written out in full."""

import math

import pytest
import torch
import torch.nn.functional as F
from examples import NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import ComplEx, DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.generators import EMU
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.penalties import Lp
from gnnneg.records import Query, Triplets, asked
from gnnneg.samplers import All, Uniform
from gnnneg.tasks import KvsAll, LinkPrediction, hide
from gnnneg.weighings import Subsampling


def one_vs_all(model, triplets, **options) -> LinkPrediction:
    return LinkPrediction(model, Both(RELATIONS), All(NODES), InfoNCE(), **options)


def facts_of(facts) -> Triplets:
    """The statements of an index of known answers, each once."""
    query = Query(facts.key % NODES, facts.key // NODES)
    row, answer = facts.answers(query)
    tail = query.rel_type[row] < RELATIONS
    return Triplets(query.anchor[row][tail], query.rel_type[row][tail], answer[tail])


def by_hand(model, triplets) -> torch.Tensor:
    """Cross-entropy of both sides over all entities, one row per query, tails first."""
    score, target = [], []
    for head in (False, True):
        query, answer = asked(triplets, RELATIONS, head)
        scorer = model.scorer(model.encode(None), query)
        score.append(scorer(torch.arange(NODES)[None]))
        target.append(answer)
    return F.cross_entropy(torch.cat(score), torch.cat(target), reduction="none")


def test_link_prediction_is_one_vs_all_cross_entropy():
    model, triplets = kge(ComplEx), toy()
    assert_close(one_vs_all(model, triplets)(triplets), by_hand(model, triplets).mean())


def test_penalty_is_added():
    """N3 by hand: lambda times the mean over queries of the sum of cubed moduli of anchor, relation and target."""
    model, triplets = kge(ComplEx), toy()
    entity = torch.complex(*model.encoder.weight.detach().chunk(2, dim=1)).abs() ** 3
    relation = torch.complex(*model.decoder.relation.weight.detach().chunk(2, dim=1)).abs() ** 3
    h, r, t = triplets
    expected = 0.1 * (entity[h].sum(1) + relation[r].sum(1) + entity[t].sum(1)).mean()
    found = one_vs_all(model, triplets, penalty=Lp(0.1))(triplets) - one_vs_all(model, triplets)(triplets)
    assert_close(found, expected)


def test_subsampling_by_hand():
    """Two statements answer (0, 0, ?), one answers (?, 0, 1): counts 2 + 1 and, for the third, 1 + 1, plus 3 each."""
    triplets = Triplets(torch.tensor([0, 0, 5]), torch.tensor([0, 0, 1]), torch.tensor([1, 2, 6]))
    weight = Subsampling(known(triplets))(triplets)
    raw = torch.tensor([9.0**-0.5, 9.0**-0.5, 8.0**-0.5])
    assert_close(weight, raw / raw.sum())


def test_subsampling_weighs_both_sides_of_a_triplet():
    model, triplets = kge(), toy()
    weight = Subsampling(known())(triplets)
    expected = (by_hand(model, triplets).view(2, -1).mean(0) * weight).sum()
    assert_close(one_vs_all(model, triplets, weighing=Subsampling(known()))(triplets), expected)


def test_label_and_scale_reach_the_loss():
    model, triplets = kge(), toy()
    plain = one_vs_all(model, triplets)(triplets)
    made = [EMU(0.0, soft_label=0.3)]
    both = [one_vs_all(model, triplets, scale=scale, generators=made)(triplets) for scale in (0.0, 1.0, 3.0)]
    assert_close([both[1] - both[0], both[2] - both[0]], [plain, 3 * plain])
    assert one_vs_all(model, triplets, soft_label=0.1)(triplets) > plain  # -0.1 log p_j is positive for every negative


def test_what_had_another_name_is_known_by_it():
    with pytest.warns(FormerName, match="'label' is now called 'soft_label'"):
        task = one_vs_all(kge(), toy(), label=0.1)
    assert task.soft_label == 0.1
    with pytest.warns(FormerName, match="'label' is now called 'soft_label'"):
        assert task.label == 0.1
    with pytest.warns(FormerName, match="'settle' is now called 'tune'"):
        assert not task.settle(lambda: 0.0)


def test_dropout_only_while_training():
    model = kge(dropout=0.5)
    task, triplets = one_vs_all(model, toy()), toy()
    assert task(triplets) != task(triplets)
    task.eval()
    assert task(triplets) == task(triplets)


def test_dropout_keeps_the_mean_and_drops_its_share():
    model = KGEModel(Lookup(NODES, 4000, bound=1.0), DistMult(RELATIONS, 4000), dropout=0.3)
    query = Query(torch.tensor([0]), torch.tensor([0]))
    vector = model.scorer(model.encode(None), query).vector
    whole = model.eval().scorer(model.encode(None), query).vector
    assert math.isclose((vector == 0).float().mean().item(), 0.3, abs_tol=0.03)
    kept = vector != 0
    assert_close(vector[kept], whole[kept] / 0.7)


def test_k_vs_all_by_hand():
    model, facts = kge(), known()
    batch = KvsAll(model, facts).examples(toy())
    query = Query(batch.anchor, batch.rel_type)
    score = model.scorer(model.encode(None), query)(torch.arange(NODES)[None])
    truth = facts.contains(query, torch.arange(NODES)[None]).float()
    smooth = 0.9 * truth + 0.1 / NODES
    assert_close(KvsAll(model, facts)(batch), F.binary_cross_entropy_with_logits(score, smooth))
    share = 0.9 * truth / truth.sum(1, keepdim=True) + 0.1 / NODES
    assert_close(KvsAll(model, facts, softmax=True)(batch), -(score.log_softmax(1) * share).sum(1).mean())


@pytest.mark.parametrize("answers", [None, 1, 2, 100])
def test_weighted_k_vs_all_is_one_vs_all(answers):
    """Over a whole epoch, term by term: the same loss, the same penalty, the same gradients."""
    torch.manual_seed(0)
    model, facts = kge(ComplEx), known()
    statements = facts_of(facts)
    options = {"smoothing": 0.0, "softmax": True, "weighted": True, "answers": answers}
    grouped = KvsAll(model, facts, **options, penalty=Lp(0.1))
    single = one_vs_all(model, statements, penalty=Lp(0.1))
    losses = grouped(grouped.examples(statements)), single(statements)
    assert_close(*losses)
    grads = [torch.autograd.grad(loss, list(model.parameters())) for loss in losses]
    assert_close(*grads)


def test_weighted_k_vs_all_sums_over_batches():
    """Batches add up to the whole: a query's weight does not depend on what it is batched with."""
    model, facts = kge(), known()
    task = KvsAll(model, facts, softmax=True, weighted=True)
    whole = task.examples(toy())
    parts = [type(whole)(*(column[begin : begin + 7] for column in whole)) for begin in range(0, len(whole.anchor), 7)]
    summed = sum(task(part) * len(part.anchor) for part in parts) / len(whole.anchor)
    assert_close(task(whole), summed)


@pytest.mark.parametrize("softmax", [False, True])
def test_k_vs_all_penalty_is_the_mean_over_answers(softmax):
    model, facts = kge(), known()
    batch = KvsAll(model, facts).examples(toy())
    found = KvsAll(model, facts, softmax=softmax, penalty=Lp(0.1))(batch) - KvsAll(model, facts, softmax=softmax)(batch)
    expected = []
    for anchor, rel_type in zip(batch.anchor, batch.rel_type):
        query = Query(anchor[None], rel_type[None])
        _, answer = facts.answers(query)
        scorer = model.scorer(model.encode(None), Query(anchor.expand(len(answer)), rel_type.expand(len(answer))))
        expected.append(Lp(0.1)(scorer, query, answer).mean())
    assert_close(found, torch.stack(expected).mean())


def test_k_vs_all_goes_through_each_query_once():
    batch = KvsAll(kge(), known()).examples(toy())
    pairs = list(zip(batch.anchor.tolist(), batch.rel_type.tolist()))
    h, r, t = (column.tolist() for column in toy())
    assert set(pairs) == set(zip(h, r)) | {(a, b + RELATIONS) for a, b in zip(t, r)}
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_k_vs_all_parts_long_rows(answers):
    """Every answer of every query is in one example, and no example has more than it may."""
    facts = known()
    batch = KvsAll(kge(), facts, softmax=True, weighted=True, answers=answers).examples(toy())
    assert (batch.end - batch.begin).max() == answers
    assert (batch.end - batch.begin).min() >= 1
    row, answer = facts.between(batch.begin, batch.end)
    found = sorted(zip(batch.anchor[row].tolist(), batch.rel_type[row].tolist(), answer.tolist()))
    h, r, t = (column.tolist() for column in toy())
    assert found == sorted(set(zip(h, r, t)) | {(c, b + RELATIONS, a) for a, b, c in zip(h, r, t)})


def test_k_vs_all_parts_only_where_answers_need_not_know_of_each_other():
    for options in ({"answers": 2}, {"answers": 2, "softmax": True}, {"answers": 0, "softmax": True, "weighted": True}):
        with pytest.raises(UserError, match="needs softmax: true, weighted: true"):
            KvsAll(kge(), known(), **options)


def test_hide_takes_out_the_batch_and_its_inverses_only():
    from gnnneg.data.statements import assemble, message_graph

    triplets = toy()
    split = torch.zeros(40, dtype=torch.long)
    data = assemble(triplets, split, [str(i) for i in range(NODES)], [str(i) for i in range(RELATIONS)])
    graph = message_graph(data)
    batch = Triplets(*(column[:5] for column in triplets))
    gone = set(zip(*(column.tolist() for column in batch)))
    hidden = hide(graph, batch, RELATIONS)
    edges = list(zip(graph.edge_index[0].tolist(), graph.edge_type.tolist(), graph.edge_index[1].tolist()))
    expected = [(s, r, t) for s, r, t in edges if ((s, r, t) if r < RELATIONS else (t, r - RELATIONS, s)) not in gone]
    assert (
        list(zip(hidden.edge_index[0].tolist(), hidden.edge_type.tolist(), hidden.edge_index[1].tolist())) == expected
    )
    assert len(expected) < len(edges)


def test_hide_between_takes_out_every_edge_of_a_pair():
    """Whatever its relation, in both directions, and nothing else."""
    from gnnneg.data.statements import assemble, message_graph

    triplets = toy()
    split = torch.zeros(40, dtype=torch.long)
    data = assemble(triplets, split, [str(i) for i in range(NODES)], [str(i) for i in range(RELATIONS)])
    graph = message_graph(data)
    batch = Triplets(*(column[:5] for column in triplets))
    pairs = {frozenset(pair) for pair in zip(batch.head_index.tolist(), batch.tail_index.tolist())}
    between = batch.head_index, batch.tail_index
    hidden = hide(graph, batch, RELATIONS, between)
    kept = [frozenset(pair) not in pairs for pair in zip(*graph.edge_index.tolist())]
    assert hidden.kept.tolist() == kept
    assert hidden.num_edges == sum(kept) < hide(graph, batch, RELATIONS).num_edges
    # asked of one graph in turn, neither way mistakes the other's index for its own
    assert hide(graph, batch, RELATIONS, between).num_edges == sum(kept)
    assert hide(graph, batch, RELATIONS, between[::-1]).num_edges == sum(kept)


def test_hide_between_takes_out_denied_edges_of_a_pair_too():
    """Batch (a, r0, b) with the negative d: of what is denied, only c -r1- d is about another pair."""
    a, b, c, d = range(4)
    stated, denied = [(a, 0, b), (b, 1, c)], [(a, 1, d), (d, 2, a), (a, 1, b), (c, 1, d)]

    def both_ways(triplets):
        head, kind, tail = torch.tensor(triplets).T
        edge_index = torch.stack([torch.cat([head, tail]), torch.cat([tail, head])])
        return edge_index, torch.cat([kind, kind + RELATIONS])

    graph = Data(num_nodes=4)
    graph.edge_index, graph.edge_type = both_ways(stated)
    graph.denied_edge_index, graph.denied_edge_type = both_ways(denied)
    batch = Triplets(*(torch.tensor([one]) for one in (a, 0, b)))
    pairs = torch.tensor([a, a]), torch.tensor([b, d])
    for between in (pairs, pairs[::-1]):
        left = hide(graph, batch, RELATIONS, between)
        assert left.edge_index.T.tolist() == [[b, c], [c, b]]
        assert left.denied_edge_index.T.tolist() == [[c, d], [d, c]]
        assert left.denied_edge_type.tolist() == [1, 1 + RELATIONS]
        assert left.denied_kept.nonzero().flatten().tolist() == [3, 7]
    assert hide(graph, batch, RELATIONS).denied_edge_index.size(1) == 8  # no query of the batch is denied


def test_hide_keeps_what_else_a_graph_holds():
    """Features of nodes stay, those of edges go with their edges, and edges that are there twice go twice."""
    edge_index, edge_type = (
        torch.tensor([[0, 1, 2, 0, 1, 0, 4], [1, 0, 0, 1, 2, 2, 4]]),
        torch.tensor([0, 2, 1, 0, 1, 3, 1]),
    )
    graph = Data(edge_index=edge_index, edge_type=edge_type, x=torch.eye(5), edge_attr=torch.arange(7.0)[:, None])
    hidden = hide(graph, Triplets(*torch.tensor([[0, 2, 3], [0, 1, 0], [1, 0, 3]])), 2)
    assert hidden.kept.tolist() == [False, False, False, False, True, False, True]
    assert hidden.edge_index.tolist() == [[1, 4], [2, 4]]
    assert hidden.edge_type.tolist() == [1, 1]
    assert hidden.edge_attr.tolist() == [[4.0], [6.0]]
    assert torch.equal(hidden.x, graph.x)
    assert (hidden.num_nodes, hidden.whole) == (5, graph)
    assert graph.num_edges == 7


@pytest.mark.parametrize("shared", [True, False])
def test_sparse_rows_learn_what_dense_ones_do(shared):
    """One Adagrad step: the same weights, whether gradients are dense or hold only the touched rows."""
    stepped = []
    for sparse in (False, True):
        torch.manual_seed(0)
        model = KGEModel(Lookup(NODES, 8, bound=0.5, sparse=sparse), DistMult(RELATIONS, 8))
        task = LinkPrediction(model, Tail(RELATIONS), Uniform(NODES, 3, shared), InfoNCE())
        optimizer = torch.optim.Adagrad(task.trained(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            task(toy(6), torch.Generator().manual_seed(1)).backward()
            assert model.encoder.weight.grad.is_sparse == sparse
            optimizer.step()
        stepped.append(model.encoder.weight.detach().clone())
    assert_close(*stepped)


def test_filters_of_training_see_training_facts_only():
    facts = KnownAnswers(toy(10), NODES, RELATIONS)
    assert facts.count(asked(toy(10), RELATIONS)[0]).min() >= 1


def test_a_label_is_asked_about_the_query_and_its_negatives():
    """The loss with the labels that SlotLabel gives these candidates, written out."""
    from gnnneg.labels import SlotLabel
    from gnnneg.records import Negatives

    torch.manual_seed(0)
    model, label = kge(), SlotLabel(known(), 0.3)
    task = LinkPrediction(model, Tail(RELATIONS), All(NODES), InfoNCE(), soft_label=label)
    batch = toy()
    query, target = Query(batch.head_index, batch.rel_type), batch.tail_index
    scorer, every = model.scorer(model.encode(None), query), torch.arange(NODES)[None]
    weight = All(NODES)(query, target, scorer).weight
    assert isinstance(All(NODES)(query, target, scorer), Negatives)
    soft = label(query, every)
    assert 0 < float((soft > 0).float().mean()) < 1
    wanted = InfoNCE()(scorer(target[:, None]), scorer(every), weight, soft).mean()
    assert_close(task(batch), wanted)


def test_all_that_learns_is_trained():
    """The model, a temperature and what a generator learns; each once."""
    from gnnneg.generators import LearnedEMU

    loss, made = InfoNCE(learnable=True), LearnedEMU(RELATIONS, 8, 0.3)
    model = kge()
    task = LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 3), loss, generators=[made])
    wanted = {id(one) for one in (*model.parameters(), loss.log_scale, made.logit)}
    found = [id(one) for one in task.trained()]
    assert set(found) == wanted
    assert len(found) == len(wanted)
