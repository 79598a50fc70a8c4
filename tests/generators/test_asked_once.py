"""What a generator changes are the very vectors that the loss has asked for: none is drawn again for it."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, known, messages, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.encoders import RGCN, SampledNeighbors
from gnnneg.generators import DANS, EMU, GNDN, HardestEMU, LearnedEMU, MatchedEMU, Mixup, SelfPacedEMU
from gnnneg.interfaces import Drawn
from gnnneg.losses import InfoNCE
from gnnneg.models import KGEModel
from gnnneg.records import Negatives, asked, ones
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction

GENERATORS = {
    "EMU": lambda: EMU(0.5),
    "EMU, two masks": lambda: EMU(0.5, groups=2),
    "EMU, four masks": lambda: EMU(0.5, groups=4),
    "EMU, each": lambda: EMU(0.5, groups=None),
    "HardestEMU": lambda: HardestEMU(0.5),
    "MatchedEMU": lambda: MatchedEMU(0.5),
    "SelfPacedEMU": lambda: SelfPacedEMU(),
    "LearnedEMU": lambda: LearnedEMU(RELATIONS, CHANNELS, 0.5),
    "Mixup": lambda: Mixup(),
    "DANS": lambda: DANS(known(), CHANNELS, 1, 1, width=12),
    "GNDN": lambda: GNDN(RELATIONS, CHANNELS, 2),
}


def sampled(monkeypatch, neighbors=(1, 1)):
    """A model that sees one neighbour of each, and the list of how often it has looked."""
    torch.manual_seed(0)
    encoder, seen = RGCN(NODES, RELATIONS, CHANNELS), []
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda graph: seen.append(graph.num_nodes) or forward(graph))
    return KGEModel(SampledNeighbors(encoder, list(neighbors)), DistMult(RELATIONS, CHANNELS)), seen


@pytest.mark.parametrize("num_negatives", [1, 5])
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
@pytest.mark.parametrize("made", GENERATORS)
def test_no_neighbourhood_is_drawn_for_a_generator(made, shared, num_negatives, monkeypatch):
    """A step with it looks at the graph as often as one without. (DANS looks at all entities for its figures.)"""
    model, seen = sampled(monkeypatch)
    counts = []
    for generators in ([], [GENERATORS[made]()]):
        monkeypatch.setattr("gnnneg.generators.watch.EVERY", 1 << 40)
        for make in generators:
            if isinstance(make, DANS):
                make.watch.batches += 1
        sampler = Uniform(NODES, num_negatives, shared)
        task = LinkPrediction(model, Both(RELATIONS), sampler, InfoNCE(), generators=generators, graph=messages())
        del seen[:]
        task(toy(6), torch.Generator().manual_seed(0)).backward()
        counts.append(len(seen))
    assert counts[0] > 0
    assert counts[0] == counts[1]


@pytest.mark.parametrize("made", [EMU(0.0, groups=3), EMU(0.0, groups=None), MatchedEMU(0.0), HardestEMU(0.0)])
@pytest.mark.parametrize("num_negatives", [1, 6])
def test_what_takes_nothing_scores_what_the_loss_scores(made, num_negatives, monkeypatch):
    """With no coordinate exchanged, made and sampled negatives are one, each with the neighbour drawn for it."""
    model, _ = sampled(monkeypatch)
    query, target = asked(toy(9), RELATIONS)
    scorer = model.scorer(model.encode(messages()), query)
    index = torch.randint(NODES, (9, num_negatives))
    plain = scorer(index)
    found = made(Drawn(scorer, query, target, Negatives(index, ones(index)), torch.Generator().manual_seed(0))).score
    assert_close(found, plain, rtol=1e-4, atol=1e-5)
    vectors = made.vectors(
        Drawn(scorer, query, target, Negatives(index, ones(index)), torch.Generator().manual_seed(0))
    )
    assert_close(vectors, scorer.embed(index))


def test_some_of_those_asked_for_are_not_drawn_again(monkeypatch):
    """Whoever asks for all, for some, or for some in another order; others are drawn for."""
    model, seen = sampled(monkeypatch)
    encoding = model.encode(messages())
    whole = encoding[torch.tensor([7, 2, 5, 2])]
    assert torch.equal(encoding[torch.tensor([[5], [7]])], whole[[2, 0]][:, None])
    assert torch.equal(encoding[torch.tensor([2])], whole[1:2])
    assert len(seen) == 1
    encoding[torch.tensor([2, 3])]
    encoding[torch.tensor([2, 3, 5, 7])]
    assert len(seen) == 3
