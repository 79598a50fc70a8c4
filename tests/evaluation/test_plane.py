"""One relation's vectors in the plane, and how varied what is made is."""

import sys

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close
from torch_geometric.data import Data

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.evaluation import geometry, plane
from gnnneg.generators import DANS, EMU
from gnnneg.models import KGEModel
from gnnneg.records import Query, Triplets
from gnnneg.samplers import Uniform
from gnnneg.spectrum import effective_rank


def dans() -> DANS:
    """Two pathways, one of which makes one vector for whatever query."""
    make = DANS(known(), CHANNELS, 2, 3, width=12, sigma=0.5)
    make.pathways["relation"].output.weight.data.zero_()
    make.pathways["relation"].output.bias.data.normal_()
    return make


def look(how=geometry, generators=(), model=None, triplets=None):
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    means = Uniform(NODES, 4), generators, model or kge(), None, triplets or toy(), Both(RELATIONS), draw
    return how(*means)


@pytest.mark.parametrize("how", [geometry, plane])
def test_no_more_queries_than_fit(how):
    """A model that holds 2**20 numbers for each query and node: of 256 MiB, some queries of the toy graph."""
    model, sizes = kge(), []
    fits = 2**26 // (2**20 * NODES)
    scorer = model.scorer
    model.activations = 2**20
    model.scorer = lambda encoding, query: sizes.append(query.anchor.numel()) or scorer(encoding, query)
    graph = Data(num_nodes=NODES)
    draw = torch.Generator().manual_seed(0)
    many = Triplets(*(column.repeat(9) for column in toy()))
    how(Uniform(NODES, 4), (), model, graph, many, Both(RELATIONS), draw)
    assert max(sizes) == fits


def test_each_pathway_alone_against_both():
    """Numbers from the vectors themselves: a pathway that makes one vector is of rank 1 and as like itself as can be;
    both have a rank between."""
    torch.manual_seed(5)
    found = look(generators=[dans()])
    assert list(found) == ["sampled", "DANS", "DANS: entity", "DANS: relation"]
    flat, whole, varied = (found[name] for name in ("DANS: relation", "DANS", "DANS: entity"))
    assert flat["rank"] == pytest.approx(1, abs=1e-4)
    assert flat["likeness"] == pytest.approx(1, abs=1e-4)
    assert flat["pairs"][-1] == pytest.approx(1)
    assert flat["likeness"] > whole["likeness"]
    assert varied["rank"] > 3
    # both together hold 5 * 4 / 2 pairs a query: 1 of the first alone, 3 of the second, 6 between
    pairs = torch.tensor([cloud["pairs"] for cloud in (whole, varied, flat)])
    assert (pairs[0] - pairs[1] / 10 - 3 * pairs[2] / 10 > -1e-6).all()


def test_rank_and_likeness_by_hand():
    torch.manual_seed(0)
    model = kge()
    found = look(model=model)["sampled"]
    draw = torch.Generator().manual_seed(0)
    query, target = Both(RELATIONS)(toy(), draw)
    query, target = Query(*(column[:64] for column in query)), target[:64]
    index = Uniform(NODES, 4)(query, target, model.scorer(model.encode(None), query), draw).index
    vectors = model.encoder.weight.detach()[index]
    assert found["rank"] == pytest.approx(float(effective_rank(vectors.flatten(0, 1))), rel=1e-4)
    cosine = torch.cosine_similarity(vectors[:, :, None], vectors[:, None], dim=3)
    assert found["likeness"] == pytest.approx(
        float((cosine.sum() - cosine.diagonal(0, 1, 2).sum()) / (64 * 12)), abs=1e-5
    )


def test_the_plane_of_the_relation_that_is_asked_most():
    """Of three entities' worth of variance, two axes' worth of distances; each cloud is as large as it should be."""
    torch.manual_seed(0)
    model = kge()
    model.encoder.weight.data[:, 2:] = 0
    some = Triplets(torch.arange(7), torch.tensor([1, 1, 1, 1, 0, 2, 2]), torch.arange(1, 8))
    found = look(plane, [dans(), EMU(0.5)], model, some)
    assert found["rel_type"] in (1, 1 + RELATIONS)
    sizes = {"positive": 4, "sampled": 8, "DANS: entity": 8, "DANS: relation": 8, "EMU": 8}
    for way in ("pca", "tsne"):
        assert {name: len(points) for name, points in found[way].items()} == sizes
    table, points = model.encoder.weight.detach(), torch.tensor(found["pca"]["positive"])
    asked = some.tail_index[:4] if found["rel_type"] == 1 else some.head_index[:4]
    only = look(plane, [], model, some)["pca"]
    assert_close(torch.pdist(torch.tensor(only["positive"])), torch.pdist(table[asked]), rtol=1e-4, atol=1e-5)
    assert points.shape == (4, 2)


def test_far_clouds_stay_apart_in_both_pictures():
    """What is made far from all entities lies apart from them: every entity's nearest point is another entity's."""
    torch.manual_seed(0)
    make = DANS(known(), CHANNELS, 2, 0, width=12)
    make.pathways["entity"].output.bias.data.fill_(9.0)
    found = look(plane, [make], triplets=Triplets(*(column.repeat(2) for column in toy())))
    for way in ("pca", "tsne"):
        real, made = (torch.tensor(found[way][name]) for name in ("sampled", "DANS"))
        far = torch.cdist(real, torch.cat([real, made])) + torch.eye(len(real), len(real) + len(made)) * 1e9
        assert (far.argmin(1) < len(real)).float().mean() > 0.95


def test_without_scikit_learn_there_is_no_t_sne(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    found = look(plane, [dans()])
    assert found["tsne"] == {}
    assert found["pca"]


def test_vectors_of_one_number_have_one_axis():
    """The second coordinate is zero, and t-SNE has nothing to lay out."""
    found = look(plane, model=KGEModel(Lookup(NODES, 1, bound=0.5), DistMult(RELATIONS, 1)))
    points = torch.tensor(found["pca"]["positive"])
    assert (points[:, 0] != 0).any()
    assert (points[:, 1] == 0).all()
    assert found["tsne"] == {}


def test_nothing_to_look_at():
    empty = Triplets(*(torch.zeros(0, dtype=torch.long) for _ in range(3)))
    with pytest.raises(UserError, match="no statements"):
        look(plane, triplets=empty)
