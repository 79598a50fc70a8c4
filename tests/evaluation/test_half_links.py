"""Half-links against sets of pairs, and by hand on a graph of five people."""

import pytest
import torch

from gnnneg.cli.evaluate import PARTS
from gnnneg.evaluation import Ranks, entity_ranking, strata, tables
from gnnneg.evaluation.half_links import HALVES, half_links
from gnnneg.records import Triplets

TRAIN = [(0, 0, 1), (2, 0, 3), (4, 1, 0)]  # 0 and 2 are heads of relation 0, 1 and 3 its tails


def asked(*statements: tuple[int, int, int], side: int = 0) -> Ranks:
    """The queries of these statements: 0 asks the tail, 1 the head."""
    head, rel_type, tail = torch.tensor(statements).T
    one = torch.ones_like(head)
    anchor, target = (tail, head) if side == 1 else (head, tail)
    return Ranks(anchor, rel_type, target, side * one, one, one, 5 * one)


def graph(*statements: tuple[int, int, int]) -> Triplets:
    return Triplets(*torch.tensor(statements, dtype=torch.long).reshape(-1, 3).T)


def found(ranks: Ranks, train: Triplets, num_nodes: int = 5) -> list[str]:
    return [HALVES[code] for code in half_links(ranks, train, num_nodes).tolist()]


def test_four_statements_by_hand():
    """Which of (0, 0, .) and (., 0, 3), and so on, a training statement has; asked from the other side, the halves
    change their names.
    """
    four = (0, 0, 3), (0, 0, 4), (4, 0, 3), (1, 0, 0)
    assert found(asked(*four), graph(*TRAIN)) == ["both", "only query", "only answer", "neither"]
    assert found(asked(*four, side=1), graph(*TRAIN)) == ["both", "only answer", "only query", "neither"]
    assert found(asked(*four, side=2), graph(*TRAIN)) == found(asked(*four), graph(*TRAIN))


def test_a_half_is_of_one_relation_and_one_side():
    """4 is a head of relation 1 and of no other, and 0 is its only tail, though both are heads elsewhere."""
    assert found(asked((4, 1, 0), (0, 1, 4), (4, 0, 0)), graph(*TRAIN)) == ["both", "neither", "neither"]


def test_without_training_statements_nothing_is_seen():
    assert found(asked((0, 0, 1)), graph()) == ["neither"]
    none = Ranks(*(torch.empty(0, dtype=torch.long),) * 7)
    assert half_links(none, graph(*TRAIN), 5).tolist() == []


def test_pairs_beyond_small_integers_do_not_meet():
    """Of 65,536 entities (0, 65536) and (0, 0) have one key modulo 2 ** 32, which is in no training statement."""
    train = Triplets(*torch.tensor([[5], [65_536], [6]], dtype=torch.int32))
    wrapped, right = (
        Ranks(*(column.int() for column in vars(asked(one)).values())) for one in ((5, 0, 6), (5, 65_536, 6))
    )
    assert found(wrapped, train, 65_536) == ["neither"]
    assert found(right, train, 65_536) == ["both"]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_sets_of_pairs_agree_whatever_is_looked_up_at_once(monkeypatch, chunk):
    monkeypatch.setattr("gnnneg.evaluation.half_links.CHUNK", chunk)
    rng = torch.Generator().manual_seed(0)
    train, tested = ([tuple(torch.randint(n, (3,), generator=rng).tolist()) for _ in range(80)] for n in (9, 12))
    heads, tails = {(h, r) for h, r, _ in train}, {(r, t) for _, r, t in train}
    wanted = [2 * ((h, r) in heads) + ((r, t) in tails) for h, r, t in tested]
    assert len(set(wanted)) == 4
    assert half_links(asked(*tested), graph(*train), 12).tolist() == wanted
    other = [2 * ((r, t) in tails) + ((h, r) in heads) for h, r, t in tested]
    assert half_links(asked(*tested, side=1), graph(*train), 12).tolist() == other


def test_numbers_that_32_bits_do_not_hold():
    """Relation 2000 of 4 million entities; the same number in 32 bits would be another relation's."""
    nodes = 4_000_000
    ranks = asked((3_999_999, 2_000, 5), (3_999_998, 2_000, 5))
    assert found(ranks, graph((3_999_999, 2_000, 6)), nodes) == ["only query", "neither"]


def test_strata_and_tables_have_them():
    """MRR of both queries of the first statement is 1, of the second 1/2: it is the mean of each stratum."""
    ranks = Ranks(*(torch.cat(columns) for columns in zip(*(
        [getattr(asked((0, 0, 3), (1, 0, 0), side=side), name) for name in Ranks.__annotations__] for side in (0, 1)
    ))))  # fmt: skip
    rank = torch.tensor([1, 2, 1, 2])
    ranks = Ranks(ranks.anchor, ranks.rel_type, ranks.target, ranks.side, rank, rank, ranks.candidates)
    assert strata(ranks, graph(*TRAIN), 5, 2)["half_links"] == ["both", "neither"] * 2
    part = tables(ranks, graph(*TRAIN), 5, 2)["half_links"].set_index("stratum")
    assert part["mrr"].to_dict() == {"both": 1.0, "neither": 0.5}
    assert part["queries"].to_dict() == {"both": 2, "neither": 2}


def test_the_command_offers_what_the_evaluator_does():
    assert entity_ranking.Parts.__args__ == PARTS
