"""KMAS: how many candidates are hard, and which."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.data.known import KnownAnswers
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.models import Difference, KGEModel, NBFNet
from gnnneg.records import Query, Triplets, asked
from gnnneg.samplers import KMAS, Corrected

MANY = 1000  # entities, so that a uniform draw almost never is one that answers
# the tails of relation 0 are {1, 2}, of 1 {2, 3, 4}, of 2 {5}; relation 3 has no facts
FACTS = Triplets(*torch.tensor([[6, 7, 6, 8, 9, 9], [0, 0, 1, 1, 1, 2], [1, 2, 2, 3, 4, 5]]))
TAILS, HEADS = [{1, 2}, {2, 3, 4}, {5}, set()], [{6, 7}, {6, 8, 9}, {9}, set()]
VECTORS = torch.tensor([[1.0, 0.0], [3.0, 3.0], [0.0, -2.0], [-1.0, 0.0]])


def facts() -> KnownAnswers:
    return KnownAnswers(FACTS, MANY, 4)


def scorer(query: Query, vectors: torch.Tensor = VECTORS):
    decoder = DistMult(4, 2, reciprocal=len(vectors) == 8)
    decoder.relation.weight.data.copy_(vectors)
    model = KGEModel(Lookup(MANY, 2), decoder)
    return model.scorer(model.encode(None), query)


def queries(*rel_type: int) -> tuple[Query, torch.Tensor]:
    relation = torch.tensor(rel_type)
    return Query(torch.zeros_like(relation), relation), torch.zeros_like(relation)


def hard(sets: list[set[int]], row: torch.Tensor, vectors: torch.Tensor, temperature: float) -> torch.Tensor:
    """The probability of each entity, by enumeration."""
    found, total = torch.zeros(MANY), 0.0
    for entities, vector in zip(sets, vectors):
        if entities:
            weight = float((torch.dot(row, vector) / row.norm() / vector.norm() / temperature).exp())
            total += weight
            for entity in entities:
                found[entity] += weight / len(entities)
    return found / total


def test_the_share_rises_after_the_warm_up_and_falls_again():
    """Four steps without, eight up to .8, eight down to 0, and none after: counted, a step at a time."""
    wanted = [0.0] * 4 + [step / 10 for step in (*range(9), *range(7, -1, -1))] + [0.0] * 3
    query, target = queries(0)
    critic, draw = scorer(query), torch.Generator().manual_seed(0)
    sampler = KMAS(facts(), 20_000, share=0.8, warmup=0.2, peak=0.6, steps=20).train()
    answers = torch.tensor(sorted(set.union(*TAILS)))
    for step, share in enumerate(wanted):
        assert sampler.monitored()["hard_share"] == pytest.approx(share), step
        index = sampler(query, target, critic, draw).index
        by_chance = (1 - share) * len(answers) / MANY
        assert float(torch.isin(index, answers).float().mean()) == pytest.approx(share + by_chance, abs=0.015), step


def test_no_step_counts_in_evaluation():
    query, target = queries(0)
    sampler = KMAS(facts(), 3, steps=20).eval()
    sampler(query, target, scorer(query))
    assert int(sampler.step) == 0
    sampler.train()(query, target, scorer(query))
    assert int(sampler.step) == 1


@pytest.mark.parametrize("reciprocal", [False, True])
@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_hard_candidates_answer_similar_relations(reciprocal, temperature):
    """By enumeration, for tails and for heads, whose relations have vectors of their own if the decoder says so."""
    inverse = VECTORS.flip(0) + 0.3
    vectors = torch.cat([VECTORS, inverse]) if reciprocal else VECTORS
    query, target = queries(0, 1, 3, 4, 6)
    rows = [
        hard(TAILS, VECTORS[0], VECTORS, temperature),
        hard(TAILS, VECTORS[1], VECTORS, temperature),
        hard(TAILS, VECTORS[3], VECTORS, temperature),  # without facts of its own
    ]
    for relation in (0, 2):
        own = inverse if reciprocal else VECTORS
        rows.append(hard(HEADS, own[relation], own, temperature))
    sampler = KMAS(facts(), 20_000, share=0.9, warmup=0.0, peak=0.0, temperature=temperature).eval()
    critic, every = scorer(query, vectors), torch.arange(MANY)[None]
    wanted = 0.9 * torch.stack(rows) + 0.1 / MANY
    assert_close(sampler.log_prob(query, target, critic, every).exp(), wanted, atol=1e-6, rtol=1e-4)
    index = sampler(query, target, critic, torch.Generator().manual_seed(0)).index
    for row, expected in zip(index, wanted):
        count = torch.bincount(row, minlength=MANY) / len(row)
        assert float((count - expected)[:10].abs().max()) < 0.015


def test_the_model_of_now_decides():
    """A relation that has come to be like another is answered by that one's entities."""
    query, target = queries(0)
    sampler = KMAS(facts(), 2000, share=1.0, warmup=0.0, peak=0.0, temperature=0.1).eval()
    five = torch.tensor(5)
    before = sampler(query, target, scorer(query), torch.Generator().manual_seed(0)).index
    after = sampler(query, target, scorer(query, VECTORS[[2, 1, 2, 3]]), torch.Generator().manual_seed(0)).index
    assert float((before == five).float().mean()) < 0.01
    assert float((after == five).float().mean()) > 0.45


