"""EMU for 1-vs-all against a label matrix, written out."""

import pytest
import torch
import yaml
from examples import CHANNELS, NODES, RELATIONS, kge, known, toy
from torch.testing import assert_close

from gnnneg import MutatedKvsAll, config
from gnnneg.corruption import Both
from gnnneg.decoders import HAKE, ComplEx, RotatE, TransD, TransE, TransH
from gnnneg.errors import UserError
from gnnneg.former import FormerName
from gnnneg.generators import EMU
from gnnneg.interfaces import Task
from gnnneg.losses import InfoNCE
from gnnneg.records import Mutation, Query
from gnnneg.samplers import All, Filtered
from gnnneg.tasks import KvsAll, LinkPrediction, SharedMask
from gnnneg.training.weights import completed, misfit


def made(ratio, label=0.0, scale=1.0, decoder=ComplEx, answers=None) -> KvsAll:
    torch.manual_seed(0)
    options = {"smoothing": 0.0, "softmax": True, "weighted": True, "answers": answers}
    return KvsAll(kge(decoder), known(), **options, mutation=SharedMask(ratio, label), scale=scale)


def plain(task: KvsAll) -> KvsAll:
    """The same without mutation."""
    return KvsAll(task.model, known(), smoothing=0.0, softmax=True, weighted=True)


@pytest.mark.parametrize("decoder", [ComplEx, RotatE, TransE])
@pytest.mark.parametrize("answers", [None, 1, 2])
def test_equals_a_label_matrix(decoder, answers):
    """Every known answer but the one asked about removed, a row of targets 1, beta, beta, ... for each."""
    task = made(0.4, 0.2, 0.0, decoder, answers)
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
    share = task.weight(batch) / batch.length
    assert_close(found, share[row] @ each, rtol=1e-4, atol=1e-5)


def test_equals_link_prediction_over_an_epoch():
    """Term by term the sum over an epoch is that of EMU with every unknown entity as a negative, without mutation."""
    task = made(0.0, 0.3, 0.5)
    triplets = toy()
    unique = type(triplets)(*torch.unique(torch.stack(triplets), dim=1))
    means = task.model, Both(RELATIONS), Filtered(All(NODES), known()), InfoNCE()
    other, epoch = LinkPrediction(*means, generators=[EMU(0.0, soft_label=0.3)], scale=0.0), task.examples(unique)
    assert_close(task(epoch) - 0.5 * plain(task)(epoch), other(unique), rtol=1e-4, atol=1e-5)


def test_every_option_tells():
    """Mutated whole, all negatives are the answer itself; the plain loss counts by its scale, the rest by the label."""
    task, draw = made(1.0), torch.Generator()
    batch = task.examples(toy())

    def loss(*options) -> torch.Tensor:
        return made(*options)(batch, draw.manual_seed(0))

    rest = NODES - known().count(Query(batch.anchor, batch.rel_type)).float()
    assert_close(loss(1.0, 0.0, 0.0), task.weight(batch) @ ((1 + rest).log() / rest))
    assert_close(loss(0.3, 0.0, 3.0) - loss(0.3), 2 * plain(task)(batch))
    smoothed = loss(1.0, 0.5, 0.0)
    assert_close(smoothed, task.weight(batch) @ ((1 + 0.5 * rest) * (1 + rest).log() / rest))


@pytest.mark.parametrize(
    "decoder", [HAKE, TransH, TransD, lambda r, d: TransE(r, d, p=2)], ids=["hake", "transh", "transd", "transe-l2"]
)
def test_norms_are_refused(decoder):
    task = made(0.2, decoder=decoder)
    with pytest.raises(UserError, match="LinkPrediction with All"):
        task(task.examples(toy()))


@pytest.mark.parametrize("wrong", [{"ratio": 1.5}, {"ratio": -0.1}, {"ratio": 0.5, "label": 1.5}])
def test_ratio_and_label_are_fractions(wrong):
    with pytest.raises(UserError, match=r"SharedMask\((mutation_ratio|soft_label)=.*: give a number between 0 and 1"):
        made(**wrong)


@pytest.mark.parametrize("ratio", [1e-9, 1 - 1e-9])
def test_a_ratio_that_no_draw_can_have_is_refused(ratio):
    with pytest.raises(UserError, match="keep 1e-06 away"):
        made(ratio)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_ends_of_the_fractions_are_taken(fraction):
    assert made(fraction, fraction).mutation.mutation_ratio == fraction


def test_options_need_each_other():
    with pytest.raises(UserError, match=r"KvsAll\(mutation=...\) .* set softmax: true"):
        KvsAll(kge(), known(), mutation=SharedMask(0.2))
    with pytest.raises(UserError, match=r"KvsAll\(scale=0.5\) .* leave it out"):
        KvsAll(kge(), known(), softmax=True, scale=0.5)
    with pytest.raises(UserError, match=r"KvsAll\(scale=nan\)"):
        made(0.2, scale=float("nan"))


OLD = """
class_path: MutatedKvsAll
init_args:
  plain:
    model: {class_path: KGEModel, init_args: {encoder: {class_path: Lookup, init_args: {hidden_channels: 4}},
      decoder: {class_path: ComplEx}}}
    softmax: true
    weighted: true
    answers: 2
  share: 0.4
  label: 0.2
  scale: 0.5
"""


@pytest.mark.parametrize("named", [False, True])
def test_a_config_of_an_earlier_version_is_read(named):
    """As the same in the words of today, whether or not it names the class of what is plain."""
    tree = yaml.safe_load(OLD)
    options = tree["init_args"]["plain"]
    if named:
        tree["init_args"]["plain"] = {"class_path": "KvsAll", "init_args": options}
    facts = dict.fromkeys(["num_nodes", "num_relations", "known"])
    with pytest.warns(FormerName, match="'MutatedKvsAll' is now called 'KvsAll'"):
        found = config.resolve(Task, tree, "task", facts).plain()
    today = {**options, "mutation": {"mutation_ratio": 0.4, "soft_label": 0.2}, "scale": 0.5}
    assert found == config.resolve(Task, {"class_path": "KvsAll", "init_args": today}, "task", facts).plain()
    assert found["init_args"]["mutation"] == {"mutation_ratio": 0.4, "soft_label": 0.2}
    tree["init_args"]["plain"] = 3
    with pytest.warns(FormerName, match="KvsAll"), pytest.raises(UserError, match=r"task \(KvsAll\) has no 'plain'"):
        config.resolve(Task, tree, "task", facts)


def test_code_of_an_earlier_version_runs():
    task = made(0.4, 0.2, 0.5)
    with pytest.warns(FormerName, match="'MutatedKvsAll' is now called 'KvsAll"):
        old = MutatedKvsAll(plain(task), 0.4, label=0.2, scale=0.5)
    batch = task.examples(toy())
    assert torch.equal(*(each(batch, torch.Generator().manual_seed(0)) for each in (task, old)))
    assert task.state_dict().keys() == old.state_dict().keys()


def test_a_checkpoint_of_an_earlier_version_fits():
    """It had the model twice, once under the plain task's name."""
    task = made(0.4)
    state = task.state_dict()
    assert completed({**state, **{f"plain.{name}": value for name, value in state.items()}}, task) == state
    assert misfit(completed({**state, "plainer": 0}, task), state) == "'plainer' is in the file but not in the model"
