import time

import pytest
import torch
from torch.nn.functional import cross_entropy

from gnnneg.data.statements import triplets
from gnnneg.data.synthetic import RELATIONS, TYPES, world
from gnnneg.errors import UserError
from gnnneg.records import Triplets

NAMES = list(RELATIONS)


def pairs(of: Triplets, relation: str) -> set[tuple[int, int]]:
    chosen = of.rel_type == NAMES.index(relation)
    return set(zip(of.head_index[chosen].tolist(), of.tail_index[chosen].tolist()))


@pytest.fixture(scope="module", params=[(40, 0), (200, 1), (333, 2)], ids=str)
def made(request: pytest.FixtureRequest):
    return world(request.param[0], seed=request.param[1])


def test_the_truth_follows_its_rules(made) -> None:
    true = {name: pairs(made.truth, name) for name in NAMES}
    for name in ("located_in", "lies_on", "capital_of", "lives_in", "citizen_of", "based_in", "works_for", "leads"):
        heads = [h for h, _ in true[name]]
        assert len(heads) == len(set(heads)), f"{name} is functional"
    for name in ("capital_of", "leads"):
        assert len({t for _, t in true[name]}) == len(true[name]), f"{name} is one-to-one"
    assert true["capital_of"] <= true["located_in"]
    assert true["leads"] <= true["works_for"]
    assert true["employs"] == {(t, h) for h, t in true["works_for"]}
    country = dict(true["located_in"])
    assert true["citizen_of"] == {(person, country[city]) for person, city in true["lives_in"]}
    direct = true["located_in"] | true["lies_on"]
    assert true["within"] == direct | {(a, d) for a, b in direct for c, d in direct if b == c}
    for name, group in (("colleague_of", "works_for"), ("neighbor_of", "lives_in")):
        of = dict(true[group])
        assert true[name] == {(a, b) for a in of for b in of if a != b and of[a] == of[b]}


def test_types_and_names_agree(made) -> None:
    store = made.data["entity"]
    assert store.type.sum(1).eq(1).all()
    kind = [TYPES[k] for k in store.type.long().argmax(1).tolist()]
    assert [name.split("_")[0] for name in store.names] == kind
    assert len(set(store.names)) == store.num_nodes
    for part in (made.truth, triplets(made.data, "denied")):
        for h, r, t in zip(*(x.tolist() for x in part)):
            left, right = RELATIONS[NAMES[r]]
            assert kind[h] in left.split()
            assert kind[t] in right.split()


def test_what_is_stated_is_true_and_what_is_denied_is_false(made) -> None:
    truth = set(zip(*(x.tolist() for x in made.truth)))
    stated = list(zip(*(x.tolist() for x in triplets(made.data))))
    denied = list(zip(*(x.tolist() for x in triplets(made.data, "denied"))))
    assert set(stated) < truth, "something true is left unknown"
    assert not set(denied) & truth
    assert len(set(stated)) == len(stated)
    assert len(set(denied)) == len(denied)
    assert len(stated) == pytest.approx(0.8 * len(truth), rel=0.05)
    assert len(denied) > 0.9 * len(stated)
    for split in ("train", "valid", "test"):
        asked = {(h, r) for h, r, _ in zip(*(x.tolist() for x in triplets(made.data, "stated", split)))}
        assert {(h, r) for h, r, _ in zip(*(x.tolist() for x in triplets(made.data, "denied", split)))} <= asked
    train = triplets(made.data, "stated", "train")
    assert len(set(torch.cat([train.head_index, train.tail_index]).tolist())) == made.data["entity"].num_nodes
    assert set(train.rel_type.tolist()) == set(range(len(NAMES)))
    assert made.true(triplets(made.data)).all()
    assert not made.true(triplets(made.data, "denied")).any()


def test_false_negatives_are_counted_exactly() -> None:
    made = world(60, observed=0.6)
    truth, train = (set(zip(*(x.tolist() for x in t))) for t in (made.truth, triplets(made.data, "stated", "train")))
    everything = torch.cartesian_prod(*(torch.arange(n) for n in (60, len(NAMES), 60)))
    true = made.true(Triplets(*everything.T))
    assert int(true.sum()) == len(truth)
    unknown = [row for row, yes in zip(map(tuple, everything.tolist()), true.tolist()) if yes and row not in train]
    assert len(unknown) == len(truth - train)


def test_seeds_shares_and_time() -> None:
    begin = time.perf_counter()
    one, same, other = world(seed=3), world(seed=3), world(seed=4)
    assert time.perf_counter() - begin < 3
    assert all(torch.equal(a, b) for a, b in zip(one.truth, same.truth))
    for polarity in ("stated", "denied"):
        assert all(torch.equal(a, b) for a, b in zip(triplets(one.data, polarity), triplets(same.data, polarity)))
    assert not all(torch.equal(a, b) for a, b in zip(triplets(one.data), triplets(other.data)))
    whole = world(observed=1.0, denied=0.0)
    assert triplets(whole.data).head_index.numel() == whole.truth.head_index.numel()
    assert triplets(whole.data, "denied").head_index.numel() == 0
    few = triplets(world(denied=0.25).data, "denied").head_index.numel()
    assert few == pytest.approx(0.25 * triplets(world().data).head_index.numel(), rel=0.05)
    for wrong in ({"num_entities": 39}, {"observed": 0.0}, {"denied": 1.5}):
        with pytest.raises(UserError):
            world(**wrong)  # type: ignore[arg-type]


