"""Samplers made of samplers, against brute force."""

import networkx
import pytest
import torch
from examples import NODES, RELATIONS, Scores, graph, kge, known, sparse, toy
from torch.testing import assert_close

from gnnneg import samplers
from gnnneg.data.known import KnownAnswers
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.interfaces import Sampler
from gnnneg.labels import PathLabel, SlotLabel
from gnnneg.records import Negatives, Query, Triplets, asked
from gnnneg.samplers import (
    All,
    Cached,
    Curriculum,
    Denied,
    Discounted,
    Diverse,
    Filtered,
    HardDraw,
    Hardest,
    Influence,
    Mixture,
    Nearest,
    Padded,
    PreBatch,
    SelfPaced,
    Uniform,
    WithCritic,
)
from gnnneg.samplers.diverse import greedy


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def asking():
    """Queries, targets and a critic whose scores are known: ``(40, n)``."""
    query, target = asked(toy(), RELATIONS)
    return query, target, Scores(torch.randn(len(target), NODES, generator=chance()))


def test_hardest_is_the_top_of_what_is_there(asking):
    query, target, critic = asking
    found = Hardest(Filtered(All(NODES), known()), 3)(query, target, critic)
    mask = Filtered(All(NODES), known())(query, target, critic).weight == 0
    wanted = critic.score.masked_fill(mask, -torch.inf).topk(3, dim=1).indices
    assert torch.equal(found.index, wanted)
    assert (found.weight == 1).all()


@pytest.mark.parametrize("proposal", [All(NODES), Filtered(Uniform(NODES, 9), known())])
def test_hardest_in_chunks(asking, proposal, monkeypatch):
    """A few columns at a time: the same ones in the same order."""
    import gnnneg.samplers.hardest

    whole = Hardest(proposal, 2)(*asking, chance())
    monkeypatch.setattr(gnnneg.samplers.hardest, "SCORES", 3 * 40)
    parts = Hardest(proposal, 2)(*asking, chance())
    assert torch.equal(whole.weight, parts.weight)
    score = asking[2].score
    assert_close(score.gather(1, whole.index), score.gather(1, parts.index))


def test_hardest_leaves_absent_ones_absent(asking):
    """With fewer there than asked for, the rest has weight 0."""
    query, target, critic = asking
    offered = Filtered(All(NODES), known())(query, target, critic)
    found = Hardest(Filtered(All(NODES), known()), NODES)(query, target, critic)
    assert torch.equal((found.weight > 0).sum(1), (offered.weight > 0).sum(1))


def test_hard_draw_follows_the_softmax(asking):
    query, target, critic = asking
    count = torch.zeros(len(target), NODES)
    sampler = HardDraw(Filtered(All(NODES), known()), 50, temperature=0.5)
    for seed in range(100):
        count += torch.nn.functional.one_hot(sampler(query, target, critic, chance(seed)).index, NODES).sum(1)
    mask = Filtered(All(NODES), known())(query, target, critic).weight == 0
    wanted = (critic.score / 0.5).masked_fill(mask, -torch.inf).softmax(1)
    assert (count[mask] == 0).all()
    assert_close(count / 5000, wanted, atol=0.04, rtol=0)


def test_weights_undo_the_preference(asking):
    """Enumerated: in expectation a draw's weighted value is the mean over what is proposed."""
    query, target, critic = asking
    value = torch.rand(NODES)
    sampler = HardDraw(All(NODES), 40_000, temperature=0.5)
    drawn = sampler(query, target, critic, chance())
    offered = All(NODES)(query, target, critic).weight
    share = (critic.score / 0.5).masked_fill(offered == 0, -torch.inf).softmax(1)
    assert_close(drawn.weight * share.gather(1, drawn.index) * NODES, torch.ones_like(drawn.weight))
    found = (drawn.weight * value[drawn.index]).mean()
    assert_close(found, (offered * value).mean(), atol=0.015, rtol=0)
    plain = HardDraw(All(NODES), 40_000, temperature=0.5, weighted=False)(query, target, critic, chance())
    assert torch.equal(plain.index, drawn.index)
    assert (plain.weight == 1).all()


