"""Two models that choose each other's negatives, and denied statements in the loss."""

import copy

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, Scores, denied, kge, known, messages, side, toy
from torch.testing import assert_close
from torch_geometric.data import HeteroData

from gnnneg import config
from gnnneg.corruption import Both, Tail
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import assemble, mirror, triplets
from gnnneg.decoders import ComplEx, DistMult
from gnnneg.encoders import RGCN, CompGCN
from gnnneg.errors import UserError
from gnnneg.generators import DeniedStatements
from gnnneg.interfaces import Drawn, Task
from gnnneg.losses import BCE, InfoNCE, MarginRanking
from gnnneg.models import Difference, KGEModel
from gnnneg.records import Negatives, Query, Triplets, asked
from gnnneg.samplers import All, Denied, Filtered, Hardest, Padded, Uniform
from gnnneg.tasks import Dual, LinkPrediction
from gnnneg.weighings import Confidence

BLIND = Scores(torch.zeros(1, NODES))  # a critic for those who ask none
NONE = Negatives(torch.zeros(1, 0, dtype=torch.long), torch.ones(1, 1))


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dual(stated: Triplets, against: Triplets, **options) -> Dual:
    torch.manual_seed(0)
    return Dual(side(stated), side(against), known(against), **options)


def test_each_is_handed_the_others_model():
    """The chosen candidates are the opponent's best unknown ones, found here by brute force."""
    task, batch = dual(toy(), denied()), toy()
    chosen: dict[str, tuple[Query, torch.Tensor, Negatives]] = {}
    for part, word in ((task.positive, "positive"), (task.negative, "negative")):
        part.sampler.register_forward_hook(
            lambda _, given, made, word=word: chosen.__setitem__(word, (given[0], given[1], made))
        )
    task.examples(toy())
    task(batch, draw())
    for word, opponent, facts in (
        ("positive", task.negative.model, known()),
        ("negative", task.positive.model, known(denied())),
    ):
        query, target, found = chosen[word]
        score = opponent.scorer(opponent.encode(None), query)(torch.arange(NODES)[None])
        refused = facts.contains(query, torch.arange(NODES)[None])
        score = score.masked_fill(refused, -torch.inf)
        for row in range(len(target)):
            there = found.weight[row] > 0
            assert not refused[row, found.index[row][there]].any()
            best = score[row].topk(int(there.sum())).values
            assert_close(score[row, found.index[row][there]].sort(descending=True).values, best)
        assert (found.index[:, 0] != target).all()


def test_own_choice_is_another():
    """Without the opponent each side is plain link prediction with its own critic."""
    task, batch = dual(toy(), denied(), opponent=False), toy()
    task.examples(toy())
    against = task.drawn(12, draw())
    assert_close(task(batch, draw()), task.positive(batch) + task.negative(against))
    assert abs(task(batch, draw()) - dual(toy(), denied())(batch, draw())) > 1e-3


def test_likeliest_or_least():
    score = torch.tensor([[3.0, 1.0, 2.0, 0.0, *[0.5] * (NODES - 4)]])
    query, target = Query(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)), torch.tensor([0])
    for likeliest, expected in ((True, 2), (False, 3)):
        found = Hardest(All(NODES), 1, likeliest)(query, target, Scores(score), draw())
        assert found.index.tolist() == [[expected]]  # the target itself, best of all, is never taken


def test_no_gradient_reaches_the_opponent():
    task = dual(toy(), denied())
    task.positive(toy(), draw(), task.negative.judge).backward()
    assert all(weight.grad is None for weight in task.negative.parameters())
    assert any(weight.grad is not None for weight in task.positive.parameters())


