"""What is watched while DANS learns, and the word when it collapses."""

import warnings

import pytest
import torch
from examples import CHANNELS, NODES, RELATIONS, kge, known
from generators.adversary import NONE, asked, chance, dans, rms
from torch.testing import assert_close

from gnnneg.corruption import Both
from gnnneg.errors import UserError
from gnnneg.generators import watch
from gnnneg.generators.watch import Watch, some
from gnnneg.interfaces import Drawn
from gnnneg.losses import BCE
from gnnneg.samplers import Uniform
from gnnneg.spectrum import effective_rank
from gnnneg.tasks import LinkPrediction
from gnnneg.training.checkpoint import save
from gnnneg.training.restore import load_task
from gnnneg.training.state import TrainingState


def test_effective_rank_by_hand():
    """Two directions of energies 3 and 1: e to the entropy of (3/4, 1/4), whatever shape it comes in."""
    cloud = torch.zeros(4, 6)
    cloud[:3, 0] = cloud[3, 1] = 1.0
    wanted = torch.tensor((0.75 * torch.tensor(4 / 3).log() + 0.25 * torch.tensor(4.0).log()).exp().item())
    for seen in (cloud, cloud.T, cloud @ torch.linalg.qr(torch.randn(6, 6)).Q, 100 * cloud):
        assert_close(effective_rank(seen), wanted)


def test_figures_are_those_of_the_networks(monkeypatch):
    """Against the networks, frozen, asked one by one."""
    monkeypatch.setattr(watch, "NEIGHBOURED", 10**6)
    model, scorer, query, target = asked()
    make = dans(entity=2, relation=3, sigma=0.5, lr=0.0, discriminator_lr=0.0)
    assert make.monitored() == {}
    make.vectors(Drawn(scorer, query, target, NONE, chance()))
    found = make.monitored()
    real, given, unit = make._given(Drawn(scorer, query, target, NONE))
    draws = chance()
    make._make(make.pathways, given, draws)  # those that the pathways learnt from
    made, away = make._make(make.pathways, given, draws)  # those that the discriminator did
    true = make.discriminator(real)[:, 0]
    false, source = make.discriminator(torch.cat(list(made.values()), 1)).unbind(-1)
    assert found["discriminator"] == pytest.approx(float((true >= 0).float().mean() + (false < 0).float().mean()) / 2)
    told = (source[:, :2] > 0).sum() + (source[:, 2:] <= 0).sum()
    assert found["pathways"] == pytest.approx(float(told) / source.numel())
    parts = [
        part - still
        for name in made
        for film in make.pathways[name].film
        for part, still in zip(film(given[name]), (1, 0))
    ]
    assert found["film"] == pytest.approx(float(rms(torch.stack(parts))), rel=1e-4)
    assert_close(away.mean() / (8 * 12), rms(torch.stack(parts)) ** 2)
    ranks = [float(effective_rank(vectors.detach().flatten(0, 1))) for vectors in made.values()]
    assert found["rank"] == pytest.approx(min(ranks), rel=1e-4)
    assert found["rank_of_real"] == pytest.approx(float(effective_rank(real)), rel=1e-4)
    vectors = unit * torch.cat(list(made.values()), 1).detach()
    near = (vectors[:, :, None] - model.encoder.weight.detach()).norm(dim=3).argmin(2)
    assert found["known"] == pytest.approx(float(known().contains(query, near).float().mean()))
    assert 0 < found["known"] < 1


def test_parts_that_are_off_have_no_figures():
    _, scorer, query, target = asked()
    for options, absent in (
        ({"film": False}, {"film"}),
        ({"auxiliary": 0.0}, {"pathways"}),
        ({"entity": 0}, {"pathways"}),
        ({}, set()),
    ):
        make = dans(**options)
        make(Drawn(scorer, query, target, NONE, chance()))
        every = {"discriminator", "pathways", "film", "rank", "rank_of_real", "known"}
        assert set(make.monitored()) == every - absent


def test_running_means():
    """The plain mean of the first, and from the hundredth on a hundredth of each."""
    note, steps = Watch("DANS", known()), torch.rand(150, 4)
    _, scorer, query, _ = asked()
    for step in steps:
        note(step, scorer, query, torch.randn(80, CHANNELS), {"entity": torch.randn(80, 1, CHANNELS)})
    wanted = steps[:100].mean(0)
    for step in steps[100:]:
        wanted = 0.99 * wanted + 0.01 * step
    assert_close(note.means, wanted)


@pytest.fixture
def often(monkeypatch):
    """A tenth of the time between looks, and means that follow ten times as fast."""
    monkeypatch.setattr(watch, "EVERY", 10)
    monkeypatch.setattr(watch, "SLOWLY", 0.1)


def drawn(make, batches: int = 25) -> list[str]:
    """What is said while it learns, or not, from a model that stays."""
    _, scorer, query, target = asked()
    draws = chance()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(batches):
            make(Drawn(scorer, query, target, NONE, draws))
    return [str(word.message) for word in said]


