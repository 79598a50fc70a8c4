"""What every decoder and similarity promises."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, examples, name
from torch.testing import assert_close

from gnnneg.candidates import Gathered, Private, Shared
from gnnneg.decoders import HAKE, RESCAL, ComplEx, DistMult, Hyperplane, Polar, TransE
from gnnneg.encoders import Dense, Lookup
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Similarity
from gnnneg.kernels.kinds import INNER, L2
from gnnneg.models import KGEModel
from gnnneg.models.kge import KGEScorer
from gnnneg.penalties import DURA
from gnnneg.penalties.relation_prediction import relations
from gnnneg.records import Query
from gnnneg.samplers.alignment import alignment

decoders = pytest.mark.parametrize("make", examples(Decoder), ids=name)
similarities = pytest.mark.parametrize("make", examples(Similarity), ids=name)


@pytest.fixture
def table() -> torch.Tensor:
    return torch.randn(NODES, CHANNELS)


def asked_of(similarity: Similarity) -> torch.Tensor:
    """Query vectors; a polar one carries a factor for each modulus besides, one of a hyperplane the normal."""
    width = {Polar: CHANNELS // 2 * 3, Hyperplane: 2 * CHANNELS}.get(type(similarity), CHANNELS)
    return torch.randn(4, width)


def everything() -> Query:
    anchor, rel_type = torch.meshgrid(torch.arange(NODES), torch.arange(2 * RELATIONS), indexing="ij")
    return Query(anchor.flatten(), rel_type.flatten())


def score_all(decoder, table) -> torch.Tensor:
    """``(n, 2 r, n)``: anchor, relation, candidate."""
    scorer = KGEScorer(Dense(table), decoder, everything(), 0.0)
    return scorer(torch.arange(NODES)[None]).view(NODES, 2 * RELATIONS, NODES)


@similarities
def test_shared_equals_expanded_equals_gathered(make, table):
    similarity = make()
    query = asked_of(similarity)
    index = torch.randint(NODES, (1, 5))
    shared = similarity(query, Shared(table[index[0]]))
    assert_close(shared, similarity(query, Private(table[index].expand(4, -1, -1))))
    assert_close(shared, similarity(query, Gathered(table, index.expand(4, -1))))


@similarities
def test_gradients_agree_on_all_paths(make):
    """The three paths are one function: same gradients to queries and to the table."""
    similarity, index = make(), torch.randint(NODES, (1, 5))
    outward, found = torch.randn(4, 5), []
    query, table = asked_of(similarity), torch.randn(NODES, CHANNELS)
    for path in (
        lambda q, t: similarity(q, Shared(t[index[0]])),
        lambda q, t: similarity(q, Private(t[index].expand(4, -1, -1))),
        lambda q, t: similarity(q, Gathered(t, index.expand(4, -1))),
    ):
        leaves = query.clone().requires_grad_(), table.clone().requires_grad_()
        path(*leaves).backward(outward)
        found.append([leaf.grad for leaf in leaves])
    assert_close(found[0], found[1])
    assert_close(found[0], found[2])


@decoders
def test_inverse_is_swapped(make, table):
    """A tied inverse relation asks the same question from the other side: s(h, r, t) = s(t, r^-1, h)."""
    decoder = make()
    if decoder.relation.reciprocal:
        pytest.skip("reciprocal relations are parameters of their own")
    score = score_all(decoder, table)
    assert_close(score[:, :RELATIONS], score[:, RELATIONS:].transpose(0, 2), rtol=1e-4, atol=1e-5)


@decoders
def test_reciprocal_relations_differ(make, table):
    decoder = make()
    if not decoder.relation.reciprocal:
        pytest.skip("tied")
    score = score_all(decoder, table)
    assert (score[:, :RELATIONS] - score[:, RELATIONS:].transpose(0, 2)).abs().max() > 1e-3


@decoders
def test_every_parameter_learns(make, table):
    decoder = make()
    score_all(decoder, table.requires_grad_()).sigmoid().sum().backward()
    for weight in (table, *decoder.parameters()):
        assert weight.grad.isfinite().all()
        assert (weight.grad.abs().reshape(len(weight) if weight.dim() else 1, -1).sum(1) > 0).all()


def pairs(table) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every query with a candidate of its own."""
    query = everything()
    return table[query.anchor], query.rel_type, table[torch.randint(NODES, query.anchor.shape)]


