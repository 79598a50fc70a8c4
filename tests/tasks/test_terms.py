"""How the terms of a loss are put together, written out."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from examples import CHANNELS, NODES, RELATIONS, Scores, kge, known, messages, toy
from torch import Tensor
from torch.testing import assert_close

from gnnneg.corruption import Both, Tail
from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN
from gnnneg.errors import UserError
from gnnneg.generators import DANS, EMU
from gnnneg.generators.mutation import Term
from gnnneg.interfaces import Drawn, Generator
from gnnneg.labels import SlotLabel
from gnnneg.losses import BCE, InfoNCE, LogSigmoid, MarginRanking
from gnnneg.models import KGEModel, NodeClassifier
from gnnneg.penalties import Lp
from gnnneg.records import Made, Negatives, Query, Triplets
from gnnneg.samplers import All, Uniform
from gnnneg.tasks import KvsAll, LinkPrediction, NodeClassification, SharedMask
from gnnneg.weighings import Confidence, Subsampling

EVERY = torch.arange(NODES)[None]


class Gives(Generator):
    """Always the same record."""

    def __init__(self, made: Made):
        super().__init__()
        self.made = made

    def forward(self, drawn: Drawn) -> Made:
        return self.made

    def vectors(self, drawn: Drawn) -> Tensor:
        raise NotImplementedError


def put(loss, one_term: bool, scale: float = 1.0, label: float = 0.0) -> Tensor:
    """One query: target 0.5; drawn 1, -1 (one absent); made 2, 0 with weights 1, 0.5, label 0.1 and scale 0.25."""
    score = torch.tensor([[0.5, 1.0, -1.0, 7.0]])
    query, target = Query(torch.zeros(1).long(), torch.zeros(1).long()), torch.zeros(1).long()
    negatives = Negatives(torch.tensor([[1, 2, 3]]), torch.tensor([[1.0, 1.0, 0.0]]))
    made = Made(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.5]]), 0.1, torch.tensor([0.25]))
    options = {"generators": [Gives(made)], "soft_label": label, "scale": scale, "one_term": one_term}
    task = NodeClassification(kge(), All(NODES), loss, **options)
    return task.contrast(Drawn(Scores(score), query, target, negatives))[0]


def soft(logit: float, label: float = 0.0) -> Tensor:
    """What a negative costs under binary cross-entropy."""
    return F.softplus(torch.tensor(logit)) - label * logit


def test_bce_in_one_term_counts_its_positive_once():
    made = 0.25 * (soft(2.0, 0.1) + 0.5 * soft(0.0, 0.1))
    drawn = soft(1.0, 0.2) + soft(-1.0, 0.2)
    assert_close(put(BCE(), True, 2.0, 0.2), soft(-0.5) + 2 * drawn + made)
    assert_close(put(BCE(), False, 2.0, 0.2), (2 + 0.25) * soft(-0.5) + 2 * drawn + made)


def test_averaging_losses_in_one_term_are_the_mean_over_all_negatives():
    """Weights 1, 1, 0.25 and 0.125."""
    mean = (soft(1.0) + soft(-1.0) + 0.25 * soft(2.0, 0.1) + 0.125 * soft(0.0, 0.1)) / 2.375
    assert_close(put(LogSigmoid(), True), (soft(-0.5) + mean) / 2)
    hinge = (1 + 1 - 0.5) + 0 + 0.25 * (0.9 + 2 - 0.5) + 0.125 * (0.9 + 0 - 0.5)
    assert_close(put(MarginRanking(), True), torch.tensor(hinge / 2.375))


def test_the_softmax_in_one_term_is_over_all_negatives():
    score, share = torch.tensor([0.5, 1.0, -1.0, 2.0, 0.0]), torch.tensor([1.0, 1, 1, 0.25, 0.125])
    log = (share * score.exp()).sum().log() - score
    assert_close(put(InfoNCE(), True), log[0] + 0.1 * (0.25 * log[3] + 0.125 * log[4]))


def one_of(model, one_term: bool, generator: Generator) -> LinkPrediction:
    sampler = Uniform(NODES, 10, shared=True)
    return LinkPrediction(model, Both(RELATIONS), sampler, BCE(), generators=[generator], one_term=one_term)


def test_dans_has_one_positive_to_twenty_negatives():
    """In one term softplus(-s0) counts once; in two, twice; all else is the same."""
    torch.manual_seed(0)
    model, batch = kge(), toy()
    dans = DANS(known(), CHANNELS, 5, 5, width=12)
    loss = {
        one_term: one_of(model, one_term, dans).eval()(batch, torch.Generator().manual_seed(1))
        for one_term in (False, True)
    }
    query, target = Both(RELATIONS)(batch)
    positive = model.scorer(model.encode(None), query)(target[:, None])
    assert_close(loss[False] - loss[True], F.softplus(-positive).mean())
    # scores are near 0 at the start, where each of 21 costs log 2
    assert_close(loss[True] / 21, torch.tensor(2.0).log(), atol=0.1, rtol=0)


def test_one_term_takes_labels_of_all_kinds():
    model, batch = kge(), toy()
    label = SlotLabel(known(), 0.3)
    options = {"generators": [EMU(0.5, soft_label=label)], "soft_label": label, "one_term": True}
    for sampler in (Uniform(NODES, 5), Uniform(NODES, 5, shared=True), All(NODES)):
        for loss in (BCE(), InfoNCE(), LogSigmoid()):
            LinkPrediction(model, Both(RELATIONS), sampler, loss, **options)(batch).backward()
    assert model.encoder.weight.grad.isfinite().all()


def test_node_classification_in_one_term():
    """EMU without mutation: the same negatives a second time, with a weight of 1 / N each."""
    torch.manual_seed(0)
    nodes = Triplets(torch.arange(NODES), torch.zeros(NODES).long(), torch.arange(NODES) % 3)
    model = NodeClassifier(kge().encoder, kge().decoder.similarity, 3)
    task = NodeClassification(model, All(3), BCE(), generators=[EMU(0.0)], one_term=True)
    scorer = model.scorer(model.encode(None), Query(nodes.head_index, nodes.rel_type))
    score = scorer(torch.arange(3)[None])
    right = F.softplus(-score.gather(1, nodes.tail_index[:, None]))[:, 0]
    wrong = F.softplus(score).scatter(1, nodes.tail_index[:, None], 0.0).sum(1)
    assert_close(task(nodes), (right + 1.5 * wrong).mean())


@pytest.mark.parametrize("weighing", ["confidence", "subsampling"])
def test_weighing_leaves_the_penalty_alone(weighing):
    """Statements of confidence 0.25 and 0.5: a penalty of the mean all the same."""
    batch = Triplets(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([2, 3]))
    facts = KnownAnswers(batch, NODES, RELATIONS, confidence=torch.tensor([0.25, 0.5]))
    weigh = Confidence(facts) if weighing == "confidence" else Subsampling(facts)
    model = kge()

    def loss(**options) -> Tensor:
        return LinkPrediction(model, Both(RELATIONS), All(NODES), InfoNCE(), **options)(batch)

    norm = model.encoder.weight.abs() ** 3, model.decoder.relation.weight.abs() ** 3
    each = norm[0][[0, 1]].sum(1) + norm[0][[2, 3]].sum(1) + norm[1][[0, 0]].sum(1)
    assert_close(loss(weighing=weigh, penalty=Lp(0.1)) - loss(weighing=weigh), 0.1 * each.mean())
    assert_close(loss(penalty=Lp(0.1)) - loss(), 0.1 * each.mean())


def test_the_parts_of_a_batch_count_in_it_as_in_one_process(monkeypatch):
    """Five statements, three of them here and two in another process, whose losses count for 3/5 and 2/5."""
    batch, weigh = Triplets(*(column[:5] for column in toy())), Subsampling(known())
    whole, mine, sent = weigh(batch), [0, 2, 4], []
    others = [row for row in range(5) if row not in mine]
    assert len(set(whole.tolist())) > 1
    monkeypatch.setattr("gnnneg.distributed.size", lambda: 2)
    monkeypatch.setattr("gnnneg.distributed.summed", lambda value: sent.append(value) or value)
    for rows in (mine, others):
        weigh(Triplets(*(column[rows] for column in batch)))
    monkeypatch.setattr("gnnneg.distributed.summed", lambda value: sum(sent))
    for rows in (mine, others):
        assert_close(weigh(Triplets(*(column[rows] for column in batch))) * len(rows) / 5, whole[rows])


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("answers", [None, 1])
def test_mutated_k_vs_all_adds_its_penalty_whole(scale, answers):
    def loss(penalty) -> Tensor:
        options = {"softmax": True, "weighted": True, "answers": answers, "penalty": penalty, "scale": scale}
        task = KvsAll(model, known(), **options, mutation=SharedMask(0.3))
        return task(task.examples(toy()), torch.Generator().manual_seed(0))

    model = kge()
    facts = known()
    row, answer = facts.between(facts.offset[:-1], facts.offset[1:])
    anchor, relation = facts.key % NODES, facts.key // NODES % RELATIONS
    norm = model.encoder.weight.abs() ** 3, model.decoder.relation.weight.abs() ** 3
    each = norm[0][anchor[row]].sum(1) + norm[0][answer].sum(1) + norm[1][relation[row]].sum(1)
    assert_close(loss(Lp(0.1)) - loss(None), 0.1 * each.mean(), rtol=1e-4, atol=1e-6)


def test_corrected_negatives_make_the_term_of_all_entities():
    """q = 1/2, 1/4, 1/4, and four draws that are exactly so: weights 1 / (k q) add up to the three entities."""
    score, query = torch.randn(1, 4), Query(torch.zeros(1).long(), torch.zeros(1).long())
    index, weight = torch.tensor([[1, 1, 2, 3]]), torch.tensor([[0.5, 0.5, 1.0, 1.0]])
    term = Term("EMU", 0.2, 0.7, True)
    for loss in (InfoNCE(), BCE()):
        found = []
        for some, counts in ((index, weight), (torch.tensor([[1, 2, 3]]), torch.ones(1, 1))):
            drawn = Drawn(Scores(score), query, query.anchor, Negatives(some, counts))
            made = term(drawn, score[:, some[0]])
            found.append(made.scale * loss(score[:, :1], made.score, made.weight, made.label))
        assert_close(*found)


def test_a_term_of_little_weight_counts_its_positive_once():
    """Two negatives of weight 1/8 in all, by hand: divided by that, the positive would count eight times."""
    query = Query(torch.zeros(1).long(), torch.zeros(1).long())
    negatives = Negatives(torch.tensor([[1, 2]]), torch.tensor([[0.0625, 0.0625]]))
    score = torch.tensor([[1.0, -1.0]])
    drawn = Drawn(Scores(score), query, query.anchor, negatives)
    made = Term("EMU", 0.0, 1.0, True)(drawn, score)
    cost = made.scale * BCE()(torch.tensor([[0.5]]), made.score, made.weight, made.label)
    assert_close(cost[0], soft(-0.5) + 0.0625 * (soft(1.0) + soft(-1.0)))
    drawn = replace(drawn, negatives=Negatives(negatives.index, torch.zeros(1, 2)))
    none = Term("EMU", 0.0, 1.0, True)(drawn, score)
    assert_close(none.scale, torch.ones(1))


def test_options_that_change_nothing_are_refused():
    means = kge(), Tail(RELATIONS), Uniform(NODES, 5), InfoNCE()
    nodes = NodeClassifier(kge().encoder, kge().decoder.similarity, 3), All(3), InfoNCE()
    for scale in (0.0, 0.5, 2.0):
        with pytest.raises(UserError, match=rf"LinkPrediction\(scale={scale}\) weighs the sampled term"):
            LinkPrediction(*means, scale=scale)
        with pytest.raises(UserError, match=rf"NodeClassification\(scale={scale}\) weighs the sampled term"):
            NodeClassification(*nodes, scale=scale)
    for task, parts in ((LinkPrediction, means), (NodeClassification, nodes)):
        with pytest.raises(UserError, match=r"\(one_term=True\) joins the generators' terms"):
            task(*parts, one_term=True)
        assert task(*parts, scale=0.0, generators=[EMU(0.5)], one_term=True).one_term


def test_hide_between_is_refused_where_no_messages_pass():
    network = KGEModel(RGCN(NODES, RELATIONS, CHANNELS), DistMult(RELATIONS, CHANNELS))
    means = Tail(RELATIONS), Uniform(NODES, 5), InfoNCE()
    for model, graph in ((kge(), messages()), (kge(), None), (network, None)):
        with pytest.raises(UserError, match=r"LinkPrediction\(hide_between=True\) hides edges that messages"):
            LinkPrediction(model, *means, graph=graph, hide_between=True)
    assert LinkPrediction(network, *means, graph=messages(), hide_between=True)(toy()).isfinite()