def test_mixture_counts_as_declared(asking):
    query, target, critic = asking
    parts = [Uniform(NODES, 6), Hardest(All(NODES), 2)]
    plain, told = (
        Mixture(parts)(query, target, critic, chance()),
        Mixture(parts, [0.2, 0.6])(query, target, critic, chance()),
    )
    assert torch.equal(plain.index, told.index)
    assert torch.equal(plain.index[:, 6:], Hardest(All(NODES), 2)(query, target, critic).index)
    assert_close(plain.weight, torch.ones(40, 8))
    assert_close(told.weight[:, :6].sum(1), torch.full((40,), 2.0))  # a quarter of eight
    assert_close(told.weight[:, 6:].sum(1), torch.full((40,), 6.0))


def test_a_mixture_of_shared_ones_is_shared(asking):
    query, target, critic = asking
    found = Mixture([Uniform(NODES, 4, shared=True), Filtered(Uniform(NODES, 3, shared=True), known())])(
        query, target, critic
    )
    assert found.index.shape == (1, 7)


def test_mixture_needs_a_share_for_each():
    with pytest.raises(UserError, match="give each its share"):
        Mixture([Uniform(NODES, 4)], [0.5, 0.5])


def test_denied_ones_stand_there_once(asking):
    query, target, critic = asking
    denied = known(toy(60, 5))
    for k in (1, 2, 30):
        found = Denied(denied, k)(query, target, critic, chance(k))
        for i in range(len(target)):
            _, answers = denied.answers(Query(query.anchor[i : i + 1], query.rel_type[i : i + 1]))
            given = found.index[i][found.weight[i] > 0].tolist()
            assert len(given) == len(set(given)) == min(k, len(answers))
            assert set(given) <= set(answers.tolist())


def test_denied_ones_are_all_as_probable(asking):
    """More than asked for: each comes equally often."""
    query, target, critic = asking
    denied = known(toy(400, 5))
    count, size = torch.zeros(len(target), NODES), denied.count(query)
    for seed in range(600):
        found = Denied(denied, 2)(query, target, critic, chance(seed))
        count += (torch.nn.functional.one_hot(found.index, NODES) * found.weight[..., None]).sum(1)
    row, answer = denied.answers(query)
    wanted = torch.zeros_like(count)
    wanted[row, answer] = (2 / size.clamp(min=2))[row]
    assert_close(count / 600, wanted, atol=0.1, rtol=0)


def test_padded_fills_what_is_absent(asking):
    query, target, critic = asking
    first, rest = Denied(known(sparse()), 4), Uniform(NODES, 4)
    found = Padded(first, rest)(query, target, critic, chance())
    rng = chance()
    denied, random = first(query, target, critic, rng), rest(query, target, critic, rng)
    assert (found.weight == 1).all()
    assert torch.equal(found.index, torch.where(denied.weight > 0, denied.index, random.index))
    assert 0 < (denied.weight > 0).sum() < denied.weight.numel()


def test_discounted_by_its_label(asking):
    query, target, critic = asking
    label = SlotLabel(known(sparse()), 0.7, 0.1)
    found = Discounted(All(NODES), label)(query, target, critic)
    assert_close(found.weight, All(NODES)(query, target, critic).weight * (1 - label(query, found.index)))


def test_curriculum_goes_on_while_training_only(asking):
    query, target, critic = asking
    sampler = Curriculum([Uniform(NODES, 2), Uniform(NODES, 3), Uniform(NODES, 4)], [0, 2, 3])

    def sizes(times):
        return [sampler(query, target, critic).index.size(1) for _ in range(times)]

    assert sizes(1) == [2]
    sampler.eval()
    assert sizes(5) == [2] * 5
    other = Curriculum([Uniform(NODES, 2), Uniform(NODES, 3), Uniform(NODES, 4)], [0, 2, 3])
    other.load_state_dict(sampler.state_dict())
    sampler = other
    assert sizes(5) == [2, 3, 4, 4, 4]


@pytest.mark.parametrize("starts", [[1, 2], [0], [0, 0]])
def test_curriculum_needs_rising_starts(starts):
    with pytest.raises(UserError, match="give each its start, rising from 0"):
        Curriculum([Uniform(NODES, 2), Uniform(NODES, 3)], starts)