def test_swapping_the_graphs_swaps_the_models():
    """With the same weights and batches, the sides are treated alike."""
    one, other = dual(toy(), denied()), dual(denied(), toy())
    other.positive.model.load_state_dict(one.negative.model.state_dict())
    other.negative.model.load_state_dict(one.positive.model.state_dict())
    stated, against = toy(), denied()
    loss = one.positive(stated, draw(), one.negative.judge) + one.negative(against, draw(1), one.positive.judge)
    swapped = other.positive(against, draw(1), other.negative.judge) + other.negative(
        stated, draw(), other.positive.judge
    )
    assert_close(loss, swapped)
    head_index, rel_type, tail_index = toy()
    one.model.weight.fill_(1.0), other.model.weight.fill_(1.0)
    assert_close(
        one.model(None, head_index, rel_type, tail_index), -other.model(None, head_index, rel_type, tail_index)
    )


def test_one_candidate_is_uniform():
    """A pool of one leaves the opponent no choice."""
    query, target = asked(toy(), RELATIONS)
    plain = Uniform(NODES, 1)(query, target, BLIND, draw())
    found = Hardest(Uniform(NODES, 1), 1)(query, target, Scores(torch.randn(len(target), NODES)), draw())
    assert torch.equal(plain.index, found.index)


def test_difference_by_hand():
    positive, negative = kge(), kge(ComplEx)
    model, (head_index, rel_type, tail_index) = Difference(positive, negative, 0.3), toy()
    means = None, head_index, rel_type, tail_index
    assert_close(model(*means), positive(*means) - 0.3 * negative(*means))
    model.weight.fill_(0.0)
    assert torch.equal(model(*means), positive(*means))
    everyone = torch.arange(NODES)
    side_by_side = torch.cat([positive.encoder.weight, negative.encoder.weight], dim=1)
    assert torch.equal(model.encode(None)[everyone], side_by_side)
    table, place = model.encode(None).rows(torch.tensor([4, 2, 4]))
    assert torch.equal(table[place], side_by_side[torch.tensor([4, 2, 4])])


def test_validation_chooses_the_weight():
    task = dual(toy(), denied())
    assert task.tune(lambda: -abs(float(task.model.weight) - 0.2))
    assert float(task.model.weight) == pytest.approx(0.2)
    task = dual(toy(), denied(), weight=0.7)
    assert not task.tune(lambda: float(task.model.weight == 0.2))
    assert float(task.model.weight) == pytest.approx(0.7)


def test_one_table_for_both():
    task = dual(toy(), denied(), shared=True)
    apart = dual(toy(), denied())
    assert task.positive.model.encoder is task.negative.model.encoder
    count = {name: sum(p.numel() for p in each.trained()) for name, each in (("one", task), ("two", apart))}
    assert count["two"] - count["one"] == task.positive.model.encoder.weight.numel()
    task(toy(), draw()).backward()
    assert len([*task.trained()]) == len({id(p) for p in task.trained()})


def test_denied_batch_is_in_proportion():
    task = dual(toy(), denied())
    task.examples(toy())
    sizes = []
    task.negative.register_forward_hook(lambda _, given, made: sizes.append(len(given[0].rel_type)))
    half = Triplets(*(column[:20] for column in toy()))
    task(half, draw())
    task(toy(), draw())
    assert sizes == [round(20 * len(task.denied) / 40), len(task.denied)]


def test_denied_are_drawn_evenly():
    facts = known(denied())
    task, count = dual(toy(), denied()), torch.zeros(NODES, RELATIONS, NODES)
    found = task.drawn(20_000, draw())
    count.index_put_(tuple(found), torch.ones(20_000), accumulate=True)
    given = torch.zeros_like(count, dtype=torch.bool)
    given[tuple(denied())] = True
    assert not count[~given].any()
    expected = 20_000 / int(given.sum())
    # the chi-square of at most eleven degrees of freedom that has probability 0.001
    assert ((count[given] - expected) ** 2 / expected).sum() < 31.3
    assert len(facts) == int(given.sum())


def graph() -> HeteroData:
    every = [torch.zeros(len(part.rel_type), dtype=torch.long) for part in (toy(), denied())]
    names = [f"e{i}" for i in range(NODES)], [f"r{i}" for i in range(RELATIONS)]
    return assemble(toy(), every[0], *names, denied(), every[1])


