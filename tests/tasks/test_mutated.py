"""EMU for 1-vs-all against a label matrix, written out."""

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.decoders import HAKE, ComplEx, RotatE, TransD, TransE, TransH
from gnnneg.errors import UserError
from gnnneg.generators import EMU
from gnnneg.losses import InfoNCE
from gnnneg.records import Mutation, Query
from gnnneg.samplers import All, Filtered
from gnnneg.tasks import KvsAll, LinkPrediction, MutatedKvsAll


def made(decoder=ComplEx, answers=None, **options) -> MutatedKvsAll:
    torch.manual_seed(0)
    plain = KvsAll(kge(decoder), known(), smoothing=0.0, softmax=True, weighted=True, answers=answers)
    return MutatedKvsAll(plain, **options)


@pytest.mark.parametrize("decoder", [ComplEx, RotatE, TransE])
@pytest.mark.parametrize("answers", [None, 1, 2])
def test_equals_a_label_matrix(decoder, answers):
    """Every known answer but the one asked about removed, a row of targets 1, beta, beta, ... for each."""
    task = made(decoder, answers, share=0.4, label=0.2, scale=0.0)
    batch, facts = task.examples(toy()), known()
    found = task(batch, torch.Generator().manual_seed(3))

    query = Query(batch.anchor, batch.rel_type)
    scorer = task.model.scorer(task.model.encode(None), query)
    size = len(batch.anchor), CHANNELS // scorer.parts
    keep = (torch.rand(size, generator=torch.Generator().manual_seed(3)) >= 0.4).float()
    everyone, row, answer = torch.arange(NODES)[None], *facts.between(batch.begin, batch.end)
    one = task.model.scorer(task.model.encode(None), Query(query.anchor[row], query.rel_type[row]))
    positive = one.embed(answer[:, None])[:, 0]
    score = one.mutated(everyone, Mutation(positive, keep[row]))  # constants and all: no softmax sees them
    every = facts.contains(Query(query.anchor[row], query.rel_type[row]), everyone)
    target = torch.where(every, 0.0, 0.2).scatter(1, answer[:, None], 1.0)
    allowed = ~every
    allowed = allowed.scatter(1, answer[:, None], True)
    log = torch.log_softmax(score.masked_fill(~allowed, -torch.inf), 1).masked_fill(~allowed, 0)
    each = -(target * log).sum(1) / (~every).sum(1)
    count = batch.end - batch.begin
    share = task.plain.weight(batch) / count
    assert_close(found, share[row] @ each, rtol=1e-4, atol=1e-5)


def test_equals_link_prediction_over_an_epoch():
    """Term by term the sum over an epoch is that of EMU with every unknown entity as a negative, without mutation."""
    task = made(share=0.0, label=0.3, scale=0.5)
    triplets = toy()
    unique = type(triplets)(*torch.unique(torch.stack(triplets), dim=1))
    other = LinkPrediction(
        task.model, Both(RELATIONS), Filtered(All(NODES), known()), InfoNCE(), generators=[EMU(0.0, label=0.3)]
    )
    other.scale = 0.0
    plain, epoch = task.plain, task.examples(unique)
    assert_close(task(epoch) - 0.5 * plain(epoch), other(unique), rtol=1e-4, atol=1e-5)


def test_every_option_tells():
    """Mutated whole, all negatives are the answer itself; the plain loss counts by its scale, the rest by the label."""
    batch, draw = made(share=1.0).examples(toy()), torch.Generator()

    def loss(**options) -> torch.Tensor:
        return made(**options)(batch, draw.manual_seed(0))

    task = made(share=1.0)
    rest = NODES - known().count(Query(batch.anchor, batch.rel_type)).float()
    assert_close(loss(share=1.0, scale=0.0), task.plain.weight(batch) @ ((1 + rest).log() / rest))
    assert_close(loss(share=0.3, scale=3.0) - loss(share=0.3, scale=1.0), 2 * task.plain(batch))
    smoothed = loss(share=1.0, scale=0.0, label=0.5)
    assert_close(smoothed, task.plain.weight(batch) @ ((1 + 0.5 * rest) * (1 + rest).log() / rest))


@pytest.mark.parametrize(
    "decoder", [HAKE, TransH, TransD, lambda r, d: TransE(r, d, p=2)], ids=["hake", "transh", "transd", "transe-l2"]
)
def test_norms_are_refused(decoder):
    task = made(decoder, share=0.2)
    with pytest.raises(UserError, match="LinkPrediction with All"):
        task(task.examples(toy()))


def test_nonsense_is_refused():
    with pytest.raises(UserError, match="between 0 and 1"):
        made(share=1.1)
    with pytest.raises(UserError, match="softmax"):
        MutatedKvsAll(KvsAll(kge(), known()), share=0.2)


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"share": -0.1}, {"share": 0.5, "label": 1.5}])
def test_share_and_label_are_fractions(wrong):
    with pytest.raises(UserError, match="both lie between 0 and 1"):
        made(**wrong)


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_a_share_that_no_draw_can_have_is_refused(share):
    with pytest.raises(UserError, match="keep 1e-06 away"):
        made(share=share)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_ends_of_the_fractions_are_taken(fraction):
    assert made(share=fraction, label=fraction).share == fraction
