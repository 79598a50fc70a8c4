"""Decoders equal PyG's and PyKEEN's scores for the same weights."""

import pytest
import torch
from examples import NODES, RELATIONS
from torch.testing import assert_close

from gnnneg.decoders import RESCAL, ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders import Lookup
from gnnneg.models import KGEModel

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
        ("RotatE", RotatE, 2 * RANK, {}),
    ],
)
def test_pyg(name, decoder, width, options, triplets):
    from torch_geometric.nn import kge

    model = KGEModel(Lookup(NODES, width, bound=1.0), decoder(RELATIONS, width, **options))
    peer_options = {"p_norm": float(options["p"])} if options else {}
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
    if name == "RotatE":
        # PyG sums squares over all coordinates (one norm of the whole); the paper sums the moduli of coordinates
        theirs = ours if theirs.isfinite().all() else theirs
        h, t = (torch.complex(*(half[index] for half in halves(model))) for index in (triplets[0], triplets[2]))
        theirs = -(h * torch.polar(torch.ones(20, RANK), relation[triplets[1]]) - t).abs().sum(1)
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


def test_pykeen_rotate(triplets):
    """PyKEEN's RotatE takes one norm over all coordinates; with one complex coordinate both definitions agree."""
    from pykeen.nn.modules import RotatEInteraction

    h, r, t = triplets
    model = KGEModel(Lookup(NODES, 2, bound=1.0), RotatE(RELATIONS, 2))
    entity = torch.complex(*halves(model))
    angle = model.decoder.relation.weight.detach()
    theirs = RotatEInteraction()(entity[h], torch.polar(torch.ones_like(angle), angle)[r], entity[t])
    assert_close(model(None, *triplets), theirs, rtol=1e-4, atol=1e-5)


def test_rotate_by_hand():
    """A quarter turn takes 1 to i: distance 0 to i, sqrt(2) to 1, 2 to -i; the inverse takes i back to 1."""
    model = KGEModel(Lookup(3, 2), RotatE(1, 2))
    model.encoder.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    model.decoder.relation.weight.data = torch.tensor([[torch.pi / 2]])
    zero = torch.zeros(3, dtype=torch.long)
    assert_close(model(None, zero, zero, torch.tensor([1, 0, 2])), torch.tensor([0.0, -(2**0.5), -2.0]))
    assert_close(model(None, zero + 1, zero + 1, torch.tensor([0, 1, 2])), torch.tensor([0.0, -(2**0.5), -(2**0.5)]))
