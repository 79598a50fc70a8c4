"""However a run is cut, going on gives the same bits as never having stopped."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from examples import NODES, RELATIONS, kge, toy
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as schedulers
from training.toy import (
    Toy,
    assert_same_run,
    build,
    end,
    lines,
    same_bits,
    timeless,
    toy_triplets,
    train,
)

from gnnneg.corruption import Alternating
from gnnneg.errors import UserError
from gnnneg.losses import InfoNCE
from gnnneg.samplers import Uniform
from gnnneg.tasks import LinkPrediction
from gnnneg.training import Fit, Interrupted
from gnnneg.training.checkpoint import load, names, save
from gnnneg.training.randomness import chance, restore

FIT = Fit(epochs=6, batch_size=20, evaluate_every=2, patience=None, clip_norm=1.0, checkpoint_seconds=0.0)  # 18 steps


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(folder, FIT)


def at_step(number: int, then):
    """A watcher that calls ``then`` at the ``number``-th step, the first being 1."""
    count = []

    def watch(task, batch):
        count.append(1)
        return then() if len(count) == number else None

    return watch


def strike(number: int = signal.SIGINT):
    return lambda: os.kill(os.getpid(), number)


class Broken(Exception):
    pass


def break_down():
    raise Broken


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7, 12, 18])
def test_a_crash_at_any_step(tmp_path, whole, step):
    with pytest.raises(Broken):
        train(tmp_path, FIT, watch=at_step(step, break_down))
    assert int(names(tmp_path / "checkpoints")[-1].stem) == step - 1
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


@pytest.mark.parametrize("step", [1, 2, 3, 6, 17, 18])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_step(tmp_path, whole, step, number):
    """The step is finished and saved, though the next checkpoint was not due for an hour."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fit = Fit(**{**vars(FIT), "checkpoint_seconds": 3600.0})
    with pytest.raises(Interrupted, match=rf"Interrupted in epoch \d of 6, step {step}: .*gnnneg resume {tmp_path}'"):
        train(tmp_path, fit, watch=at_step(step, strike(number)))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert end(tmp_path)["position"]["step"] == step
    assert (tmp_path / "model" / "model.safetensors").exists()
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_interrupted_again_and_again(tmp_path, whole):
    """Three steps at a time: signals twice, a crash, a signal."""
    for attempt, then in enumerate([strike(), strike(signal.SIGTERM), break_down, strike()]):
        with pytest.raises((Interrupted, Broken)):
            train(tmp_path, FIT, watch=at_step(4, then), resume=attempt > 0)
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


@pytest.mark.parametrize("validation", [1, 2, 3])
@pytest.mark.parametrize("kind", ["signal", "crash"])
def test_stopped_within_a_validation(tmp_path, whole, validation, kind):
    """A signal there is obeyed at once, and the validation made up for."""
    calls, reached = [], []

    def evaluate():
        calls.append(1)
        torch.rand(9)
        if len(calls) == validation:
            strike()() if kind == "signal" else break_down()
            time.sleep(0.001)
            reached.append(1)
        return task.evaluate()

    task, optimizer = build()
    scheduler = schedulers.CosineAnnealingLR(optimizer, 10)
    with pytest.raises(Interrupted if kind == "signal" else Broken):
        FIT(task, toy_triplets(), optimizer, scheduler, seed=3, evaluate=evaluate, folder=tmp_path, progress=False)
    assert not reached
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_a_second_signal_does_not_wait_for_the_step(tmp_path, whole):
    reached = []

    def twice():
        strike()()
        strike()()
        time.sleep(0.001)
        reached.append(1)

    with pytest.raises(KeyboardInterrupt) as caught:
        train(tmp_path, FIT, watch=at_step(8, twice))
    assert not isinstance(caught.value, Interrupted)
    assert not reached
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_a_signal_without_a_folder_leaves_the_model_trained():
    task, optimizer = build(watch=at_step(4, strike()))
    with pytest.raises(Interrupted, match="nothing was saved"):
        FIT(task, toy_triplets(), optimizer, seed=3, progress=False)
    assert not same_bits(task.state_dict(), build()[0].state_dict())


def test_the_interrupted_model_is_the_best_so_far(tmp_path):
    from gnnneg.training import load_model

    with pytest.raises(Interrupted):
        train(tmp_path, FIT, watch=at_step(17, strike()))
    best, _ = build()
    load_model(tmp_path / "model", best.model)
    position = end(tmp_path)["position"]
    assert position["best"]["mrr"] == best.evaluate()["mrr"]