@decoders
def test_images_are_gradients(make, table):
    """A bilinear score's gradients are what the relation makes of the other side; others have no images."""
    decoder = make()
    anchor, rel_type, candidate = (leaf.requires_grad_(leaf.is_floating_point()) for leaf in pairs(table))
    if type(decoder) not in (DistMult, ComplEx, RESCAL):
        with pytest.raises(UserError, match="bilinear"):
            DURA(1.0)(KGEScorer(Dense(table), decoder, everything(), 0.0), everything(), everything().anchor)
        return
    score = decoder.similarity(decoder(anchor, rel_type), Private(candidate[:, None]))
    forth, back = decoder.images(anchor, rel_type, candidate)
    assert_close(torch.autograd.grad(score.sum(), [candidate, anchor]), (forth, back))


@decoders
def test_alignment_by_gradients(make, table):
    """Pair by pair from autograd: the anchor's own vector and the relation's parameters, and no others."""
    decoder, query, target = make(), everything(), torch.randint(NODES, (NODES * 2 * RELATIONS,))
    index = torch.randint(NODES, (len(target), 3))
    found = alignment(decoder, Dense(table), query, target, index)
    for i in range(0, len(target), 5):
        anchor = table[query.anchor[i : i + 1]].clone().requires_grad_()
        rows = decoder(anchor, query.rel_type[i : i + 1])
        score = decoder.similarity(rows, Private(table[torch.cat([target[i : i + 1], index[i]])][None]))[0]
        own = anchor, decoder.relation.weight
        pulls = [torch.autograd.grad(one, own, retain_graph=True) for one in score]
        for j in range(3):
            wanted = sum((a * b).sum() for a, b in zip(pulls[0], pulls[1 + j]))
            assert_close(found[i, j], wanted, rtol=1e-3, atol=1e-4)


@decoders
def test_relations_of_a_pair(make, table):
    """All relations' scores at once equal those asked one by one, inverses that score like their relation left out."""
    decoder, query, target = make(), everything(), torch.randint(NODES, (NODES * 2 * RELATIONS,))
    found = relations(decoder, table[query.anchor], table[target])
    wanted = score_all(decoder, table)[query.anchor, :, target]
    plain, inverse = wanted.chunk(2, dim=1)
    assert_close(found, plain if torch.allclose(plain, inverse) else wanted, rtol=1e-4, atol=1e-5)


@decoders
def test_factors_are_magnitudes(make, table):
    decoder, query = make(), everything()
    factors = decoder.factors(table[query.anchor], query.rel_type, table[query.anchor])
    assert all((factor >= 0).all() for factor in factors)
    assert_close(factors[0], factors[-1])  # the same vector on both sides has the same magnitudes
    # angles have no magnitude: of a polar vector only the moduli count
    counted = table[:, : CHANNELS // 2] if isinstance(decoder.similarity, Polar) else table
    assert_close(factors[0].square().sum(), counted[query.anchor].square().sum())


def test_relations_start_around_zero_within_their_bound():
    """ComplEx: uniform within the bound; TransE: within 6 / sqrt(width), as in the paper."""
    torch.manual_seed(0)
    for decoder, bound in ((ComplEx(50, 100, bound=0.25), 0.25), (TransE(50, 64), 0.75)):
        weight = decoder.relation.weight.detach()
        assert 0.95 * bound < float(weight.max()) <= bound
        assert -bound <= float(weight.min()) < -0.95 * bound
        assert abs(float(weight.mean())) < 0.05 * bound


@pytest.mark.parametrize("kind", [INNER, L2])
@pytest.mark.parametrize("private", [True, False])
def test_kernels_that_weigh_nothing_say_so(kind, private):
    table = torch.randn(1, 3, 4)
    candidates = Private(table) if private else Gathered(table[0], torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match="The kernels weigh only"):
        candidates.distance(kind, torch.randn(1, 4), torch.ones(1, 4))


def test_nothing_is_made_of_a_query_that_is_no_vector_of_an_entity():
    model = KGEModel(Lookup(NODES, CHANNELS), HAKE(RELATIONS, CHANNELS))
    scorer = model.scorer(model.encode(None), everything())
    assert scorer.composed() is None


@pytest.mark.parametrize("held", [1, 12, 24, 10**9])
def test_vectors_are_made_a_few_candidates_at_a_time(held, monkeypatch):
    """Of 3 queries and 4 channels, 12 numbers a candidate: as many as are allowed, one at least."""
    import gnnneg.candidates

    monkeypatch.setattr(gnnneg.candidates, "CHUNK", held)
    seen, table, query = [], torch.randn(3, 5, 4), torch.randn(3, 4)

    def score(query, vectors):
        seen.append(vectors.size(1))
        return (query[:, None] * vectors).sum(2)

    assert_close(Private(table).each(score, query), (query[:, None] * table).sum(2))
    assert max(seen) == max(1, min(5, held // 12))