def test_mirror_swaps_and_leaves_alone():
    data = graph()
    other = mirror(data)
    assert all(torch.equal(a, b) for a, b in zip(triplets(other, "denied"), triplets(data, "stated")))
    assert all(torch.equal(a, b) for a, b in zip(triplets(other, "stated"), triplets(data, "denied")))
    assert all(torch.equal(a, b) for a, b in zip(triplets(mirror(other)), toy()))
    assert all(torch.equal(a, b) for a, b in zip(triplets(data), toy()))


SIDE = {
    "class_path": "LinkPrediction",
    "init_args": {
        "model": {
            "class_path": "KGEModel",
            "init_args": {
                "encoder": {"class_path": "Lookup", "init_args": {"hidden_channels": 4}},
                "decoder": {"class_path": "DistMult"},
            },
        },
        "corruption": "Both",
        "sampler": {"class_path": "Filtered", "init_args": {"proposal": "All"}},
        "loss": "InfoNCE",
    },
}


def test_a_config_mirrors_the_negative_side():
    tree = {"class_path": "Dual", "init_args": {"positive": SIDE, "negative": copy.deepcopy(SIDE), "weight": 0.5}}
    task = config.resolve(Task, tree, "task", FACTS).build(Facts(graph()))
    assert torch.equal(task.positive.sampler.known.answer, known().answer)
    assert torch.equal(task.negative.sampler.known.answer, known(denied()).answer)
    assert task.negative.graph is None  # which a table does not look at
    passing = copy.deepcopy(tree)
    for one in ("positive", "negative"):
        encoder = {"class_path": "RGCN", "init_args": {"hidden_channels": 4}}
        passing["init_args"][one]["init_args"]["model"]["init_args"]["encoder"] = encoder
    over = config.resolve(Task, passing, "task", FACTS).build(Facts(graph()))
    assert torch.equal(over.negative.graph.edge_type[: len(denied().rel_type)], denied().rel_type)
    described = config.describe(task, Facts(graph()), "task")
    again = config.resolve(Task, described, "task", FACTS).build(Facts(graph()))
    assert torch.equal(again.negative.sampler.known.answer, known(denied()).answer)
    model = config.describe(task.model, Facts(graph()), "model")
    assert model["class_path"] == "Difference"
    assert model["init_args"]["weight"] == 0.5