def test_training_in_another_thread_needs_no_signals(tmp_path, whole):
    done = []
    thread = threading.Thread(target=lambda: done.append(train(tmp_path, FIT)))
    thread.start()
    thread.join()
    assert_same_run(whole, (tmp_path, done[0]))


def test_resuming_a_finished_run_changes_nothing(tmp_path, whole):
    _, _, first = train(tmp_path, FIT)
    task, optimizer, again = train(tmp_path, FIT, resume=True)
    assert again.records == first.records
    assert (again.train_s, again.triples_per_s) == (first.train_s, first.triples_per_s)
    assert_same_run(whole, (tmp_path, (task, optimizer, again)))


def test_more_epochs_go_on_from_the_end(tmp_path, whole):
    train(tmp_path, Fit(**{**vars(FIT), "epochs": 4}))
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_patience_is_remembered(tmp_path):
    """Two validations without a better one, three asked: after resuming it takes one more, not three."""

    def go(values, resume, watch=None):
        task, optimizer = build(watch=watch)
        fit = Fit(epochs=50, evaluate_every=1, patience=3, checkpoint_seconds=0.0)
        script = iter(values)
        options = {"evaluate": lambda: {"mrr": next(script)}, "folder": tmp_path, "progress": False}
        return fit(task, toy_triplets(), optimizer, seed=0, resume=resume, **options)

    with pytest.raises(Broken):
        go([0.5, 0.4, 0.4], False, at_step(4, break_down))
    history = go([0.4, 0.9], True)
    assert (history.epochs, history.best_epoch, history.best) == (4, 1, {"mrr": 0.5})


def test_the_best_weights_survive_a_resume(tmp_path):
    """The best epoch lies before the crash."""

    def go(folder, values, resume, watch=None):
        task, optimizer = build(watch=watch)
        fit = Fit(epochs=4, evaluate_every=1, checkpoint_seconds=0.0)
        script = iter(values)
        options = {"evaluate": lambda: {"mrr": next(script)}, "folder": folder, "progress": False}
        fit(task, toy_triplets(), optimizer, seed=0, resume=resume, **options)
        return task

    uncut = go(tmp_path / "a", [0.9, 0.1, 0.2, 0.3], False)
    with pytest.raises(Broken):
        go(tmp_path / "b", [0.9, 0.1], False, at_step(3, break_down))
    assert same_bits(uncut.state_dict(), go(tmp_path / "b", [0.2, 0.3], True).state_dict())


@pytest.mark.parametrize(
    "make",
    [
        lambda o: schedulers.StepLR(o, 2, 0.5),
        lambda o: schedulers.MultiStepLR(o, [1, 3, 3], 0.5),
        lambda o: schedulers.ExponentialLR(o, 0.9),
        lambda o: schedulers.OneCycleLR(o, 0.1, total_steps=10),
        lambda o: schedulers.CosineAnnealingWarmRestarts(o, 2),
        lambda o: schedulers.SequentialLR(
            o, [schedulers.LinearLR(o, 0.1, total_iters=2), schedulers.StepLR(o, 1)], [2]
        ),
        lambda o: schedulers.ReduceLROnPlateau(o, mode="max", patience=0, threshold=1.0, threshold_mode="abs"),
    ],
    ids=["step", "multistep", "exponential", "onecycle", "restarts", "sequential", "plateau"],
)
@pytest.mark.parametrize("optimiser", [Adam, SGD])
def test_schedulers_go_on(tmp_path, make, optimiser):
    def go(folder, resume=False, watch=None):
        task, _ = build(watch=watch)
        optimizer = optimiser(task.trained(), lr=0.05)
        scheduler = make(optimizer)
        fit = Fit(epochs=5, batch_size=50, evaluate_every=1, patience=None, checkpoint_seconds=0.0)
        options = {"evaluate": task.evaluate, "folder": folder, "progress": False, "resume": resume}
        return task, optimizer, fit(task, toy_triplets(), optimizer, scheduler, seed=3, **options)

    uncut = go(tmp_path / "a")
    with pytest.raises(Broken):
        go(tmp_path / "b", watch=at_step(4, break_down))
    assert_same_run((tmp_path / "a", uncut), (tmp_path / "b", go(tmp_path / "b", resume=True)))
    rates = [record["lr"] for record in uncut[2].records if "lr" in record]
    assert len(set(rates)) > 1