def test_it_can_be_learned() -> None:
    """DistMult with plain softmax ranks held-out tails far better than chance (1/200 of the way, on average 100th)."""
    made = world(200)
    n, r = 200, len(NAMES)
    rng = torch.Generator().manual_seed(0)
    entity = torch.randn(n, 32, generator=rng).mul_(0.3).requires_grad_()
    relation = torch.randn(r, 32, generator=rng).mul_(0.3).requires_grad_()
    optimizer = torch.optim.Adam([entity, relation], lr=0.05, weight_decay=1e-4)
    train = triplets(made.data, "stated", "train")
    for _ in range(60):
        optimizer.zero_grad()
        score = (entity[train.head_index] * relation[train.rel_type]) @ entity.T
        cross_entropy(score, train.tail_index, label_smoothing=0.1).backward()
        optimizer.step()
    test = triplets(made.data, "stated", "test")
    with torch.no_grad():
        score = (entity[test.head_index] * relation[test.rel_type]) @ entity.T
    rank = 1 + (score > score.gather(1, test.tail_index[:, None])).sum(1)
    assert float((1 / rank).mean()) > 0.2  # by chance 0.03


def test_denied_tails_are_drawn_evenly_from_what_is_wrong_and_of_a_fitting_type():
    """Each denied tail's place among all that might have been denied, listed one by one: chi-square over tenths."""
    place, draw = [], torch.Generator().manual_seed(0)
    for seed in range(40):
        made = world(60, observed=1.0, seed=seed)
        true = set(zip(*(column.tolist() for column in made.truth)))
        kinds = made.data["entity"].type.long().argmax(1).tolist()
        for head, relation, tail in zip(*(column.tolist() for column in triplets(made.data, "denied"))):
            right = list(RELATIONS.values())[relation][1].split()
            might = [
                e for e, k in enumerate(kinds) if TYPES[k] in right and e != head and (head, relation, e) not in true
            ]
            place.append((might.index(tail) + float(torch.rand((), generator=draw))) / len(might))
    counts = torch.histc(torch.tensor(place), bins=10, min=0, max=1)
    assert len(place) > 3000
    expected = len(place) / 10
    assert ((counts - expected) ** 2 / expected).sum() < 27.9  # one in a thousand, 9 degrees of freedom


def test_a_large_world_takes_memory_in_proportion():
    """Twenty thousand entities, whose pairs alone would be three gigabytes; six statements and more for each."""
    made = world(20_000)
    assert len(made.truth.rel_type) > 120_000
    assert not made.true(triplets(made.data, "denied")).any()


def test_plausible_denials_are_of_the_same_region(made) -> None:
    size = made.data["entity"].num_nodes
    near = world(size, plausible=1.0, seed=3)
    true = {name: dict(pairs(near.truth, name)) for name in ("located_in", "lies_on", "citizen_of", "based_in")}
    of = {**true["located_in"], **true["lies_on"], **true["citizen_of"]}
    of |= {firm: of[city] for firm, city in true["based_in"].items()}
    kind = near.data["entity"].type.long().argmax(1).tolist()
    answers: dict[tuple[int, int], set[int]] = {}
    for h, r, t in zip(*(column.tolist() for column in near.truth)):
        answers.setdefault((h, r), set()).add(t)
    count = 0
    for h, r, t in zip(*(column.tolist() for column in triplets(near.data, "denied"))):
        regions = {(kind[a], of.get(a)) for a in answers[h, r]}
        rivals = {e for e in range(size) if (kind[e], of.get(e)) in regions} - answers[h, r] - {h}
        assert t not in answers[h, r]
        if rivals:
            count += 1
            # of a head with true tails in several regions, any of them
            assert (kind[t], of.get(t)) in regions or not {e for e in rivals if kind[e] == kind[t]}
    assert count > 0.8 * len(triplets(near.data, "denied").rel_type)


def test_half_of_what_is_denied_may_be_plausible() -> None:
    def share(plausible: float) -> float:
        some = world(300, plausible=plausible)
        home = dict(pairs(some.truth, "citizen_of"))
        denied = [(h, t) for h, t in pairs(triplets(some.data, "denied"), "colleague_of")]
        return sum(home[h] == home[t] for h, t in denied) / len(denied)

    assert share(0.0) < 0.3 < share(0.5) < 0.75 < share(1.0)


def test_names_read_like_those_of_a_town() -> None:
    named, plain = world(333, named=True, seed=1), world(333, seed=1)
    names = named.data["entity"].names
    assert len(set(names)) == 333
    assert not any("_" in name for name in names)
    assert torch.equal(named.truth.tail_index, plain.truth.tail_index)
    assert world(333, named=True, seed=2).data["entity"].names != names
    assert len(set(world(20_000, named=True).data["entity"].names)) == 20_000


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("generated: {num_entities: 10}", "at least 40"),
        ("generated: {observed: 0.0}", "observed"),
        ("generated: {num_entities: 100000000000}", "to 1,000,000"),
        ("generated: {plausible: 2.0}", "plausible=2.0"),
        ("generated: {entities: 10}", "entities"),
        ("generated: 3", "generated"),
        ("generated: {num_entities: many}", "many"),
        ("generated: {seed: .nan}", "seed"),
        ("generated: {named: maybe}", "named"),
        ("generated: {num_entities: null}", "no value"),
        ("generated: {num_entities: 50.5}", "50.5"),
    ],
)
def test_a_card_asks_for_no_world_that_cannot_be_made(tmp_path, how, told) -> None:
    from gnnneg.datasets import load

    (tmp_path / "dataset.yaml").write_text(f"name: mine\n{how}\n")
    with pytest.raises(UserError, match=told):
        load(tmp_path)