def test_anchors_are_each_places_own(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("one: &x {a: 1}\nother: *x\n")
    tree = config.read(path)
    config.override(tree, ["--one.a", "2"])
    assert tree == {"one": {"a": 2}, "other": {"a": 1}}


@pytest.mark.parametrize("grouped", [True, False])
def test_denied_statements_are_scored_with_their_own_anchors(grouped):
    """The margin loss of each pair, written out; relation-grouped pairs share their relation and side."""
    model, facts = kge(), known(denied())
    query, target = Both(RELATIONS)(toy())
    scorer = model.scorer(model.encode(None), query)
    part = DeniedStatements(facts, 3, grouped, soft_label=0.1, scale=0.5)
    position, weight = part._positions(query, draw())
    made = part(Drawn(scorer, query, target, Negatives(target[:, None], torch.ones(1, 1)), draw()))
    other, answer = facts.at(position.flatten())
    owner = query.rel_type.repeat_interleave(3)
    there = weight.flatten() > 0
    if grouped:
        assert torch.equal(other.rel_type[there], owner[there])
    else:
        assert there.all()
        assert torch.equal(other.rel_type >= RELATIONS, owner >= RELATIONS)
    whole = torch.zeros(NODES, 2 * RELATIONS, NODES, dtype=torch.bool)
    h, r, t = denied()
    whole[h, r, t] = whole[t, r + RELATIONS, h] = True
    assert whole[other.anchor, other.rel_type, answer][there].all()
    # torch's own scoring of the triples, asked from the same side
    expected = model(None, other.anchor, other.rel_type, answer).view(-1, 3)
    assert_close(made.score, expected)
    assert (made.label, made.scale) == (0.1, 0.5)


def test_every_denied_statement_comes_up_evenly():
    facts = known(denied())
    query = Query(torch.zeros(30_000, dtype=torch.long), torch.zeros(30_000, dtype=torch.long))
    position, _ = DeniedStatements(facts, 1)._positions(query, draw())
    other, _ = facts.at(position.flatten())
    _, count = position.unique(return_counts=True)
    assert (other.rel_type == 0).all()
    stated = torch.stack(list(denied()), 1).unique(dim=0)
    assert len(count) == int((stated[:, 1] == 0).sum())
    expected = 30_000 / len(count)
    assert ((count - expected) ** 2 / expected).sum() < 31.3


def test_pointwise_is_labelled_examples():
    """Under binary cross-entropy the term is the softplus of each denied score, whatever it is paired with."""
    model, facts = kge(), known(denied())
    part = DeniedStatements(facts, 2, grouped=False)
    task = LinkPrediction(model, Tail(RELATIONS), Filtered(Uniform(NODES, 3), known()), BCE(), generators=[part])
    query, target = Tail(RELATIONS)(toy())
    scorer = model.scorer(model.encode(None), query)
    made = part(Drawn(scorer, query, target, NONE, draw()))
    loss = task.loss(scorer(target[:, None]), made.score, made.weight, made.label)
    alone = task.loss(scorer(target[:, None]), made.score, torch.zeros_like(made.score), made.label)
    assert_close(loss - alone, torch.nn.functional.softplus(made.score).sum(1))


def test_a_relation_without_denied_statements_is_left_alone():
    only = Triplets(*(column[denied().rel_type == 0] for column in denied()))
    part = DeniedStatements(KnownAnswers(only, NODES, RELATIONS), 2)
    query, target = Tail(RELATIONS)(toy())
    made = part(Drawn(kge().scorer(kge().encode(None), query), query, target, NONE, draw()))
    assert torch.equal(made.weight[:, 0] > 0, query.rel_type == 0)


def test_confidence_reaches_every_way_of_training():
    """Half-sure statements weigh half: as stated examples, as negatives of their query, as whole statements."""
    sure = torch.linspace(0.1, 1, len(denied().rel_type))
    facts = KnownAnswers(denied(), NODES, RELATIONS, sure)
    lookup = dict(zip(zip(*(column.tolist() for column in denied())), sure.tolist()))
    query, target = asked(denied(), RELATIONS)
    for head in (False, True):
        found = facts.sure(*asked(denied(), RELATIONS, head))
        expected = [lookup[key] for key in zip(*(column.tolist() for column in denied()))]
        assert_close(found, torch.tensor(expected))
    assert facts.sure(*asked(Triplets(*(column[:0] for column in toy())), RELATIONS)).shape == (0,)
    weight = Confidence(facts)(denied())
    assert_close(weight, torch.tensor(expected) / len(weight))

    negatives = Denied(facts, 4)(query, target, BLIND, draw())
    for row, (anchor, relation) in enumerate(zip(*(column.tolist() for column in query))):
        for entity, found in zip(negatives.index[row].tolist(), negatives.weight[row].tolist()):
            assert found == pytest.approx(lookup.get((anchor, relation, entity), 0) if found else 0)
    drawn = Drawn(kge().scorer(kge().encode(None), query), query, target, NONE, draw())
    made = DeniedStatements(facts, 3)(drawn)
    position, _ = DeniedStatements(facts, 3)._positions(query, draw())
    other, answer = facts.at(position.flatten())
    assert_close(made.weight.flatten(), facts.sure(other, answer) * (made.weight.flatten() > 0))


def test_the_surest_of_repeated_statements_counts():
    twice = Triplets(*(torch.cat([column, column]) for column in denied()))
    size = len(denied().rel_type)
    sure = torch.cat([torch.full((size,), 0.2), torch.full((size,), 0.7)])
    facts = KnownAnswers(twice, NODES, RELATIONS, sure)
    plain = known(denied())
    assert torch.equal(facts.answer, plain.answer)
    assert torch.equal(facts.key, plain.key)
    assert_close(facts.confidence, torch.full_like(facts.confidence, 0.7))


def test_denied_answers_made_up_with_random_ones():
    """The matching-query way composes: denied answers first, the rest uniform."""
    sampler = Padded(Denied(known(denied()), 3), Uniform(NODES, 3))
    query, target = asked(denied(), RELATIONS)
    found = sampler(query, target, BLIND, draw())
    first = Denied(known(denied()), 3)(query, target, BLIND, draw())
    assert torch.equal(found.index[first.weight > 0], first.index[first.weight > 0])
    assert (found.weight > 0).all()


def test_nothing_denied_is_said():
    none = known(Triplets(*(column[:0] for column in toy())))
    with pytest.raises(UserError, match="needs denied training statements"):
        Dual(side(toy()), side(toy()), none)
    with pytest.raises(UserError, match="needs denied training statements"):
        DeniedStatements(none)
    with pytest.raises(UserError, match=r"num_negatives=0\): give a whole number from 1"):
        DeniedStatements(known(denied()), 0)


def test_margin_ranking_pairs_by_relation():
    """Relation-grouped pairing: the mean of max(0, margin + denied - stated) over the pairs drawn."""
    model, part = kge(), DeniedStatements(known(denied()), 4)
    query, target = Tail(RELATIONS)(toy())
    scorer = model.scorer(model.encode(None), query)
    made = part(Drawn(scorer, query, target, NONE, draw()))
    positive = scorer(target[:, None])
    there = made.weight > 0
    expected = ((1.0 + made.score - positive).clamp(min=0) * there).sum(1) / there.sum(1).clamp(min=1)
    assert_close(MarginRanking(margin=1.0)(positive, made.score, made.weight, 0.0), expected)


def test_what_is_asked_is_not_to_be_read():
    """A signed encoder would see the denied statement that it is asked about, by an anchor of its own."""
    model = KGEModel(RGCN(NODES, RELATIONS, CHANNELS, signed=True), DistMult(RELATIONS, CHANNELS))
    part = DeniedStatements(known(denied()))
    with pytest.raises(UserError, match="use the sampler Denied"):
        LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 3), BCE(), generators=[part])


