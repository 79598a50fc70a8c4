"""Builds everything that a run needs from a config."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import HeteroData

from gnnneg.config import Plan, Tree
from gnnneg.data.facts import Facts
from gnnneg.data.known import KnownAnswers
from gnnneg.distributed import own_device
from gnnneg.errors import UserError, echo
from gnnneg.evaluation import Testbed
from gnnneg.experiment.ready import refuse_negative, refuse_optimizer, refuse_scheduler
from gnnneg.experiment.settings import Evaluation, source
from gnnneg.experiment.unmade import refuse_plan
from gnnneg.experiment.warmth import Warm
from gnnneg.interfaces import Model, Task
from gnnneg.training import Fit, Watcher
from gnnneg.training.randomness import seeded

LONGEST = 80  # the longest message of torch that is shown


@dataclass
class Setup:
    """All objects that a run needs."""

    data: HeteroData
    task: Task
    optimizer: Optimizer
    scheduler: LRScheduler | None
    fit: Fit
    evaluation: Evaluation
    seed: int
    device: torch.device
    test_graph: HeteroData | None = None
    plan: Plan | None = None
    path: Path | None = None
    name: str = "data"
    train: KnownAnswers | None = None
    track: Sequence[Watcher] = ()
    warm: Warm | None = None

    @property
    def tree(self) -> Tree:
        """Its config, if it has one."""
        return {} if self.plan is None else self.plan.plain()

    @property
    def dataset(self) -> str | None:
        """The name of its data set, if its config says one."""
        return None if self.plan is None else source(self.plan).name

    @property
    def model(self) -> Model:
        """The model of the task."""
        return self.task.model

    @cached_property
    def testbed(self) -> Testbed:
        """The testbed of its evaluations."""
        return self.evaluation.testbed(self.seed, self.device, self.data, self.test_graph, self.train)


def assemble(
    plan: Plan,
    data: HeteroData,
    test_graph: HeteroData | None = None,
    *,
    device: torch.device | None = None,
    trains: bool = True,
) -> Setup:
    """Builds a plan on a data set. The same plan and data give the same initial weights.

    The plan's own device is used, unless another one is given. If it ``trains``, a plan whose tables and optimiser do
    not fit into memory is refused first.
    """
    settings = plan.arguments
    device = choose(settings["device"]) if device is None else device
    facts = Facts(data)
    if trains:
        refuse_plan(settings, facts, device)
    with seeded(settings["seed"]):
        task = settings["task"].build(facts).to(device)
    optimizer = settings["optimizer"].build({"params": list(task.trained())})
    scheduler = settings["scheduler"]
    refuse_optimizer(optimizer, scheduler is not None)
    if scheduler is not None:
        refuse_negative(scheduler)
        epochs = settings["fit"].arguments["epochs"]
        refuse_scheduler(lambda of: scheduler.build({"optimizer": of}), optimizer.defaults.get("lr", 0.0), epochs)
    return Setup(
        data=data,
        task=task,
        optimizer=optimizer,
        scheduler=scheduler if scheduler is None else scheduler.build({"optimizer": optimizer}),
        fit=settings["fit"].build({}),
        evaluation=settings["evaluation"].build({}),
        seed=settings["seed"],
        device=device,
        test_graph=test_graph,
        plan=plan,
        name=Path(source(plan).name).name,
        train=index_at(device, facts),
    )


def index_at(device: torch.device, facts: Facts) -> KnownAnswers | None:
    """The index of training answers, if a part has already built it, so that rankings can share it."""
    made = facts.made("known")
    return made.to(device) if isinstance(made, KnownAnswers) else None


def choose(device: str | None) -> torch.device:
    """The device of that name, or a GPU if there is one.

    Raises:
        UserError: If there is no such device.
    """
    if device is None:
        return torch.device(own_device() if torch.cuda.is_available() else "cpu")
    if device == "cuda":
        device = own_device()
    try:
        torch.zeros(1, device=device).item()  # fails for devices without memory, such as meta
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        why = f" ({why})" if len(why) <= LONGEST else ""  # torch lists every device and key that it knows
        raise UserError(f"There is no device {echo(device)} here{why}: try cpu.") from None
    return torch.device(device)
