"""Closed forms of mutation under autocast: they run, in full precision, for every decoder and form of candidates."""

import pytest
import torch
from examples import NODES, RELATIONS, known, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import ERMLPE, RESCAL, ComplEx, DistMult, RotatE, TransE
from gnnneg.encoders import Lookup
from gnnneg.generators import MatchedEMU, SelfPacedEMU
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Mutation, asked
from gnnneg.samplers import All, InBatch, Uniform
from gnnneg.tasks import LinkPrediction

D = 8
SAMPLERS = {
    "private": lambda: Uniform(NODES, 5),
    "shared": lambda: Uniform(NODES, 5, shared=True),
    "batch": lambda: InBatch(known()),
    "all": lambda: All(NODES),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("decoder", [ComplEx, DistMult, ERMLPE, RESCAL, RotatE, TransE])
@pytest.mark.parametrize("made", [SelfPacedEMU(), MatchedEMU(0.5)], ids=lambda made: type(made).__name__)
def test_a_step_runs(made, decoder, sampler):
    for dtype in (torch.bfloat16, torch.float16):
        model = KGEModel(Lookup(NODES, D), decoder(RELATIONS, D))
        task = LinkPrediction(model, Both(RELATIONS), SAMPLERS[sampler](), InfoNCE(), generators=[made])
        with torch.autocast("cpu", dtype):
            loss = task(toy(9), torch.Generator().manual_seed(0))
        loss.backward()
        assert model.encoder.weight.grad.isfinite().all()
        assert model.encoder.weight.grad.any()


@pytest.mark.parametrize("pace", [None, 2.0])
@pytest.mark.parametrize("shared", [False, True])
def test_autocast_changes_no_mutated_score(pace, shared):
    """Also when the plain score was asked first, in half precision, as a step does."""
    torch.manual_seed(0)
    model = KGEModel(Lookup(NODES, 64, bound=1.0), DistMult(RELATIONS, 64))
    model.decoder.relation.weight.data.normal_()
    query, target = asked(toy(9), RELATIONS, False)
    index, noise, found = torch.randint(NODES, (1 if shared else 9, 7)), 3, []
    for half in (False, True):
        scorer = model.scorer(model.encode(None), query)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            plain = scorer(index)
            positive = scorer.embed(target[:, None])[:, 0]
            keep = torch.full((9, 1), 0.7)
            found.append(scorer.mutated(index, Mutation(positive, keep, noise=noise, pace=pace)))
    assert not shared or plain.dtype == torch.bfloat16
    assert_close(*found)
