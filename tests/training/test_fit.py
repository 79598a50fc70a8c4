"""Every setting of Fit changes a number in the direction and by the amount foretold."""

import contextlib
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, SparseAdam
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from training.toy import COUNT, Toy, build, lines, same_bits, timeless, toy_triplets, train

from gnnneg.errors import UserError
from gnnneg.interfaces import Task
from gnnneg.records import Triplets
from gnnneg.training import Fit
from gnnneg.training import fit as fit_module
from gnnneg.training.checkpoint import Checkpoints
from gnnneg.training.display import NOTHING, Silence
from gnnneg.training.gradients import clip


def run(fit: Fit, values: list[float] | None = None, **options):
    """A run whose validation gives ``values`` one after the other."""
    task, optimizer = build(**options)
    script = iter(values or [])
    evaluate = None if values is None else lambda: {"mrr": next(script)}
    return task, fit(task, toy_triplets(), optimizer, seed=3, evaluate=evaluate, progress=False)


# what one epoch goes through


@pytest.mark.parametrize("batch_size", [1, 7, 25, 50, 1000])
def test_every_example_once_an_epoch(batch_size):
    class Numbered(Toy):
        def examples(self, triplets: Triplets) -> Triplets:
            return triplets._replace(head_index=torch.arange(COUNT) % 12, tail_index=torch.arange(COUNT) % 12)

        def forward(self, batch, rng=None):
            rows.append(batch.rel_type)
            return super().forward(batch, rng)

    rows: list[torch.Tensor] = []
    torch.manual_seed(0)
    task = Numbered()
    triplets = toy_triplets()
    Fit(epochs=2, batch_size=batch_size)(task, triplets, Adam(task.trained()), seed=0, progress=False)
    steps = math.ceil(COUNT / batch_size)
    assert [len(row) for row in rows] == [*[batch_size] * (steps - 1), COUNT - batch_size * (steps - 1)] * 2
    first, second = torch.cat(rows[:steps]), torch.cat(rows[steps:])
    assert torch.equal(first.sort().values, triplets.rel_type.sort().values)
    heads = [torch.cat(task.seen[:steps]), torch.cat(task.seen[steps:])]
    assert torch.equal(heads[0].bincount(), torch.bincount(torch.arange(COUNT) % 12))
    assert torch.equal(heads[1].bincount(), heads[0].bincount())
    assert not torch.equal(heads[0], heads[1])  # a new order
    assert not torch.equal(heads[0], torch.arange(COUNT) % 12)  # and never the stored one
    assert second.shape == first.shape


def test_rows_stay_together_and_keep_their_type():
    given = {tuple(row) for row in torch.stack(list(toy_triplets()), 1).tolist()}

    def watch(task, batch):
        assert {tuple(row) for row in torch.stack(list(batch), 1).tolist()} <= given

    task, _ = run(Fit(epochs=1, batch_size=8), watch=watch)
    assert task.types == {Triplets}


def test_plain_tuples_are_examples_too():
    class Plain(Task):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(1, 1)

        def examples(self, triplets):
            return (torch.arange(6.0),)

        def forward(self, batch, rng=None):
            assert type(batch) is tuple
            return self.model(batch[0][:, None]).square().mean()

        def trained(self):
            yield from self.model.parameters()

    task = Plain()
    history = Fit(epochs=3, batch_size=4)(task, toy_triplets(), SGD(task.trained(), lr=0.01), seed=0, progress=False)
    assert history.records[0]["step"] == 2
    assert history.records[2]["loss"] < history.records[0]["loss"]


def test_the_steps_are_the_textbooks():
    """The loop equals one written out by hand from the same draws."""
    fit = Fit(epochs=2, batch_size=20)
    task, history = run(fit)
    again, optimizer = build()
    rng = torch.Generator().manual_seed(3)
    triplets, losses = toy_triplets(), []
    for _ in range(2):
        order, total = torch.randperm(COUNT, generator=rng), 0.0
        for rows in order.split(20):
            optimizer.zero_grad()
            loss = again(Triplets(*(column[rows] for column in triplets)), rng)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / COUNT)
    assert same_bits(task.state_dict(), again.state_dict())
    assert [record["loss"] for record in history.records] == losses