def test_nothing_is_similar_where_nothing_is_known():
    """Without facts every candidate is uniform."""
    none = KnownAnswers(Triplets(*torch.zeros(3, 0, dtype=torch.long)), MANY, 4)
    query, target = queries(0, 5)
    sampler = KMAS(none, 50, share=1.0, warmup=0.0, peak=0.0).eval()
    every = torch.arange(MANY)[None]
    assert_close(sampler.log_prob(query, target, scorer(query), every), torch.full((2, MANY), 1 / MANY).log())
    assert len(sampler(query, target, scorer(query)).index.unique()) > 80


def test_relations_without_facts_have_no_share():
    """With one statement, its tail is the only hard candidate of every relation."""
    sampler = KMAS(known(Triplets(*(column[:1] for column in toy()))), 5, share=1.0, warmup=0.0, peak=0.0).eval()
    query, target = asked(toy(), RELATIONS)
    critic = kge().scorer(kge().encode(None), query)
    index = sampler(query, target, critic).index
    assert index.unique().tolist() == [int(toy().tail_index[0])]


def test_correction_speaks_of_the_draw_that_was_made():
    """The count has gone on by then, and the share with it."""
    query, target = queries(0, 4)
    sampler = KMAS(facts(), 6, share=1.0, warmup=0.0, peak=0.0, steps=2)
    critic = scorer(query)
    drawn = Corrected(sampler).train()(query, target, critic, torch.Generator().manual_seed(0))
    rows = torch.stack([hard(TAILS, VECTORS[0], VECTORS, 0.2), hard(HEADS, VECTORS[0], VECTORS, 0.2)])
    assert_close(drawn.weight, 1 / (6 * rows.gather(1, drawn.index)), rtol=1e-4, atol=0)
    assert sampler.hard_share == 0.5


def test_who_has_no_relation_table_is_refused():
    query, target = asked(toy(), RELATIONS)
    sampler = KMAS(known(), 5)
    pair = Difference(kge(), kge(), 0.5)
    with pytest.raises(UserError, match="KMAS reads the relations of one decoder, and a difference has two"):
        sampler(query, target, pair.scorer(pair.encode(None), query))
    network = NBFNet(RELATIONS, CHANNELS, 2)
    with pytest.raises(UserError, match="KMAS asks a decoder, and this model has none: leave KMAS out"):
        sampler(query, target, network.scorer(network.encode(empty()), query))


def empty() -> Data:
    none = torch.zeros(2, 0, dtype=torch.long)
    return Data(edge_index=none, edge_type=none[0], num_nodes=NODES)


def test_the_warm_up_ends_before_the_peak():
    with pytest.raises(UserError, match=r"KMAS\(warmup=0.7, peak=0.5\): give a warmup of at most the peak"):
        KMAS(known(), 5, warmup=0.7)