def test_loss_scaling_goes_on(tmp_path):
    """The scale of float16 halves at an overflow and is kept."""
    fit = Fit(epochs=4, amp="float16", checkpoint_seconds=0.0)

    def spoil(number):
        return at_step(number, lambda: 1e36)

    uncut = train(tmp_path / "a", fit, watch=spoil(1), scheduled=False)
    assert end(tmp_path / "a")["scaler"]["scale"] == 2.0**15

    first, then = spoil(1), at_step(3, break_down)
    with pytest.raises(Broken):
        train(tmp_path / "b", fit, watch=lambda *step: then(*step) or first(*step), scheduled=False)
    resumed = train(tmp_path / "b", fit, resume=True, scheduled=False)
    assert_same_run((tmp_path / "a", uncut), (tmp_path / "b", resumed))


def test_draws_from_global_generators_go_on(tmp_path):
    """A part of the user's own may draw from torch's or numpy's."""

    def noise(seen):
        return lambda task, batch: seen.append((torch.rand(1).item(), np.random.rand(), np.random.normal()))

    uncut, cut = [], []
    train(None, FIT, watch=noise(uncut))
    halt, note = at_step(8, strike()), noise(cut)
    with pytest.raises(Interrupted):
        train(tmp_path, FIT, watch=lambda *step: note(*step) or halt(*step))
    train(tmp_path, FIT, watch=note, resume=True)
    assert cut == uncut
    assert len(set(cut)) == 18


def test_every_source_of_chance_is_put_back(tmp_path):
    """Through a file, as in a checkpoint; after an odd number of normal draws numpy keeps one back."""
    rng = torch.Generator()

    def draw():
        return (
            torch.rand(1).item(),
            torch.rand(1, generator=rng).item(),
            random.random(),
            random.gauss(),
            np.random.normal(),
        )

    draw()
    save(tmp_path / "x.pt", chance(rng))
    after = [draw(), draw()]
    restore(load(tmp_path / "x.pt"), rng)
    assert [draw(), draw()] == after


def test_state_of_other_parts_goes_on(tmp_path):
    """A learning part's own optimiser state, kept by get_extra_state, is in the checkpoint and comes back."""

    class Learner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count, "state": {"a": torch.ones(2)}}

        def set_extra_state(self, state):
            self.count = state["count"]

    def go(number=None, resume=False):
        torch.manual_seed(0)
        task = Toy()
        task.learner = Learner()
        halt = at_step(number, strike()) if number else None

        def watch(task, batch):
            task.learner.count += 1
            if halt:
                halt(task, batch)

        task.watch = watch
        fit = Fit(epochs=2, batch_size=10)
        fit(task, toy_triplets(), Adam(task.trained()), seed=0, folder=tmp_path, progress=False, resume=resume)
        return task

    with pytest.raises(Interrupted):
        go(number=4)
    assert go(resume=True).learner.count == 10


@pytest.mark.parametrize("step", [2, 3, 4, 5])
def test_sides_asked_for_in_turn_go_on(tmp_path, step):
    """Three batches an epoch, so that each epoch begins with another side; cut before batches of heads and of tails."""

    def go(folder: Path, stop: int | None = None, resume: bool = False):
        torch.manual_seed(0)
        task, sides = LinkPrediction(kge(), Alternating(RELATIONS), Uniform(NODES, 3), InfoNCE()), []

        def watch(corruption, given):
            if len(sides) == stop:
                raise Broken
            sides.append(["tails", "heads"][int(corruption.step) % 2])

        task.corruption.register_forward_pre_hook(watch)
        fit, optimizer = Fit(epochs=3, batch_size=15, checkpoint_seconds=0.0), Adam(task.trained(), lr=0.05)
        fit(task, toy(), optimizer, seed=3, folder=folder, progress=False, resume=resume)
        return sides, task, optimizer

    sides, task, optimizer = go(tmp_path / "whole")
    assert sides == ["tails", "heads"] * 4 + ["tails"]
    with pytest.raises(Broken):
        go(tmp_path / "cut", stop=step)
    left, again, reoptimizer = go(tmp_path / "cut", resume=True)
    assert left == sides[step:]
    assert int(again.corruption.step) == 9
    assert same_bits(task.state_dict(), again.state_dict())
    assert same_bits(optimizer.state_dict(), reoptimizer.state_dict())
    assert same_bits(end(tmp_path / "whole"), end(tmp_path / "cut"))
    assert timeless(lines(tmp_path / "whole")) == timeless(lines(tmp_path / "cut"))


def test_state_that_could_not_be_read_back_is_found_at_the_start(tmp_path):
    class Stubborn(torch.nn.Module):
        def get_extra_state(self):
            return Path("x")

    steps = []
    task, optimizer = build(watch=lambda *_: steps.append(1))
    task.part = Stubborn()
    with pytest.raises(UserError, match=r"holds more than numbers.*keeps Python objects in its state_dict"):
        FIT(task, toy_triplets(), optimizer, seed=0, folder=tmp_path, progress=False)
    assert not steps
    assert not names(tmp_path / "checkpoints")


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path):
    _, _, history = train(tmp_path, FIT)
    with pytest.raises(UserError, match=f"already holds a run.*gnnneg resume {tmp_path}"):
        train(tmp_path, FIT)
    assert lines(tmp_path) == history.records