def test_seed_changes_the_order_and_nothing_else_is_needed():
    runs = []
    for seed in (1, 1, 2):
        task, optimizer = build()
        Fit(epochs=1, batch_size=50)(task, toy_triplets(), optimizer, seed=seed, progress=False)
        runs.append(task.seen[0])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


# settings


def test_epochs_and_batch_size_count_the_steps():
    _, history = run(Fit(epochs=4, batch_size=20))
    assert [(record["epoch"], record["step"]) for record in history.records] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert (history.epochs, history.best_epoch, history.best) == (4, 4, {})


def test_no_epochs_leave_the_weights():
    task, history = run(Fit(epochs=0))
    assert same_bits(task.state_dict(), build()[0].state_dict())
    assert (history.epochs, history.triples_per_s) == (0, 0.0)


def test_patience_stops_at_the_predicted_epoch():
    values = [0.1, 0.3, 0.2, 0.3, 0.25, 0.9]  # an equal one is not better
    _, history = run(Fit(epochs=100, evaluate_every=2, patience=3), values)
    assert (history.epochs, history.best_epoch, history.best) == (10, 4, {"mrr": 0.3})
    _, history = run(Fit(epochs=100, evaluate_every=2, patience=1), values)
    assert (history.epochs, history.best_epoch) == (6, 4)
    _, history = run(Fit(epochs=100, evaluate_every=1, patience=2), [0.3, 0.2, 0.4, 0.2, 0.2, 0.9])
    assert (history.epochs, history.best_epoch) == (5, 3)  # a better one starts the count anew
    _, history = run(Fit(epochs=12, evaluate_every=2, patience=None), values)
    assert (history.epochs, history.best_epoch) == (12, 12)


def test_the_last_epoch_is_validated_in_any_case():
    _, history = run(Fit(epochs=7, evaluate_every=5), [0.1, 0.2])
    assert [record["epoch"] for record in history.records if "valid" in record] == [5, 7]


def test_the_best_weights_come_back():
    fit = Fit(epochs=6, evaluate_every=2, batch_size=20)
    task, history = run(fit, [0.1, 0.5, 0.2])
    short, _ = run(Fit(epochs=4, batch_size=20))
    longer, _ = run(Fit(epochs=6, batch_size=20))
    assert history.best_epoch == 4
    assert same_bits(task.model.state_dict(), short.model.state_dict())
    assert not same_bits(task.model.state_dict(), longer.model.state_dict())


def test_a_metric_below_zero_can_be_the_best():
    _, history = run(Fit(epochs=3, evaluate_every=1), [-2.0, -1.0, -3.0])
    assert (history.best_epoch, history.best) == (2, {"mrr": -1.0})


def test_the_metric_decides():
    curves = [{"mrr": 0.1, "hits@10": 0.9}, {"mrr": 0.2, "hits@10": 0.8}]
    for metric, best in (("mrr", 2), ("hits@10", 1)):
        task, optimizer = build()
        script = iter(curves)
        fit = Fit(epochs=2, evaluate_every=1, metric=metric)
        history = fit(task, toy_triplets(), optimizer, seed=0, evaluate=script.__next__, progress=False)
        assert (history.best_epoch, history.best) == (best, curves[best - 1])


def test_validation_draws_nothing_from_training():
    """Validating every epoch or never gives the same weights, though validation draws from the global generators."""

    def go(every):
        task, optimizer = build()
        calls: list[int] = []

        def evaluate():
            torch.rand(5)
            np.random.rand()
            calls.append(1)
            return {"mrr": float(len(calls))}

        fit = Fit(epochs=3, batch_size=20, evaluate_every=every, patience=None)
        fit(task, toy_triplets(), optimizer, seed=0, evaluate=evaluate, progress=False)
        assert len(calls) == 3 / every
        return task.state_dict()

    assert same_bits(go(1), go(3))


def test_training_mode_is_on_after_a_validation():
    modes = []
    task, optimizer = build(watch=lambda task, _: modes.append(task.training))

    def evaluate():
        modes.append(task.training)
        return {"mrr": 1.0}

    Fit(epochs=2, evaluate_every=1)(task, toy_triplets(), optimizer, seed=0, evaluate=evaluate, progress=False)
    assert modes == [True, False, True, False]