def test_the_table_that_both_share_is_the_first_sides():
    one, other = side(toy()), side(denied())
    table, own = one.model.encoder, other.model.decoder
    task = Dual(one, other, known(denied()), shared=True)
    assert task.positive.model.encoder is table
    assert task.negative.model.encoder is table
    assert task.negative.model.decoder is own


@pytest.mark.parametrize(("weight", "begins"), [(None, 0.0), (0.0, 0.0), (0.7, 0.7)])
def test_the_difference_begins_with_what_is_told(weight, begins):
    assert float(dual(toy(), denied(), weight=weight).model.weight) == pytest.approx(begins)


def test_a_difference_scores_nothing_but_its_own_encoding():
    model = Difference(kge(), kge())
    with pytest.raises(TypeError, match="what it has encoded itself"):
        model.scorer(model.positive.encode(None), Query(torch.tensor([0]), torch.tensor([0])))


def test_a_difference_hands_its_second_model_the_graph_it_has_and_no_other():
    given = []

    class Looking(KGEModel):
        uses_graph = True

        def encode(self, graph):
            given.append(graph)
            return super().encode(None)

    model = kge()
    looking = Looking(model.encoder, model.decoder)
    looking.uses_graph = True
    Difference(kge(), looking).encode(None)
    assert given == [None]


def test_an_encoder_that_holds_the_relations_is_not_shared():
    """The sides would be one model: the difference of their scores could tell nothing (fault 10)."""

    def half(states: bool) -> LinkPrediction:
        encoder = CompGCN(NODES, RELATIONS, CHANNELS, relation_states=states)
        model = KGEModel(encoder, DistMult(RELATIONS, CHANNELS, reciprocal=states))
        return LinkPrediction(model, Both(RELATIONS), Uniform(NODES, 3), InfoNCE(), graph=messages())

    with pytest.raises(UserError, match="both sides would be one and the same model"):
        Dual(half(True), half(True), known(denied()), shared=True)
    task = Dual(half(False), half(False), known(denied()), shared=True)
    assert task.positive.model.encoder is task.negative.model.encoder
    assert task.positive.model.decoder.relation.weight is not task.negative.model.decoder.relation.weight