def test_a_word_when_all_made_vectors_are_alike(often):
    make = dans(lr=0.0, discriminator_lr=0.0)
    make.pathways["relation"].output.weight.data.zero_()
    make.pathways["relation"].output.bias.data.normal_()
    (words,) = [words for words in drawn(make) if "same vector" in words]
    assert "DANS makes nearly the same vector for every query (effective rank 1.00, of entities" in words
    # not before the third look, and not where entities are no more varied
    assert not [words for words in drawn(make_again(make), 20) if "same vector" in words]
    flat = Watch("DANS", known())
    _, scorer, query, _ = asked()
    line = torch.randn(80, 1) * torch.ones(1, CHANNELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(30):
            flat(torch.tensor([0.7, 0.5, 0.5, 0.1]), scorer, query, line, {"entity": line[:, None]})
    assert flat.monitored()["rank"] == pytest.approx(1, abs=1e-3)


def make_again(make):
    """The same, with nothing said yet."""
    again = dans(lr=0.0, discriminator_lr=0.0)
    again.pathways.load_state_dict(make.pathways.state_dict())
    return again


@pytest.mark.parametrize(("stop", "end"), [(5, 21), (15, 21), (21, 52)])
def test_a_run_that_goes_on_says_what_an_uninterrupted_one_says(often, stop, end):
    """Once, at the third look (the 21st batch), whether it stopped before it or after."""
    first = dans(lr=0.0, discriminator_lr=0.0)
    for weight in first.discriminator.parameters():
        weight.data.zero_()
    before = drawn(first, stop)
    again = dans(lr=0.0, discriminator_lr=0.0)
    again.load_state_dict(first.state_dict())
    after = drawn(again, end - stop)
    assert [len(before), len(after)] == [int(stop > 20), int(stop <= 20)]
    assert "gives all vectors the same" in (before + after)[0]


def test_a_checkpoint_from_before_there_were_such_counts_is_gone_on_with(tmp_path):
    """They begin at 0; what else is missing is told."""

    def started() -> tuple[TrainingState, Watch]:
        torch.manual_seed(0)
        task = LinkPrediction(kge(), Both(RELATIONS), Uniform(NODES, 2), BCE(), generators=[dans()])
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        return TrainingState(task, torch.optim.Adam(task.trained()), None, scaler, chance()), task.generators[0].watch

    run, watch = started()
    watch.batches += 7
    state = run.state_dict()
    for name in ("bad", "said"):
        del state["task"][f"generators.0.watch.{name}"]
    save(tmp_path / "000000001.pt", state)
    for load in (lambda run: run.load_state_dict(state, tmp_path), lambda run: load_task(tmp_path, run.task)):
        again, other = started()
        other.bad += 2
        other.said.fill_(True)
        load(again)
        assert int(other.batches) == 7
        assert not other.bad.any()
        assert not other.said.any()
    del state["task"]["generators.0.watch.batches"]
    with pytest.raises(UserError, match=r"watch\.batches' is in the model but not in the file"):
        run.load_state_dict(state, tmp_path)


def test_a_word_when_the_discriminator_has_won(often):
    make = dans(lr=0.0, discriminator_lr=0.02)
    for network in make.pathways.values():
        network.output.bias.data.fill_(6.0)  # where no entity is
    words = drawn(make, 80)
    assert [word for word in words if "discriminator is always right (accuracy" in word]
    assert not [word for word in words if "same of all" in word]


def test_a_word_when_the_discriminator_is_blind(often):
    make = dans(lr=0.0, discriminator_lr=0.0)
    for weight in make.discriminator.parameters():
        weight.data.zero_()
    words = drawn(make)
    assert [word for word in words if "gives all vectors the same answer (accuracy 0.500)" in word]
    assert not [word for word in words if "always right" in word]


def test_no_word_where_all_is_well(often):
    assert drawn(dans(width=32, lr=1e-3, discriminator_lr=1e-2, steps=3), 60) == []
    assert drawn(dans(), 60) == []


def test_rows_evenly():
    rows = torch.arange(10)
    assert some(rows, 5).tolist() == [0, 2, 4, 6, 8]
    assert some(rows, 20).tolist() == rows.tolist()


def test_figures_are_in_the_log_of_a_run_and_in_its_report(tmp_path):
    import json

    from torch.optim import Adam

    from gnnneg.data.known import KnownAnswers
    from gnnneg.data.statements import num_relations, triplets
    from gnnneg.data.synthetic import world
    from gnnneg.decoders import DistMult
    from gnnneg.encoders import Lookup
    from gnnneg.experiment import train
    from gnnneg.generators import DANS
    from gnnneg.models import KGEModel
    from gnnneg.report.page import page
    from gnnneg.report.reading import read
    from gnnneg.samplers import Filtered, Mixture, Projected
    from gnnneg.training import Fit

    data = world(60).data
    n, r = data["entity"].num_nodes, num_relations(data)
    facts = KnownAnswers(triplets(data, "stated", "train"), n, r)
    sampler = Mixture([Uniform(n, 4), Filtered(Projected(DANS(facts, 16, 1, 1, width=16), n), facts)])
    model = KGEModel(Lookup(n, 16), DistMult(r, 16))
    task = LinkPrediction(model, Both(r), sampler, BCE(), generators=[DANS(facts, 16, width=16, film=False)])
    fit = Fit(epochs=3, batch_size=128, evaluate_every=3)
    train(task, data, Adam(task.trained()), fit, out=tmp_path / "run", progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    told = [line["metrics"] for line in lines if "metrics" in line]
    assert len(told) == 3
    inside = "sampler.samplers.1.proposal.generator"
    names = {"discriminator", "pathways", "rank", "rank_of_real", "known"}
    assert set(told[-1]) == {f"generators.0.{name}" for name in names} | {f"{inside}.{n}" for n in names | {"film"}}
    assert told[-1]["generators.0.discriminator"] == pytest.approx(task.generators[0].monitored()["discriminator"])
    assert told[0] != told[1]
    html = page([read(tmp_path / "run")])
    assert "generators.0.discriminator" in html