def test_clipping_scales_the_step():
    """With plain gradient descent at rate 1 the first step is the gradient, so its length is the clip norm."""
    steps = {}
    for norm in (None, 0.01, 1e6):
        task, _ = build(dropout=0.0)
        before = torch.cat([weight.detach().flatten().clone() for weight in task.trained()])
        fit = Fit(epochs=1, clip_norm=norm)
        fit(task, toy_triplets(), SGD(task.trained(), lr=1.0), seed=0, progress=False)
        steps[norm] = torch.cat([weight.detach().flatten() for weight in task.trained()]) - before
    free = steps[None].norm()
    assert free > 0.01
    torch.testing.assert_close(steps[0.01], steps[None] * 0.01 / free, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(steps[1e6], steps[None])


def test_clipping_is_of_the_true_gradient_whatever_the_loss_scale():
    task, _ = build(dropout=0.0)
    before = torch.cat([weight.detach().flatten().clone() for weight in task.trained()])
    fit = Fit(epochs=1, clip_norm=0.01, amp="float16")
    fit(task, toy_triplets(), SGD(task.trained(), lr=1.0), seed=0, progress=False)
    step = torch.cat([weight.detach().flatten() for weight in task.trained()]) - before
    torch.testing.assert_close(step.norm(), torch.tensor(0.01), rtol=1e-2, atol=0.0)


def test_sparse_gradients_are_clipped_as_dense_ones():
    norms, grads = [], []
    for sparse in (False, True):
        torch.manual_seed(0)
        table = nn.Embedding(5, 3, sparse=sparse)
        other = nn.Parameter(torch.ones(2))
        (table(torch.tensor([1, 1, 4])).square().sum() + other.sum()).backward()  # row 1 is looked up twice
        norms.append(clip([table.weight, other, nn.Parameter(torch.ones(1))], 0.5))
        grads.append((table.weight.grad.to_dense(), other.grad))
    torch.testing.assert_close(norms[0], norms[1])
    torch.testing.assert_close(grads[0], grads[1])
    total = torch.cat([grads[1][0].flatten(), grads[1][1]]).norm()
    torch.testing.assert_close(total, torch.tensor(0.5), rtol=1e-4, atol=0.0)


def test_sparse_tables_train_as_dense_ones():
    ends = []
    for sparse in (False, True):
        task, optimizer = build(adam=False, sparse=sparse)
        Fit(epochs=2, batch_size=20, clip_norm=0.1)(task, toy_triplets(), optimizer, seed=0, progress=False)
        ends.append(task.model.state_dict())
    for name in ends[0]:
        torch.testing.assert_close(ends[0][name], ends[1][name])


def test_an_optimiser_that_cannot_take_the_gradients_is_a_sentence():
    task, adam = build(sparse=True)
    with pytest.raises(UserError, match=r"optimiser does not suit.*SparseAdam"):
        Fit(epochs=1)(task, toy_triplets(), adam, seed=0, progress=False)
    task, _ = build(sparse=True)
    mixed = SparseAdam(list(task.trained()))
    with pytest.raises(UserError, match=r"optimiser does not suit.*dense"):
        Fit(epochs=1)(task, toy_triplets(), mixed, seed=0, progress=False)
    task, _ = build(sparse=True)
    fused = torch.optim.Adagrad(list(task.trained()), fused=True)
    with pytest.raises(UserError, match=r"optimiser does not suit.*sparse grad"):
        Fit(epochs=1)(task, toy_triplets(), fused, seed=0, progress=False)


@pytest.mark.parametrize(("amp", "dtype"), [(None, "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")])
def test_amp_changes_the_type_of_matrix_products(amp, dtype):
    task, history = run(Fit(epochs=3, batch_size=20, amp=amp))
    assert task.dtypes == {getattr(torch, dtype)}
    assert {weight.dtype for weight in task.parameters()} == {torch.float32}
    assert history.records[-1]["loss"] < history.records[0]["loss"] * 1.05


def test_float16_loss_is_scaled_and_a_step_that_overflows_is_left_out():
    """A factor that overflows the scaled gradient: the loss is finite, so training goes on, without that step."""
    counts = []

    def watch(task, _):
        counts.append(task.model.entity.weight.detach().clone())
        return 1e36 if len(counts) == 2 else 1.0

    run(Fit(epochs=4, amp="float16"), watch=watch)
    assert not torch.equal(counts[0], counts[1])
    assert torch.equal(counts[1], counts[2])
    assert not torch.equal(counts[2], counts[3])


def test_time_budget_ends_after_the_epoch_at_hand_with_a_validation(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(fit_module.compiling, "clock", lambda: float(next(ticks)))  # a second a look
    epochs = []
    for budget in (1.0, 60.0, None):
        _, history = run(Fit(epochs=30, max_seconds=budget, evaluate_every=100), [0.5])
        epochs.append(history.epochs)
        assert [record["epoch"] for record in history.records if "valid" in record] == [history.epochs]
    assert epochs[0] == 1 < epochs[1] < epochs[2] == 30


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"epochs": -1}, "fit.epochs is -1"),
        ({"batch_size": 0}, "fit.batch_size is 0"),
        ({"evaluate_every": 0}, "fit.evaluate_every is 0"),
        ({"patience": 0}, "fit.patience is 0"),
        ({"clip_norm": 0.0}, "fit.clip_norm is 0.0"),
        ({"clip_norm": math.nan}, "fit.clip_norm is nan"),
        ({"max_seconds": -1.0}, "fit.max_seconds is -1.0"),
        ({"checkpoint_seconds": -1.0}, "fit.checkpoint_seconds is -1.0"),
        ({"metric": "mr"}, "fit.metric is 'mr', which falls.*'amri'"),
    ],
)
def test_senseless_settings_are_sentences(setting, words):
    with pytest.raises(UserError, match=words):
        Fit(**setting)


