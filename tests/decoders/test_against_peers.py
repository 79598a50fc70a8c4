"""Decoders equal PyG's and PyKEEN's scores for the same weights."""

import pytest
import torch
from examples import NODES, RELATIONS
from torch.testing import assert_close

from gnnneg.decoders import RESCAL, ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders import Lookup
from gnnneg.errors import UserError
from gnnneg.models import KGEModel
from gnnneg.records import Query

RANK = 6


@pytest.fixture
def triplets() -> tuple[torch.Tensor, ...]:
    return torch.randint(NODES, (20,)), torch.randint(RELATIONS, (20,)), torch.randint(NODES, (20,))


def halves(model: KGEModel) -> tuple[torch.Tensor, torch.Tensor]:
    return model.encoder.weight.detach().chunk(2, dim=1)


@pytest.mark.parametrize(
    ("name", "decoder", "width", "options"),
    [
        ("DistMult", DistMult, RANK, {}),
        ("TransE", TransE, RANK, {"p": 1}),
        ("TransE", TransE, RANK, {"p": 2}),
        ("ComplEx", ComplEx, 2 * RANK, {}),
        ("RotatE", RotatE, 2 * RANK, {"p": 2}),
    ],
)
def test_pyg(name, decoder, width, options, triplets):
    from torch_geometric.nn import kge

    model = KGEModel(Lookup(NODES, width, bound=1.0), decoder(RELATIONS, width, **options))
    peer_options = {"p_norm": float(options["p"])} if name == "TransE" else {}
    peer = getattr(kge, name)(NODES, RELATIONS, RANK, **peer_options)
    relation = model.decoder.relation.weight.data
    if name in ("ComplEx", "RotatE"):
        peer.node_emb.weight.data, peer.node_emb_im.weight.data = halves(model)
    else:
        # PyG normalises TransE's node vectors, so give both normalised ones
        p = options.get("p", 2)
        model.encoder.weight.data /= model.encoder.weight.data.norm(p=p, dim=1, keepdim=True)
        peer.node_emb.weight.data = model.encoder.weight.data.clone()
    if name == "ComplEx":
        peer.rel_emb.weight.data, peer.rel_emb_im.weight.data = relation.chunk(2, dim=1)
    else:
        peer.rel_emb.weight.data = relation.clone()
    ours, theirs = model(None, *triplets), peer(*triplets)
    if name == "RotatE":  # the margin is the loss's here
        theirs = theirs - peer.margin
    assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_pykeen(triplets):
    from pykeen.nn import modules

    h, r, t = triplets
    cases = [
        (DistMult, RANK, modules.DistMultInteraction(), {}),
        (TransE, RANK, modules.TransEInteraction(p=1), {"p": 1}),
        (TransE, RANK, modules.TransEInteraction(p=2), {"p": 2}),
        (ComplEx, 2 * RANK, modules.ComplExInteraction(), {}),
        (RESCAL, RANK, modules.RESCALInteraction(), {}),
    ]
    for decoder, width, interaction, options in cases:
        model = KGEModel(Lookup(NODES, width, bound=1.0), decoder(RELATIONS, width, **options))
        entity, relation = model.encoder.weight.detach(), model.decoder.relation.weight.detach()
        if decoder is ComplEx:
            entity, relation = (torch.complex(*x.chunk(2, dim=1)) for x in (entity, relation))
        if decoder is RESCAL:
            relation = relation.unflatten(1, (RANK, RANK))
        assert_close(model(None, *triplets), interaction(entity[h], relation[r], entity[t]), rtol=1e-4, atol=1e-5)


