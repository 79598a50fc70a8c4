"""A scheduler made in Python is written down so that the run goes on to the same bits, or refused with a way out."""

import copy

import pytest
import torch
from experiment.helpers import linked, ring
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from gnnneg import Fit, Run, UserError, train
from gnnneg.experiment import resume
from gnnneg.experiment.schedule import written
from gnnneg.experiment.settings import plan

FIT = Fit(epochs=3, batch_size=8, evaluate_every=1, patience=None)
LR, MOMENTUM = 0.1, 0.7


class Warm(LambdaLR):
    """The way out that a refusal names: a function of numbers that are kept."""

    def __init__(self, optimizer, steps: int, last_epoch: int = -1):
        self.steps = steps
        super().__init__(optimizer, lambda epoch: min(1.0, (epoch + 1) / steps), last_epoch)


def sequential(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=3), ExponentialLR(optimizer, 0.7)]
    return SequentialLR(optimizer, parts, milestones=[2])


KINDS = {
    "plateau": lambda o: ReduceLROnPlateau(o, mode="max", factor=0.3, patience=0, threshold=9.0, min_lr=1e-3),
    "linear": lambda o: LinearLR(o, 0.1, total_iters=3),
    "steps": lambda o: MultiStepLR(o, [1, 4, 4], gamma=0.3),
    "one cycle": lambda o: OneCycleLR(o, 0.3, epochs=7, steps_per_epoch=1, pct_start=0.35, div_factor=7),
    "three phases": lambda o: OneCycleLR(
        o, 0.3, total_steps=13, three_phase=True, anneal_strategy="linear", final_div_factor=77.0, base_momentum=0.6
    ),
    "no momentum": lambda o: OneCycleLR(o, 0.3, total_steps=9, cycle_momentum=False),
    "cyclic": lambda o: CyclicLR(o, 0.01, 0.3, step_size_up=3, step_size_down=2, mode="exp_range", gamma=0.9),
    "cyclic alone": lambda o: CyclicLR(o, 0.01, 0.3, step_size_up=2, mode="triangular2", cycle_momentum=False),
    "sequential": sequential,
    "chained": lambda o: ChainedScheduler([LinearLR(o, 0.3), CyclicLR(o, 0.01, 0.3, cycle_momentum=False)], o),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=1e-3),
    "own": lambda o: Warm(o, 5),
}


def rates(scheduler, optimizer, steps: int = 6) -> list[tuple]:
    """What a scheduler makes of an optimiser over its first steps, but for ReduceLROnPlateau, which asks a metric."""
    found = []
    for _ in range(steps):
        group = optimizer.param_groups[0]
        found.append((group["lr"], group.get("momentum"), group.get("betas")))
        optimizer.step()
        scheduler.step(*([0.0] if isinstance(scheduler, ReduceLROnPlateau) else []))
    return found


@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_makes_the_same_rates(kind, adam):
    weights = [torch.nn.Parameter(torch.zeros(2))]
    settings = {"lr": LR, **({"betas": (0.8, 0.9)} if adam else {"momentum": MOMENTUM})}
    cls = Adam if adam else SGD
    optimizer, other = cls(weights, **settings), cls(weights, **settings)
    scheduler = KINDS[kind](optimizer)
    tree = written(scheduler, optimizer, settings)
    from torch.optim.lr_scheduler import LRScheduler

    from gnnneg.config import resolve

    again = resolve(LRScheduler, copy.deepcopy(tree), "scheduler", {"optimizer": None}).build({"optimizer": other})
    assert type(again) is type(scheduler)
    assert rates(again, other) == rates(scheduler, optimizer)


def go(schedule, out, fit=FIT):
    torch.manual_seed(0)
    data = ring()
    task = linked(data)
    optimizer = SGD(task.trained(), lr=LR, momentum=MOMENTUM)
    return train(task, data, optimizer, fit, scheduler=schedule(optimizer), out=out, progress=False)


@pytest.mark.parametrize("kind", ["plateau", "one cycle", "cyclic", "sequential", "chained", "own"])
def test_the_run_goes_on_to_the_same_bits(tmp_path, kind):
    """The config says the rate that the optimiser was made with, not the one that the scheduler has made of it."""
    whole = go(KINDS[kind], None, Fit(**{**vars(FIT), "epochs": 6}))
    run = go(KINDS[kind], tmp_path / "run")
    said = Run.load(run.path).config["optimizer"]["init_args"]
    assert said["momentum"] == MOMENTUM
    if "cycl" not in kind and kind != "chained":  # which set a rate of their own
        assert said["lr"] == LR
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 3", "epochs: 6"))
    assert resume(run.path, progress=False, allow="experiment").metrics == whole.metrics


def test_numbers_are_written_as_somebody_would():
    optimizer = SGD([torch.nn.Parameter(torch.zeros(2))], lr=LR, momentum=MOMENTUM)
    scheduler = OneCycleLR(optimizer, 0.3, total_steps=9, pct_start=0.3, div_factor=7.0, final_div_factor=1e3)
    found = written(scheduler, optimizer, {"lr": LR, "momentum": MOMENTUM})["init_args"]
    assert (found["pct_start"], found["div_factor"], found["final_div_factor"]) == (0.3, 7.0, 1e3)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (lambda o: LambdaLR(o, lambda epoch: 1.0), "(LambdaLR) takes a function, which a config cannot say"),
        (lambda o: MultiplicativeLR(o, lambda epoch: 1.0), "(MultiplicativeLR) takes a function"),
        (lambda o: CyclicLR(o, 0.1, 0.2, scale_fn=lambda x: 1.0), "(CyclicLR) takes a function"),
        (lambda o: SequentialLR(o, [LinearLR(o), LambdaLR(o, lambda epoch: 1.0)], [2]), "(LambdaLR) takes a function"),
        (lambda o: LinearLR(SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)), "is for another optimizer"),
        (lambda o: stepped(LinearLR(o), o), "give one that has taken no steps"),
    ],
    ids=["lambda", "multiplicative", "scale", "inner", "other", "stepped"],
)
def test_others_are_refused_with_the_ways_out(tmp_path, schedule, told):
    with pytest.raises(UserError) as caught:
        go(schedule, tmp_path / "run")
    assert told in str(caught.value)
    assert not (tmp_path / "run").exists()


def stepped(scheduler, optimizer):
    optimizer.step()
    scheduler.step()
    return scheduler


def test_numbers_of_the_only_group_are_recorded_under_a_scheduler_too(tmp_path):
    data = ring()
    task = linked(data)
    optimizer = SGD([{"params": list(task.trained()), "lr": 0.5, "momentum": 0.25}], lr=0.1)
    scheduler = LinearLR(optimizer, 0.5)
    run = train(task, data, optimizer, FIT, scheduler=scheduler, out=tmp_path / "run", progress=False)
    said = run.config["optimizer"]["init_args"]
    assert (said["lr"], said["momentum"]) == (0.5, 0.25)
    assert plan(run.config)
