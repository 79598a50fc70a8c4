"""Rounds of ``fit.steps`` take the place of epochs, and passes over the examples go on through them."""

import pytest
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR
from training.toy import COUNT, Toy, assert_same_run, build, lines, same_bits, timeless, toy_triplets, train

from gnnneg.errors import UserError
from gnnneg.records import Triplets
from gnnneg.training import Fit
from gnnneg.training import fit as fit_module
from gnnneg.training.display import NOTHING, Silence
from gnnneg.training.state import Position

# 50 examples in batches of 20: passes of 3 steps; rounds of 4 steps end within passes and at the end of the fourth
FIT = Fit(epochs=6, steps=4, batch_size=20, evaluate_every=2, patience=None, checkpoint_seconds=0.0)


class Numbered(Toy):
    """Whose examples can be told apart."""

    def examples(self, triplets: Triplets) -> Triplets:
        self.rows: list[torch.Tensor] = []
        return triplets._replace(rel_type=torch.arange(COUNT))

    def forward(self, batch, rng=None):
        self.rows.append(batch.rel_type)
        return super().forward(batch._replace(rel_type=batch.rel_type % 3), rng)


def test_every_example_once_a_pass_whatever_the_rounds():
    orders = []
    for steps in (None, 1, 2, 4, 7):
        torch.manual_seed(0)
        task = Numbered()
        fit = Fit(epochs=4 if steps is None else -(-12 // steps), steps=steps, batch_size=20, evaluate_every=1)
        fit(task, toy_triplets(), Adam(task.trained()), seed=0, evaluate=task.evaluate, progress=False)
        orders.append(torch.cat(task.rows)[: 4 * COUNT])
        for one in orders[-1].split(COUNT):
            assert one.sort().values.tolist() == list(range(COUNT))
    assert all(torch.equal(orders[0], other) for other in orders[1:])


def test_rounds_of_a_whole_pass_are_epochs():
    ends = [train(None, Fit(epochs=4, steps=steps, batch_size=20, evaluate_every=2)) for steps in (None, 3)]
    assert same_bits(ends[0][0].state_dict(), ends[1][0].state_dict())
    assert same_bits(ends[0][1].state_dict(), ends[1][1].state_dict())
    first, second = (timeless(history.records) for *_, history in ends)
    assert [record.pop("passes") for record in second if "loss" in record] == [1, 2, 3, 4]
    assert first == second
    assert (ends[0][2].best_epoch, ends[0][2].epochs) == (ends[1][2].best_epoch, ends[1][2].epochs)


def test_validation_log_and_scheduler_count_rounds():
    task, optimizer = build()
    scheduler = StepLR(optimizer, 2, gamma=0.1)
    history = FIT(task, toy_triplets(), optimizer, scheduler, seed=0, evaluate=task.evaluate, progress=False)
    trained = [record for record in history.records if "loss" in record]
    assert [(one["epoch"], one["step"]) for one in trained] == [(1, 4), (2, 8), (3, 12), (4, 16), (5, 20), (6, 24)]
    assert [one["passes"] for one in trained] == pytest.approx([1.4, 2.8, 4, 5.4, 6.8, 8])
    assert [one["lr"] for one in trained] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005])
    assert [one["step"] for one in history.records if "valid" in one] == [8, 16, 24]
    assert history.epochs == 6


def test_patience_counts_validations_of_rounds():
    task, optimizer = build()
    script = iter([0.3, 0.1, 0.2, 0.9])
    fit = Fit(epochs=50, steps=2, batch_size=20, evaluate_every=1, patience=2)
    history = fit(task, toy_triplets(), optimizer, seed=0, evaluate=lambda: {"mrr": next(script)}, progress=False)
    assert (history.epochs, history.best_epoch) == (3, 1)


def test_a_rounds_loss_is_the_mean_of_its_own_examples():
    seen = []

    class Told(Toy):
        def forward(self, batch, rng=None):
            loss = super().forward(batch, rng)
            seen.append((len(batch.rel_type), loss.item()))
            return loss

    torch.manual_seed(0)
    task = Told()
    history = FIT(task, toy_triplets(), Adam(task.trained()), seed=0, progress=False)
    for record, steps in zip(history.records, (seen[i : i + 4] for i in range(0, 24, 4)), strict=True):
        wanted = sum(size * loss for size, loss in steps) / sum(size for size, _ in steps)
        assert record["loss"] == pytest.approx(wanted, rel=1e-6)


def test_speed_and_progress_are_of_the_examples_gone_through(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(fit_module.compiling, "clock", lambda: float(next(ticks)))  # a second a look
    shown = []

    class Shown(Silence):
        def show(self, at, share, rate, metric, told=NOTHING):
            shown.append((at.epoch + share, at.step, rate, at.done, at.seconds))

    monkeypatch.setattr(fit_module, "display", lambda *_: Shown())
    task, optimizer = build()
    history = FIT(task, toy_triplets(), optimizer, seed=0, progress=True)
    assert shown[-1][0] == 6
    assert [place for place, *_ in shown] == pytest.approx([step / 4 for _, step, *_ in shown])
    assert all(rate == pytest.approx(done / seconds) for *_, rate, done, seconds in shown)
    assert history.triples_per_s == pytest.approx(8 * COUNT / history.train_s)
    assert history.train_s == sum(record["seconds"] for record in history.records)


class Broken(Exception):
    pass


@pytest.mark.parametrize("step", [1, 3, 4, 6, 9, 12, 15])
def test_killed_in_mid_round_goes_on_to_the_same_bits(tmp_path, step):
    """Within a round and a pass, and at the ends of both."""
    steps: list[int] = []

    def watch(task, batch):
        steps.append(1)
        if len(steps) == step + 1:
            raise Broken

    uncut = train(tmp_path / "a", FIT)
    with pytest.raises(Broken):
        train(tmp_path / "b", FIT, watch=watch)
    assert_same_run((tmp_path / "a", uncut), (tmp_path / "b", train(tmp_path / "b", FIT, resume=True)))
    assert [line["step"] for line in lines(tmp_path / "b") if "valid" in line] == [8, 16, 24]


def test_a_checkpoint_from_before_rounds_stands_where_it_stood():
    old = {"epoch": 3, "step": 10, "done": 20, "loss": 1.0, "seconds": 2.0, "train_s": 1.0, "evaluate_s": 0.0}
    at = Position.of({**old, "best_epoch": 2, "best": {"mrr": 0.1}, "waited": 1})
    assert (at.passes, at.seen, at.begun) == (3, 20, 10)


def test_no_steps_make_no_round():
    with pytest.raises(UserError, match=r"fit\.steps is 0: give at least 1"):
        Fit(steps=0)