def turned(model: KGEModel, angle: torch.Tensor, triplets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What is left between a turned head and its tail, as complex numbers."""
    entity, (h, r, t) = torch.complex(*halves(model)), triplets
    return entity[h] * torch.polar(torch.ones_like(angle), angle)[r] - entity[t]


def test_rotate_sums_moduli_as_the_paper_or_takes_one_norm(triplets):
    model, peer = (KGEModel(Lookup(NODES, 2 * RANK, bound=1.0), RotatE(RELATIONS, 2 * RANK, p=p)) for p in (1, 2))
    peer.load_state_dict(model.state_dict())
    left = turned(model, model.decoder.relation.weight.detach(), triplets)
    assert_close(model(None, *triplets), -left.abs().sum(1), rtol=1e-4, atol=1e-5)
    assert_close(peer(None, *triplets), -left.abs().square().sum(1).sqrt(), rtol=1e-4, atol=1e-5)


def test_pykeen_rotate(triplets):
    """PyKEEN's whole model, from the same vectors, asked for triplets, for all tails and for all heads."""
    from pykeen.models import RotatE as Peer
    from pykeen.triples import CoreTriplesFactory

    h, r, t = triplets
    every = torch.stack([torch.arange(NODES), torch.arange(NODES) % RELATIONS, torch.arange(NODES)], 1)
    peer = Peer(triples_factory=CoreTriplesFactory.create(every, NODES, RELATIONS), embedding_dim=RANK)
    model = KGEModel(Lookup(NODES, 2 * RANK, bound=1.0), RotatE(RELATIONS, 2 * RANK, p=2))
    with torch.no_grad():
        entity, relation = (
            rows[0](indices=None) for rows in (peer.entity_representations, peer.relation_representations)
        )
        model.encoder.weight.copy_(torch.cat([entity.real, entity.imag], 1))
        model.decoder.relation.weight.copy_(relation.angle())
        scorer = model.scorer(model.encode(None), Query(h, r))
        back = model.scorer(model.encode(None), Query(t, r + RELATIONS))
        asked = torch.arange(NODES)[None]
        for ours, theirs in (
            (model(None, *triplets), peer.score_hrt(torch.stack(triplets, 1)).squeeze(1)),
            (scorer(asked), peer.score_t(torch.stack([h, r], 1))),
            (back(asked), peer.score_h(torch.stack([r, t], 1))),
        ):
            assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_checkpoint_of_pyg_s_rotate_scores_as_there():
    """What PyG saves, read into ours with p=2: all triplets there are, asked for tails and for heads. The paper's sum
    of moduli orders them otherwise.
    """
    from torch_geometric.nn.kge import RotatE as Peer

    peer = Peer(NODES, RELATIONS, RANK, margin=9.0)
    saved = peer.state_dict()
    model, paper = (KGEModel(Lookup(NODES, 2 * RANK), RotatE(RELATIONS, 2 * RANK, p=p)) for p in (2, 1))
    entity = torch.cat([saved["node_emb.weight"], saved["node_emb_im.weight"]], 1)
    for ours in (model, paper):
        ours.load_state_dict({"encoder.weight": entity, "decoder.relation.weight": saved["rel_emb.weight"]})
    h, r, t = torch.cartesian_prod(*map(torch.arange, (NODES, RELATIONS, NODES))).T
    with torch.no_grad():
        theirs = peer(h, r, t) - peer.margin  # which is the loss's here
        anchors, relations = h[::NODES], r[::NODES]
        forth = model.scorer(model.encode(None), Query(anchors, relations))(torch.arange(NODES)[None])
        assert_close(forth.flatten(), theirs, rtol=1e-4, atol=1e-5)
        back = model.scorer(model.encode(None), Query(anchors, relations + RELATIONS))(torch.arange(NODES)[None])
        assert_close(back, theirs.view(NODES, RELATIONS, NODES).permute(2, 1, 0).flatten(0, 1), rtol=1e-4, atol=1e-5)
        assert not torch.equal(paper(None, h, r, t).argsort(), theirs.argsort())


def test_rotate_scales_phases_as_the_paper_s_code(triplets):
    """Written out: phase = relation / (range / pi) with range = (gamma + 2) / d, and relations start within it."""
    gamma, pi = 9.0, 3.14159265358979323846
    embedding_range = (gamma + 2) / RANK
    model = KGEModel(Lookup(NODES, 2 * RANK, bound=1.0), RotatE(RELATIONS, 2 * RANK, bound=embedding_range))
    relation = model.decoder.relation.weight
    phase = relation.detach() / (embedding_range / pi)
    assert_close(model(None, *triplets), -turned(model, phase, triplets).abs().sum(1), rtol=1e-4, atol=1e-5)

    wide = RotatE(400, 2 * RANK, bound=embedding_range).relation.weight
    assert 0.95 * embedding_range < wide.abs().max() <= embedding_range

    plain = KGEModel(model.encoder, RotatE(RELATIONS, 2 * RANK))
    plain.decoder.relation.weight.data.copy_(phase)
    grad = [torch.autograd.grad(m(None, *triplets).sum(), m.decoder.relation.weight)[0] for m in (model, plain)]
    assert_close(grad[0], grad[1] * (pi / embedding_range), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("bound", [0.0, -1.0, 1e-9, 1e9, float("nan"), float("inf")])
def test_rotate_refuses_a_bound_without_angles(bound):
    with pytest.raises(UserError, match=r"RotatE\(bound=.*give a"):
        RotatE(RELATIONS, 4, bound=bound)


def test_rotate_by_hand():
    """A quarter turn takes 1 to i: distance 0 to i, sqrt(2) to 1, 2 to -i; the inverse takes i back to 1."""
    model = KGEModel(Lookup(3, 2), RotatE(1, 2))
    model.encoder.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    model.decoder.relation.weight.data = torch.tensor([[torch.pi / 2]])
    zero = torch.zeros(3, dtype=torch.long)
    assert_close(model(None, zero, zero, torch.tensor([1, 0, 2])), torch.tensor([0.0, -(2**0.5), -2.0]))
    assert_close(model(None, zero + 1, zero + 1, torch.tensor([0, 1, 2])), torch.tensor([0.0, -(2**0.5), -(2**0.5)]))