def test_resume_before_the_first_checkpoint_begins_at_the_beginning(tmp_path, whole):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))


def test_lines_after_the_checkpoint_are_not_doubled(tmp_path, whole):
    """Killed after a line, in the middle of the next, before the checkpoint that would know of them."""
    with pytest.raises(Broken):
        train(tmp_path, FIT, watch=at_step(8, break_down))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "step": 9, "loss": 7.0}\n{"epoch": 3, "val')
    _, _, history = train(tmp_path, FIT, resume=True)
    assert timeless(lines(tmp_path)) == timeless(lines(whole[0])) == timeless(history.records)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda task, optimizer: (task, SGD(task.trained(), lr=0.1)), "optimiser and scheduler are Adam and none"),
        (lambda task, optimizer: (task, Adam([task.model.entity.weight])), "belongs to another optimiser"),
    ],
    ids=["class", "parameters"],
)
@pytest.mark.filterwarnings("ignore:Adam owns 1 of the 2")
def test_another_optimiser_is_a_sentence(tmp_path, change, words):
    train(tmp_path, FIT, scheduled=False)
    task, optimizer = change(*build())
    with pytest.raises(UserError, match=words):
        FIT(task, toy_triplets(), optimizer, seed=3, folder=tmp_path, progress=False, resume=True)


def test_another_model_is_a_sentence(tmp_path):
    train(tmp_path, FIT, scheduled=False)
    task, _ = build()
    task.model.entity = torch.nn.Embedding(13, 4)
    optimizer = Adam(task.trained())
    with pytest.raises(UserError, match=r"'model.entity.weight' is \(12, 4\) in the file and \(13, 4\) in the model"):
        FIT(task, toy_triplets(), optimizer, seed=3, folder=tmp_path, progress=False, resume=True)


def test_resume_needs_a_folder():
    task, optimizer = build()
    with pytest.raises(UserError, match="nothing to resume without a run folder"):
        FIT(task, toy_triplets(), optimizer, seed=3, progress=False, resume=True)


# a real process, really killed

CHILD = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from training.toy import train
from training.test_resume import FIT
from gnnneg.training import checkpoint

folder, count = Path(sys.argv[1]), 0
whole = torch.save

def slow(state, file):
    # the sixth checkpoint: half of it reaches the disk, then nothing more happens
    global count
    count += 1
    if count < 6:
        return whole(state, file)
    import io, os
    buffer = io.BytesIO()
    whole(state, buffer)
    file.write(buffer.getvalue()[: buffer.tell() // 2])
    file.flush()
    os.fsync(file.fileno())
    print("half", flush=True)
    time.sleep(600)

torch.save = slow
train(folder, FIT)
"""


def test_kill_9_while_a_checkpoint_is_written(tmp_path, whole):
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root.parent}", "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    child.kill()
    child.wait()
    child.stdout.close()
    folder = tmp_path / "checkpoints"
    assert [path.name.split(".")[0] for path in folder.glob("*.tmp")] == ["000000005"]
    assert [path.stem for path in names(folder)] == ["000000003", "000000004"]
    assert_same_run(whole, (tmp_path, train(tmp_path, FIT, resume=True)))
    assert not list(folder.glob("*.tmp"))


def test_what_a_checkpoint_lacks_and_has_more_is_told_the_right_way_round(tmp_path):
    from gnnneg.errors import UserError
    from gnnneg.training.restore import load_task
    from gnnneg.training.state import TrainingState

    def started(extra: str | None) -> TrainingState:
        task, optimizer = build()
        if extra:
            task.model.register_buffer(extra, torch.zeros(2))
        return TrainingState(task, optimizer, None, torch.amp.GradScaler("cpu", enabled=False), torch.Generator())

    from gnnneg.training.checkpoint import save

    for there, here, told in (
        ("more", None, "'model.more' is in the file but not in the model"),
        (None, "more", "'model.more' is in the model but not in the file"),
    ):
        state, other = started(there).state_dict(), started(here)
        with pytest.raises(UserError, match=f"belongs to another run: {told}; go on"):
            other.load_state_dict(state, tmp_path / "1.pt")
        save(tmp_path / "000000001.pt", state)
        with pytest.raises(UserError, match=f"belongs to another run or version: {told}; train again"):
            load_task(tmp_path, other.task)
