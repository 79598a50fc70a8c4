"""Vectors made in chunks, and made again for the gradient: scores and gradients are those of all vectors at once."""

import pytest
import torch
from examples import NODES, RELATIONS, messages, toy
from torch.testing import assert_close

import gnnneg.mixed
from gnnneg.corruption import Both
from gnnneg.decoders import ERMLPE, HAKE, RESCAL, ComplEx, DistMult, RotatE, TransD, TransE, TransH
from gnnneg.encoders import RGCN, Lookup, SampledNeighbors
from gnnneg.generators import EMU, HardestEMU, Mixup
from gnnneg.losses import InfoNCE
from gnnneg.models import Difference, KGEModel, NBFNet
from gnnneg.records import Mutation, asked
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

D, BATCH = 8, 6


def sampled() -> KGEModel:
    return KGEModel(SampledNeighbors(RGCN(NODES, RELATIONS, D), [2, 2]), DistMult(RELATIONS, D))


def looked_up(sparse: bool = False) -> KGEModel:
    return KGEModel(Lookup(NODES, D, sparse=sparse), DistMult(RELATIONS, D))


MODELS = {
    "Lookup": looked_up,
    "sparse": lambda: looked_up(sparse=True),
    "SampledNeighbors": sampled,
    "NBFNet": lambda: NBFNet(RELATIONS, D, 2),
    "Difference": lambda: Difference(sampled(), looked_up(), 0.5),
    "Difference of an NBFNet": lambda: Difference(looked_up(), NBFNet(RELATIONS, D, 2), 0.5, messages()),
}
GENERATORS = [EMU(0.5, groups=None), EMU(0.5, joint=False), Mixup(), HardestEMU(0.5)]


def step(model, made, num_negatives: int, shared: bool = False) -> list[torch.Tensor]:
    """A step's loss and all its gradients; whoever draws draws the same."""
    task = LinkPrediction(
        model, Both(RELATIONS), Uniform(NODES, num_negatives, shared), InfoNCE(), generators=[made], graph=messages()
    )
    torch.manual_seed(1)
    loss = task(toy(BATCH), torch.Generator().manual_seed(1))
    return [loss, *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("made", GENERATORS, ids=lambda made: type(made).__name__)
@pytest.mark.parametrize(("num_negatives", "size"), [(1, 1), (3, 2), (3, 1)], ids=["one", "one left over", "ones"])
def test_chunks_of_any_size_are_all_at_once(model, made, num_negatives, size, monkeypatch):
    if model != "Lookup" and isinstance(made, HardestEMU):
        pytest.skip("needs coordinates that add up, and looks at vectors without gradients")
    torch.manual_seed(0)
    model, found = MODELS[model](), []
    width = 2 * D if isinstance(model, Difference) else D
    for chunk in (1 << 22, size * 2 * BATCH * width):
        monkeypatch.setattr(gnnneg.mixed, "CHUNK", chunk)
        found.append([one.to_dense() for one in step(model, made, num_negatives)])
    for one, other in zip(*found):
        assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("decoder", [ComplEx, ERMLPE, HAKE, RESCAL, RotatE, TransD, TransE, TransH])
@pytest.mark.parametrize("shared", [False, True])
def test_one_negative_of_any_decoder(decoder, shared):
    torch.manual_seed(0)
    model = KGEModel(Lookup(NODES, D), decoder(RELATIONS, D))
    loss, gradient, *_ = step(model, Mixup(), 1, shared)
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert gradient.any()


def test_one_neighborhood_for_all_negatives(monkeypatch):
    """Drawn once, before the chunks, and not again for the gradient; all neighbours are the whole graph."""
    torch.manual_seed(0)
    encoder, decoder, seen = RGCN(NODES, RELATIONS, D), DistMult(RELATIONS, D), []
    monkeypatch.setattr(gnnneg.mixed, "CHUNK", 2 * BATCH * D)  # chunks of one
    whole = step(KGEModel(encoder, decoder), EMU(0.5, groups=None), 5)
    part = step(KGEModel(SampledNeighbors(encoder, [-1, -1]), decoder), EMU(0.5, groups=None), 5)
    for one, other in zip(whole, part):
        assert_close(one, other, rtol=1e-4, atol=1e-6)

    model = KGEModel(SampledNeighbors(encoder, [2, 2]), decoder)
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda graph: seen.append(graph.num_nodes) or forward(graph))
    query, target = asked(toy(BATCH), RELATIONS, False)
    scorer = model.scorer(model.encode(messages()), query)
    positive, index = scorer.embed(target[:, None])[:, 0], torch.randint(NODES, (BATCH, 5))
    plain, before = scorer(index), len(seen)
    kept = scorer.mutated(index, Mutation(positive, torch.ones(BATCH, 5, 1)))
    assert_close(kept, plain)  # of the same vectors as the plain score
    kept.sum().backward()
    assert len(seen) == before