def test_fit_is_built_from_yaml():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Fit, "fit")
    given = {"epochs": 3, "amp": "bfloat16", "patience": None, "clip_norm": 2}
    built = parser.instantiate(parser.parse_object({"fit": given})).fit
    assert built == Fit(epochs=3, amp="bfloat16", patience=None, clip_norm=2.0)
    with pytest.raises(Exception, match="int8"):
        parser.parse_object({"fit": {"amp": "int8"}})


# schedulers


def test_a_scheduler_steps_once_an_epoch():
    task, optimizer = build()
    history = Fit(epochs=5, batch_size=20)(
        task, toy_triplets(), optimizer, StepLR(optimizer, 2, gamma=0.1), seed=0, progress=False
    )
    assert [record["lr"] for record in history.records] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005])


def test_a_plateau_scheduler_follows_the_validation():
    task, optimizer = build()
    plateau = ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=0)
    script = iter([0.1, 0.2, 0.2, 0.3])
    fit = Fit(epochs=5, evaluate_every=1, patience=None)
    history = fit(
        task,
        toy_triplets(),
        optimizer,
        plateau,
        seed=0,
        evaluate=lambda: {"mrr": next(script, 0.4)},
        progress=False,
    )
    rates = [record["lr"] for record in history.records if "lr" in record]
    assert rates == pytest.approx([0.05, 0.05, 0.05, 0.005, 0.005])  # reduced after the third, which was no better


def test_a_plateau_that_cannot_be_followed_is_a_sentence():
    task, optimizer = build()
    with pytest.raises(UserError, match="mode: max"):
        Fit()(task, toy_triplets(), optimizer, ReduceLROnPlateau(optimizer), seed=0, evaluate=dict, progress=False)
    with pytest.raises(UserError, match="give validation data"):
        Fit()(task, toy_triplets(), optimizer, ReduceLROnPlateau(optimizer, mode="max"), seed=0, progress=False)


# bad input


def test_an_unknown_metric_names_the_known():
    task, optimizer = build()
    with pytest.raises(UserError, match=r"no metric 'hit@10'.*did you mean 'hits@10'"):
        Fit(epochs=1, metric="hit@10")(task, toy_triplets(), optimizer, seed=0, evaluate=task.evaluate, progress=False)


def test_a_metric_that_is_no_number_is_a_sentence():
    with pytest.raises(UserError, match="'mrr' is not a number after epoch 2"):
        run(Fit(epochs=3, evaluate_every=2), [math.nan])