@pytest.mark.parametrize("violation", [0.1, 0.4])
def test_self_paced_finds_the_wanted_hardness(violation):
    """Against a frozen critic the share of negatives above their targets comes to what is wanted."""
    nodes, b = 400, 200
    query = Query(torch.zeros(b, dtype=torch.long), torch.zeros(b, dtype=torch.long))
    target = torch.zeros(b, dtype=torch.long)
    score = torch.randn(b, nodes, generator=chance())
    score[:, 0] = 2.2  # about one in 70 scores above the target
    sampler, rng = SelfPaced(Uniform(nodes, 300), 5, violation), chance()
    above = []
    for _ in range(150):
        found = sampler(query, target, Scores(score), rng)
        above.append(float((score.gather(1, found.index) > 2.2).float().mean()))
    assert above[0] < 0.05
    assert abs(sum(above[-50:]) / 50 - violation) < 0.02
    assert 5 < float(sampler.log_size.exp()) < 300


def test_self_paced_keeps_the_hardest_of_the_first(asking):
    query, target, critic = asking
    sampler = SelfPaced(All(NODES), 2).eval()
    sampler.log_size.fill_(torch.tensor(6.0).log())
    found = sampler(query, target, critic)
    score = critic.score[:, :6].masked_fill(target[:, None] == torch.arange(6), -torch.inf)
    assert torch.equal(found.index, score.topk(2, dim=1).indices)


class Vectors(Scores):
    """A critic that has vectors."""

    def __init__(self, vector):
        super().__init__(torch.zeros(1, NODES))
        self.vector = vector

    def embed(self, index):
        return self.vector[index]


@pytest.mark.parametrize(("num_neighbors", "size"), [(3, 3), (0.25, 3)])
def test_nearest_by_cosine(asking, num_neighbors, size):
    query, target, _ = asking
    vector = torch.randn(NODES, 4)
    like = torch.nn.functional.cosine_similarity(vector[:, None], vector[None], dim=2).fill_diagonal_(-torch.inf)
    wanted = like.topk(size, dim=1).indices
    sampler, drawn = Nearest(NODES, 50, num_neighbors), [set() for _ in range(NODES)]
    index = sampler(query, target, Vectors(vector), chance()).index
    for t, row in zip(target.tolist(), index.tolist()):
        drawn[t] |= set(row)
    for t in target.unique().tolist():
        assert drawn[t] == set(wanted[t].tolist())


def test_nearest_are_found_anew_when_due(asking):
    query, target, _ = asking
    one, other = Vectors(torch.randn(NODES, 4)), Vectors(torch.randn(NODES, 4))
    sampler = Nearest(NODES, 5, 3, refresh=2)

    def table(critic):
        sampler(query, target, critic, chance())
        return sampler.table.clone()

    first = table(one)
    assert torch.equal(table(other), first)
    changed = table(other)
    assert not torch.equal(changed, first)
    sampler.eval()
    assert torch.equal(table(one), changed)
    never = Nearest(NODES, 5, 3)
    for critic in (one, other, other):
        never(query, target, critic, chance())
    assert torch.equal(never.table, first)


def test_former_names():
    with pytest.warns(FormerName, match="'neighbours' is now called 'num_neighbors'"):
        assert Nearest(NODES, 5, neighbours=3).table.size(1) == 3
    with pytest.warns(FormerName, match="'Taught' is now called 'WithCritic'"):
        assert samplers.Taught is WithCritic


@pytest.mark.parametrize("num_neighbors", [0, NODES, 1.0])
def test_nearest_needs_some_but_not_all(num_neighbors):
    with pytest.raises(UserError, match=f"of {NODES} entities: give 1 to {NODES - 1}, or a share below 1"):
        Nearest(NODES, 5, num_neighbors)


def test_taught_asks_the_teacher(asking, tmp_path):
    from safetensors.torch import save_file

    query, target, critic = asking
    teacher, path = kge(), tmp_path / "model.safetensors"
    save_file(teacher.state_dict(), path)
    wanted = Hardest(All(NODES), 3)(query, target, teacher.scorer(teacher.encode(None), query)).index
    for taught in (WithCritic(Hardest(All(NODES), 3), teacher), WithCritic(Hardest(All(NODES), 3), kge(), str(path))):
        assert torch.equal(taught(query, target, critic).index, wanted)
        assert not any(weight.requires_grad for weight in taught.parameters())
    assert not torch.equal(Hardest(All(NODES), 3)(query, target, critic).index, wanted)


