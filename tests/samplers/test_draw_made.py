"""What is asked after a draw speaks of that draw, and caches hold what may be in them (faults 3, 4, 22, 24, 29)."""

import pytest
import torch
from torch.testing import assert_close

from gnnneg.data.known import KnownAnswers
from gnnneg.data.pools import Pools
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.evaluation.negatives import _of_one_type
from gnnneg.models import KGEModel
from gnnneg.records import Triplets, asked
from gnnneg.samplers import KBGAN, Cached, Corrected, Corrupt, Curriculum, Filtered, Nearest, Uniform

NODES, RELATIONS, WIDTH = 30, 3, 8


def setting():
    """Statements, queries and a critic whose vectors can be moved."""
    torch.manual_seed(0)
    triplets = Triplets(*(torch.randint(high, (60,)) for high in (NODES, RELATIONS, NODES)))
    model = KGEModel(Lookup(NODES, WIDTH), DistMult(RELATIONS, WIDTH))
    query, target = asked(triplets, RELATIONS)
    return KnownAnswers(triplets, NODES, RELATIONS), query, target, model


@pytest.mark.parametrize("wrap", [lambda inner, known: inner, Filtered], ids=["plain", "filtered"])
def test_the_last_draw_of_a_stage_is_corrected_by_that_stage(wrap):
    """Uniform draws of 5 among 30 weigh 6 each, the third as well, after which another sampler's turn comes."""
    known, query, target, model = setting()
    stages = Curriculum([Uniform(NODES, 5), Corrupt(known, 5)], [0, 3])
    sampler, draw = Corrected(wrap(stages, known)).train(), torch.Generator().manual_seed(0)
    for step in range(4):
        weight = sampler(query, target, model.scorer(model.encode(None), query), draw).weight
        assert weight.isfinite().all()
        if step < 3:
            assert weight.max() == pytest.approx(6.0)
    assert weight.max() < 6.0  # fewer entities answer a relation than there are


def test_neighbours_are_corrected_by_the_table_they_were_drawn_from():
    """Five draws among four neighbours: 4 / 5 each, also where the next draw finds neighbours anew."""
    _, query, target, model = setting()
    sampler, draw = Corrected(Nearest(NODES, 5, num_neighbors=4, refresh=2)).train(), torch.Generator().manual_seed(0)
    for _ in range(5):
        weight = sampler(query, target, model.scorer(model.encode(None), query), draw).weight
        assert_close(weight, torch.full_like(weight, 0.8))
        torch.nn.init.normal_(model.encoder.weight)


def test_targets_without_a_type_share_none():
    """Entity 5 stands behind the last that has a type; 0 and 1 are of one type, 2 and 3 of another."""
    types = Pools(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 2, 3]), 2)
    found = _of_one_type(types, types.transpose(6), torch.tensor([5, 0]), torch.tensor([[0, 5, 2], [1, 2, 0]]))
    assert found.tolist() == [[False, False, False], [True, False, True]]
    assert _of_one_type(types, types.transpose(6), torch.tensor([]).long(), torch.empty(0, 3).long()).shape == (0, 3)


def test_a_row_sparse_policy_is_refused():
    policy = KGEModel(Lookup(NODES, WIDTH, sparse=True), DistMult(RELATIONS, WIDTH))
    with pytest.raises(UserError, match="sparse: false"):
        KBGAN(Uniform(NODES, 20), policy, 4)


def test_a_cache_on_a_small_graph_holds_no_known_answer_and_nobody_twice():
    """Of eight entities five answer (0, 0): a cache of five has room for two more than may be in it."""
    heads = torch.zeros(5, dtype=torch.long)
    known = KnownAnswers(Triplets(heads, heads, torch.arange(1, 6)), 8, 1)
    model = KGEModel(Lookup(8, 4), DistMult(1, 4))
    query, target = asked(Triplets(heads[:1], heads[:1], torch.tensor([1])), 1)
    sampler, draw = Cached(Uniform(8, 4), known, 3, size=5).train(), torch.Generator().manual_seed(0)
    for _ in range(20):
        sampler(query, target, model.scorer(model.encode(None), query), draw)
        row = sampler.cache[known.row(query)[0]][0]
        there = row[row >= 0].tolist()
        assert len(set(there)) == len(there) <= 3
        assert set(there) <= {0, 6, 7}
    assert there