def test_no_statements_and_nothing_to_train_are_sentences():
    task, optimizer = build()
    none = torch.empty(0, dtype=torch.long)
    with pytest.raises(UserError, match="no training statement"):
        Fit()(task, Triplets(none, none, none), optimizer, seed=0, progress=False)
    task.trained = lambda: iter([])
    with pytest.raises(UserError, match="Toy has nothing to train"):
        Fit()(task, toy_triplets(), optimizer, seed=0, progress=False)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_at_its_step(tmp_path, bad):
    count = []

    def watch(task, _):
        count.append(1)
        return bad if len(count) == 5 else None  # the second step of the second epoch

    fit = Fit(epochs=4, batch_size=20, checkpoint_seconds=0.0)
    with pytest.raises(UserError, match=rf"loss is {bad} at epoch 2, step 5:.*000000004\.pt"):
        train(tmp_path, fit, watch=watch)
    assert len(count) == 5
    _, _, history = train(tmp_path, fit, resume=True)  # the folder is good: without the spoiler it goes to the end
    assert history.epochs == 4
    assert len([record for record in history.records if "loss" in record]) == 4


def test_a_device_whose_losses_are_read_seldom_still_names_the_step(monkeypatch):
    """As on a GPU: the losses wait, and the first bad one among them is told."""
    count = []

    def watch(task, _):
        count.append(1)
        return math.nan if len(count) >= 4 else None

    task, optimizer = build(watch=watch)
    loop = fit_module._Loop(Fit(epochs=3, batch_size=10), task, toy_triplets(), optimizer, None, 0, None, None, False)
    loop.device = torch.device("meta")
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    with pytest.raises(UserError, match="loss is nan at epoch 1, step 4"):
        loop.train()
    assert len(count) == 5  # the epoch's end was the first look


def test_weights_that_overflow_are_never_saved(tmp_path):
    """The loss is finite and the step is not: the newest checkpoint is of before."""
    task, _ = build()
    optimizer = SGD(task.trained(), lr=1e38)
    fit = Fit(epochs=3, checkpoint_seconds=0.0)
    task.watch = lambda task, batch: 1e3
    with pytest.raises(UserError, match="weights are no longer finite"):
        fit(task, toy_triplets(), optimizer, seed=0, folder=tmp_path, progress=False)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000000000.pt"]
    saved = torch.load(tmp_path / "checkpoints" / "000000000.pt", weights_only=True)
    assert all(value.isfinite().all() for value in saved["task"].values())


# what is told


def test_the_log_says_what_happened(tmp_path):
    fit = Fit(epochs=4, batch_size=20, evaluate_every=2)
    task, _, history = train(tmp_path, fit, scheduled=False)
    records = lines(tmp_path)
    assert records == history.records
    assert [sorted(record) for record in records] == [
        *[["epoch", "loss", "lr", "metrics", "seconds", "step", "triples_per_s"]] * 2,
        ["epoch", "seconds", "step", "valid"],
        *[["epoch", "loss", "lr", "metrics", "seconds", "step", "triples_per_s"]] * 2,
        ["epoch", "seconds", "step", "valid"],
    ]
    assert records[5]["valid"]["mrr"] == task.evaluate()["mrr"]
    assert records[4]["metrics"] == {"drawn": task.drawn}


def test_numbers_that_json_has_not_become_null(tmp_path):
    task, optimizer = build()
    evaluate = lambda: {"mrr": 0.5, "odd": math.nan}  # noqa: E731
    Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, evaluate=evaluate, folder=tmp_path, progress=False)
    text = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(text.splitlines()[1], parse_constant=pytest.fail)["valid"] == {"mrr": 0.5, "odd": None}


def test_times_and_rates(tmp_path, monkeypatch):
    """A scripted clock: each step takes a second, each validation a hundred and each checkpoint a thousand."""
    now = [0.0]
    monkeypatch.setattr(fit_module.compiling, "clock", lambda: now[0])

    def watch(task, _):
        now[0] += 1.0

    task, optimizer = build(watch=watch)

    def evaluate():
        now[0] += 100.0
        return {"mrr": 0.5}

    def save(self, step, state):
        now[0] += 1000.0

    monkeypatch.setattr(Checkpoints, "save", save)
    monkeypatch.setattr(fit_module, "GLANCE", 1e9)  # no look at the clock but where it is needed
    fit = Fit(epochs=4, batch_size=10, evaluate_every=2, checkpoint_seconds=0.0)
    options = {"evaluate": evaluate, "folder": tmp_path, "progress": False}
    history = fit(task, toy_triplets(), optimizer, seed=0, **options)
    assert (history.train_s, history.evaluate_s, history.triples_per_s) == (20.0, 200.0, 4 * COUNT / 20.0)
    assert [record["seconds"] for record in history.records] == [5.0, 5.0, 100.0, 5.0, 5.0, 100.0]
    assert history.records[0]["triples_per_s"] == 10.0
    assert 50 < history.peak_rss_mib < 100_000
    assert (history.peak_cuda_mib is None) == (not torch.cuda.is_available())


