import torch

from gnnneg import OneSide
from gnnneg.data.hetero import to_networkx
from gnnneg.data.known import KnownAnswers
from gnnneg.data.profile import Leak, cardinality, profile
from gnnneg.data.statements import assemble
from gnnneg.data.synthetic import world
from gnnneg.evaluation.strata import cardinality as by_strata
from gnnneg.records import Triplets


def made(rows: list[tuple[int, int, int, int]], denied: list[tuple[int, int, int, int]], n: int, r: int):
    parts = [torch.tensor(x, dtype=torch.long).reshape(-1, 4).T for x in (rows, denied)]
    (h, q, t, s), (dh, dq, dt, ds) = parts
    names, relations = [f"e{i}" for i in range(n)], [f"r{i}" for i in range(r)]
    return assemble(Triplets(h, q, t), s, names, relations, Triplets(dh, dq, dt), ds)


def test_by_hand() -> None:
    rows = [
        *[(0, 0, 1, 0), (0, 0, 1, 0), (2, 0, 2, 0), (1, 1, 0, 0)],  # a duplicate, a self-loop, a reversed pair
        *[(1, 0, 0, 1), (3, 0, 1, 1)],  # reversed in train; entity 3 is unseen
        *[(0, 0, 1, 2), (4, 2, 3, 2), (4, 2, 4, 2)],  # also in train; unseen entities and relation
    ]
    denied = [(0, 0, 1, 2), (0, 0, 2, 2), (4, 2, 3, 1), (1, 0, 1, 0)]  # the first and third are stated somewhere
    found = profile(made(rows, denied, 6, 3), {"train": 5})
    assert found.counts["train"] == 4
    assert found.published == {"train": 5}
    assert found.unseen_entities == {"valid": 1, "test": 2, "any": 3}
    assert found.unseen_statements == {"valid": 1, "test": 2}
    assert found.unseen_relations == {"valid": 0, "test": 1}
    assert found.duplicates == {"train": 1, "valid": 0, "test": 0}
    assert found.overlap == {"valid": 0, "test": 1}
    assert found.self_loops == {"train": 1, "valid": 0, "test": 1}
    assert found.contradictions == {"train": 0, "valid": 1, "test": 1}
    assert (found.leakage["reversed"], found.leakage["same"], found.leakage["either"]) == (1, 1, 1)
    assert found.leakage["reversed_share"] == 1 / 3
    # among the relations that train has: 0 has two statements of two heads and two tails, 1 has one
    assert found.cardinality == {"1-1": 1.0, "1-N": 0.0, "N-1": 0.0, "N-N": 0.0}


def test_cardinality_at_the_threshold() -> None:
    """Relation 0 has 3 statements of 2 heads, 1.5 tails per head, which is many; relation 1 has 4 of 2, relation 4 4 of
    3."""
    rows = [(0, 0, 2), (0, 0, 3), (1, 0, 4), *[(0, 1, 2), (0, 1, 3), (1, 1, 4), (1, 1, 5)]]
    rows += [(t, 2, h) for h, r, t in rows if r == 1] + [(h, 3, t) for h in range(3) for t in range(3)]
    rows += [(0, 0, 2)] * 9  # repeated lines count once
    rows += [(0, 4, 3), (0, 4, 4), (1, 4, 5), (2, 4, 6)]
    train = Triplets(*torch.tensor(rows).T)
    kind = cardinality(train, 6)
    assert kind.tolist() == [1, 1, 2, 3, 0, 0]
    # one answer, whoever is asked: 1-N is asked for its heads alone, N-1 for its tails
    assert by_strata(train, 6) == ["1-N", "1-N", "N-1", "N-N", "1-1", "unseen"]
    assert OneSide(KnownAnswers(train, 7, 6)).head.tolist() == [1, 1, 0, 0.5, 0.5, 0.5]


def test_leaks_of_the_synthetic_world_are_its_rules() -> None:
    data = world(300, observed=1.0, valid=0.0, test=0.0).data
    leaks = {(leak.relation, leak.other, leak.reversed): leak for leak in profile(data).leaks}
    for expected in (
        ("works_for", "employs", True),
        ("employs", "works_for", True),
        ("colleague_of", "colleague_of", True),
        ("neighbor_of", "neighbor_of", True),
        ("leads", "works_for", False),
        ("leads", "employs", True),
        ("capital_of", "located_in", False),
        ("capital_of", "within", False),
        ("located_in", "within", False),
    ):
        assert leaks[expected].share == 1.0
    assert ("works_for", "leads", False) not in leaks
    assert not any(name in (a, b) for a, b, _ in leaks for name in ("lives_in", "citizen_of"))
    assert isinstance(next(iter(leaks.values())), Leak)


def test_leakage_against_networkx() -> None:
    data = world(120).data
    graph = to_networkx(data)
    graph.remove_edges_from(
        [(h, t, k) for h, t, k, d in graph.edges(keys=True, data=True) if d["polarity"] == "denied"]
    )
    train = {(h, t) for h, t, d in graph.edges(data=True) if d["split"] == "train"}
    test = [(h, t) for h, t, d in graph.edges(data=True) if d["split"] == "test"]
    found = profile(data).leakage
    assert found["reversed"] == sum((t, h) in train for h, t in test)
    assert found["same"] == sum((h, t) in train for h, t in test)
    assert found["either"] == sum((h, t) in train or (t, h) in train for h, t in test)


def test_nothing_at_all() -> None:
    found = profile(made([], [], 3, 1))
    assert found.unseen_entities["any"] == 3
    assert found.leaks == []
    assert found.leakage["either_share"] == 0