def test_a_teacher_without_weights_says_what_to_do(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(UserError, match=r"cannot be read .* give a run's model.safetensors"):
        WithCritic(All(NODES), kge(), str(tmp_path / "none.safetensors"))
    save_file({"else": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="are not the teacher's"):
        WithCritic(All(NODES), kge(), str(tmp_path / "other.safetensors"))


def test_pre_batch_remembers_the_last_targets():
    sampler, critic = PreBatch(2), Scores(torch.zeros(3, NODES))
    batches = [torch.tensor(row) for row in ([0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 0])]
    query = Query(torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    found = [sampler(query, target, critic) for target in batches]
    assert found[0].index.tolist() == [[0, 1, 2]]
    assert found[1].index.tolist() == [[3, 4, 5, 0, 1, 2]]
    assert found[3].index.tolist() == [[9, 10, 0, 6, 7, 8, 3, 4, 5]]
    assert found[3].weight.tolist()[2] == [1, 1, 0, 1, 1, 1, 1, 1, 1]


def distinct_rows(cache: torch.Tensor) -> bool:
    return all(len(set(row)) == len(row) for row in cache.tolist())


def test_the_cache_comes_to_the_top():
    """With a frozen model and the best kept, each query's cache comes to its highest scores, known answers aside."""
    facts, model = known(), kge()
    query, target = asked(toy(), RELATIONS)
    sampler, rng = Cached(Uniform(NODES, 3), facts, 2, size=4, temperature=0.0), chance()
    critic = model.scorer(model.encode(None), query)
    for _ in range(200):
        sampler(query, target, critic, rng)
    score = critic(torch.arange(NODES)[None])
    row, _ = facts.row(query)
    every = torch.arange(NODES)[None]
    score = score.masked_fill(facts.contains(query, every), -torch.inf)
    for i in range(len(target)):
        best = score[i].topk(4)
        assert set(sampler.cache[row[i]].tolist()) >= set(best.indices[best.values > -torch.inf].tolist())
    assert distinct_rows(sampler.cache[row])
    drawn = sampler(query, target, critic, rng)
    assert not facts.contains(query, drawn.index)[drawn.weight > 0].any()


def test_the_cache_by_chance_prefers_the_top():
    """Importance sampling keeps higher scores more often, and the more so the colder."""
    facts, model = known(), kge()
    query, target = asked(toy(), RELATIONS)
    critic = model.scorer(model.encode(None), query)
    mean = []
    for temperature in (10.0, 0.1, 0.0):
        sampler, rng, total = Cached(Uniform(NODES, 3), facts, 2, 4, temperature, purge=False), chance(), 0.0
        for step in range(60):
            index = sampler(query, target, critic, rng).index
            total += float(critic(index).detach().mean()) * (step >= 20)
        mean.append(total)
    assert mean[0] < mean[1] < mean[2]


def test_without_purge_known_answers_are_drawn_like_others():
    """With nobody preferred, each entity is drawn as often as any other, known answers too; else they never are."""
    facts, (query, target) = known(), asked(toy(), RELATIONS)
    answers = facts.contains(query, torch.arange(NODES)[None]).float().mean()
    for purge, wanted in ((False, answers), (True, 0.0)):
        sampler, rng, found = Cached(Uniform(NODES, 6), facts, 20, size=4, purge=purge), chance(), []
        for _ in range(100):
            drawn = sampler(query, target, Scores(torch.zeros(len(target), NODES)), rng)
            found.append((facts.contains(query, drawn.index) & (drawn.weight > 0)).float().mean())
        assert torch.stack(found).mean() == pytest.approx(float(wanted), abs=0.02 * (not purge))
    assert answers > 0.05


class Offers(Sampler):
    """Always the same."""

    def __init__(self, index):
        super().__init__()
        self.index = index

    def forward(self, query, target, critic, rng=None):
        return Negatives(self.index, torch.ones(1, 1))


def test_nothing_new_leaves_the_cache_as_it_is():
    """Offered only what is in it already, a cache without purge is permuted."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0], [0], [1]])), NODES, 1)
    query, target = Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([1])
    sampler = Cached(Offers(torch.tensor([[3, 5]])), facts, 1, size=3, purge=False)
    sampler.cache[:] = torch.tensor([3, 5, 7])
    for seed in range(5):
        sampler(query, target, Scores(torch.randn(1, NODES)), chance(seed))
        assert sorted(sampler.cache[facts.row(query)[0][0]].tolist()) == [3, 5, 7]


def test_the_cache_is_renewed_when_due(asking):
    query, target, critic = asking
    sampler = Cached(Uniform(NODES, 5), known(), 2, size=4, every=3)
    before = sampler.cache.clone()
    changed = []
    for step in range(6):
        sampler(query, target, critic, chance(step))
        changed.append(not torch.equal(sampler.cache, before))
        before = sampler.cache.clone()
    assert changed == [True, False, False, True, False, False]


def test_unknown_queries_have_no_cache(asking):
    query, target, critic = asking
    sampler = Cached(Uniform(NODES, 5), known(sparse()), 2, size=4)
    found = sampler(query, target, critic, chance())
    assert found.index.shape == (40, 2)
    kept, there = known(sparse()).row(query)
    assert set(sampler.cache[:, 0].ge(0).nonzero().flatten().tolist()) == set(kept[there].tolist())


def test_path_label_against_networkx():
    triplets = toy(12, 4)
    length = dict(networkx.all_pairs_shortest_path_length(graph(triplets)))
    query = Query(torch.arange(NODES), torch.zeros(NODES, dtype=torch.long))
    for hops in (0, 1, 2):
        found = PathLabel(known(triplets), hops, 0.5, 0.25)(query, torch.arange(NODES)[None])
        for a in range(NODES):
            for c in range(NODES):
                assert found[a, c] == (0.5 if length[a].get(c, 99) <= hops else 0.25)


def test_influence_is_what_a_step_would_change():
    """A tiny step on each candidate's loss, written out: those that change the positive's loss most are kept."""
    torch.manual_seed(0)
    model, size = kge(), 1e-3
    query, target = asked(Triplets(*(column[:4] for column in toy())), RELATIONS)
    critic = model.scorer(model.encode(None), query)
    kept = Influence(All(NODES), 3)(query, target, critic)
    for i in range(4):
        own = query.anchor[i], query.rel_type[i]
        anchor, relation = (
            w.detach().double() for w in (model.encoder.weight[own[0]], model.decoder.relation.weight[own[1]])
        )
        vectors, wanted = model.encoder.weight.detach().double(), []
        for j in range(NODES):
            a, r = anchor.clone().requires_grad_(), relation.clone().requires_grad_()
            torch.nn.functional.softplus((a * r * vectors[j]).sum()).backward()
            moved = (a - size * a.grad).detach() * (r - size * r.grad).detach()
            before, after = ((own * vectors[target[i]]).sum() for own in (anchor * relation, moved))
            change = torch.nn.functional.softplus(-after) - torch.nn.functional.softplus(-before)
            wanted.append(float(change.abs()) if j != target[i] else -1.0)
        assert set(kept.index[i].tolist()) == set(torch.tensor(wanted).topk(3).indices.tolist())


def test_influence_needs_a_model_with_parameters_of_the_query(asking):
    with pytest.raises(UserError, match="Influence asks a decoder, and this model has none: leave Influence out"):
        Influence(All(NODES), 3)(*asking)


def test_diverse_is_the_greedy_determinant():
    """Each step against the determinants of every candidate's kernel, written out."""
    torch.manual_seed(0)
    b, nodes, temperature = 5, 8, 0.7
    score, vector = torch.randn(b, nodes), torch.nn.functional.normalize(torch.randn(b, nodes, 5), dim=2)
    found = greedy(score / temperature, vector, 4)
    for i in range(b):
        quality = (score[i].double() / (2 * temperature)).exp()
        kernel = quality[:, None] * (vector[i] @ vector[i].T).double() * quality[None]
        taken: list[int] = []
        for step in range(4):
            rest = [j for j in range(nodes) if j not in taken]
            gains = [float(torch.det(kernel[[*taken, j]][:, [*taken, j]])) for j in rest]
            taken.append(rest[max(range(len(rest)), key=lambda k: gains[k])])
            assert found[i, step] == taken[-1]


def test_diverse_passes_over_a_twin(asking):
    """Two entities with one vector: only one of them is taken, however hard both are; a cold draw takes both."""
    query, target, _ = asking
    vector = torch.eye(NODES)
    vector[1] = vector[0]

    class Both(Vectors):
        def __call__(self, index):
            score = torch.zeros(NODES)
            score[:2] = 3.0
            return score[index].expand(len(target), -1)

    offers = Offers(torch.arange(NODES)[None])
    warm = Diverse(offers, 4)(query, target, Both(vector)).index
    assert (((warm == 0) | (warm == 1)).sum(1) == 1).all()
    assert set(Hardest(offers, 4)(query, target, Both(vector)).index[0].tolist()) >= {0, 1}


def test_diverse_takes_absent_ones_last(asking):
    query, target, critic = asking
    critic.embed = lambda index: torch.eye(NODES)[index]
    offered = Filtered(All(NODES), known())(query, target, critic)
    found = Diverse(Filtered(All(NODES), known()), NODES)(query, target, critic)
    assert torch.equal((found.weight > 0).sum(1), (offered.weight > 0).sum(1))
    assert all(len(set(row)) == NODES for row in found.index.tolist())


class Nothing(Sampler):
    """Offers entities 1 to 5, the first row's as absent."""

    def forward(self, query, target, critic, rng=None):
        index = torch.arange(1, 6).expand(len(target), -1)
        weight = torch.ones(len(target), 5)
        weight[0] = 0
        return Negatives(index, weight)


def test_influence_keeps_more_than_there_are_queries():
    torch.manual_seed(0)
    model, query = kge(), Query(torch.tensor([0, 1]), torch.tensor([0, 1]))
    found = Influence(Nothing(), 4)(query, torch.tensor([2, 3]), model.scorer(model.encode(None), query))
    assert found.index.shape == (2, 4)
    assert (found.weight[1] == 1).all()
    assert (found.weight[0] == 0).all()


def test_hardest_of_no_query():
    none = torch.empty(0, dtype=torch.long)
    assert Hardest(All(NODES), 3)(Query(none, none), none, Scores(torch.zeros(0, NODES))).index.shape[0] == 0


def test_a_cache_without_any_fact_gives_any_entities():
    none = torch.empty(0, dtype=torch.long)
    empty = KnownAnswers(Triplets(none, none, none), NODES, RELATIONS)
    anchor = torch.arange(NODES)
    sampler = Cached(Uniform(NODES, 5), empty, 50, size=6)
    query = Query(anchor, torch.zeros_like(anchor))
    found = sampler(query, anchor, Scores(torch.zeros(NODES, NODES)), chance())
    assert found.index.unique().tolist() == list(range(NODES))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": NODES}, {"num_negatives": 0}, {"every": 0}])
def test_a_cache_says_which_sizes_it_takes(wrong):
    with pytest.raises(UserError, match=f"at least 1 each, and a cache smaller than the {NODES} entities"):
        Cached(Uniform(NODES, 5), known(), **{"num_negatives": 3, "size": 4, **wrong})


def test_the_cache_counts_its_steps_forward(asking):
    sampler = Cached(Uniform(NODES, 5), known(), 3, size=4)
    for _ in range(3):
        sampler(*asking, chance())
    assert int(sampler.step) == 3


def test_a_cache_of_one_is_renewed_by_the_softmax():
    """Kept are entities in proportion to exp(s / T): of a cache of one, by hand."""
    facts = KnownAnswers(Triplets(*torch.tensor([[0], [0], [4]])), 5, 1)
    score = torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.0]])
    wanted = (score[:, :4] / 2).softmax(1)[0]
    asked_of = Query(torch.tensor([0]), torch.tensor([0])), torch.tensor([4]), Scores(score)
    count, draw = torch.zeros(5), chance(3)
    for _ in range(3000):
        sampler = Cached(All(5), facts, 1, size=1, temperature=2.0)
        sampler(*asked_of, draw)
        count[sampler.cache[facts.row(asked_of[0])[0]]] += 1
    assert_close(count[:4] / 3000, wanted, atol=0.03, rtol=0)
    assert count[4] == 0