def test_a_triple_counts_once_however_many_examples_it_gives(monkeypatch):
    class Both(Toy):
        def examples(self, triplets):
            return Triplets(*(torch.cat([column, column]) for column in triplets))

    now = [0.0]
    monkeypatch.setattr(fit_module.compiling, "clock", lambda: now[0])

    def watch(task, _):
        now[0] += 1.0

    task = Both(watch=watch)
    history = Fit(epochs=1, batch_size=10)(task, toy_triplets(), Adagrad(task.trained()), seed=0, progress=False)
    assert (history.train_s, history.triples_per_s) == (10.0, COUNT / 10.0)


def test_progress_off_a_terminal_is_plain_lines(capsys):
    task, optimizer = build()
    Fit(epochs=3, evaluate_every=1)(task, toy_triplets(), optimizer, seed=0, evaluate=task.evaluate)
    captured = capsys.readouterr()
    assert captured.out == ""
    first = captured.err.splitlines()[0]
    assert first.startswith("epoch 1/3, loss ")
    assert "triples/s" in first
    assert "\x1b" not in captured.err
    Fit(epochs=1)(task, toy_triplets(), optimizer, seed=0, progress=False)
    assert capsys.readouterr() == ("", "")


def test_lines_say_metric_and_remaining_time(monkeypatch):
    from rich.console import Console

    from gnnneg.training import display
    from gnnneg.training.state import Position

    now = [100.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    console = Console(width=200, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    shown = display.Lines(console, epochs=4, metric="mrr", seconds=30.0)
    at = Position(epoch=0, done=10, loss=5.0)
    with shown:
        shown.show(at, 0.0, 1234.5, None)
        now[0] += 10
        shown.show(at, 0.5, 1234.5, None)  # too soon
        now[0] += 30
        at.epoch, at.best_epoch, at.best = 1, 1, {"mrr": 0.25}
        shown.show(at, 1.0, 2000.0, 0.2, {"generators.0.rank": 6.312})
    console.file.close()
    assert console.export_text().splitlines() == [
        "epoch 1/4, loss 0.5, 1,234 triples/s",
        "epoch 2/4, loss 0.5, 2,000 triples/s, mrr 0.2000 (best 0.2500 at 1), rank 6.31, 0:00:40 left",
    ]


def test_the_bar_on_a_terminal(monkeypatch):
    import io

    from rich.console import Console

    from gnnneg.training import display
    from gnnneg.training.state import Position

    screen = io.StringIO()
    shown = display.Bar(Console(file=screen, force_terminal=True, width=120), epochs=4, metric="mrr")
    with shown:
        shown.show(Position(epoch=1, done=10, loss=5.0, best={"mrr": 0.3}, best_epoch=1), 0.5, 1234.0, 0.25)
    assert "epoch 2/4" in screen.getvalue()
    assert "loss 0.5, 1,234 triples/s, mrr 0.2500 (best 0.3000 at 1)" in screen.getvalue()
    assert shown.progress.tasks[0].completed == 1.5


def test_records_match_between_memory_and_file(tmp_path):
    _, _, kept = train(tmp_path, Fit(epochs=2))
    _, _, free = train(None, Fit(epochs=2))
    assert timeless(kept.records) == timeless(free.records) == timeless(lines(tmp_path))


def test_a_validation_is_shown_at_once(monkeypatch):
    """After each validation its figure stands there, with a whole epoch done."""
    seen = []

    class Watched(Silence):
        def show(self, at, share, rate, metric, told=NOTHING):
            seen.append((share, metric))

    monkeypatch.setattr(fit_module, "display", lambda *_: Watched())
    run(Fit(epochs=2, batch_size=25, evaluate_every=1), [0.25, 0.5])
    assert (1.0, 0.25) in seen
    assert (1.0, 0.5) in seen
