"""Training: epochs of batches, with validation, checkpoints and resuming."""

import math
import re
import warnings
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch
from jaxtyping import Int
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from gnnneg import compiling, distributed
from gnnneg.chance import lent
from gnnneg.checks import kinds
from gnnneg.errors import UserError, echo, nearest
from gnnneg.interfaces import Task
from gnnneg.records import Triplets
from gnnneg.run_files import CHECKPOINTS, METRICS, MODEL
from gnnneg.training.checkpoint import Checkpoints, names
from gnnneg.training.columns import Columns
from gnnneg.training.display import display
from gnnneg.training.gradients import clip
from gnnneg.training.graphed import Graphed
from gnnneg.training.interruption import Interrupted, Interruption
from gnnneg.training.log import Log, told
from gnnneg.training.memory import peak_cuda_mib, peak_rss_mib
from gnnneg.training.optimizers import fused_where_it_can, owns, stepped
from gnnneg.training.parted import refuse_parted, settle, strangers
from gnnneg.training.precision import products_in_tf32
from gnnneg.training.randomness import apart, beside, seeded, untouched
from gnnneg.training.room import refuse_large
from gnnneg.training.state import Position, TrainingState
from gnnneg.training.watching import Stop, Watchers
from gnnneg.training.weights import save_model

Evaluate = Callable[[], dict[str, float]]

FALLING = {"mr": "amri", "amr": "amri", "loss": "mrr", "mrr_se": "mrr"}  # measures of error, and what to watch instead
GLANCE = 0.2  # seconds between looks at the loss while the device computes: each look waits for it


@dataclass
class History:
    """The result of training."""

    epochs: int
    """The number of whole epochs (or rounds, with ``fit.steps``), over all sessions of the run."""
    best_epoch: int
    """The epoch or round whose weights the model now has: that of the best validation, or the last one without
    validation.
    """
    best: dict[str, float]
    """Its validation metrics."""
    train_s: float
    """Seconds of training, without validation and checkpoints."""
    evaluate_s: float
    """Seconds of validation."""
    triples_per_s: float
    """A triple counts once per pass, even if both its sides are predicted."""
    peak_rss_mib: float | None
    peak_cuda_mib: float | None
    records: list[dict[str, Any]]
    """The lines of ``metrics.jsonl``."""


@dataclass(frozen=True)
class Fit:
    """The settings of training; a call trains.

    Every epoch goes once through a task's examples in a new random order; the task computes the loss of each batch.
    With a run folder it writes ``metrics.jsonl``, ``checkpoints/`` and, from the best validation, ``model/``. On a CPU
    with the same number of threads a resumed run gives the same bits as one that was never stopped, even if it stopped
    within an epoch. More frequent validation changes no weights.

    If one pass over the examples is too long between two validations, ``steps`` divides training into rounds. A round
    has so many steps, and takes the place of an epoch in every setting, in the log and for the scheduler. Passes
    continue from round to round, so each pass still has every example once.

    Memory: the weights, the optimiser's state and a step's gradients; 16 bytes for an example of three numbers. With a
    run folder the best weights are kept in ``model/``; without one they are a copy in memory.

    Args:
        epochs (int): Passes over the examples; with ``steps``, rounds. (default: :obj:`100`)
        batch_size (int): Examples per step; the last batch of a pass may be smaller. (default: :obj:`1024`)
        clip_norm (float, optional): The largest norm of all gradients together. Larger gradients are scaled down to it,
            sparse ones too. (default: :obj:`None`)
        amp (str, optional): ``bfloat16`` or ``float16``, to run the task under autocast; ``float16`` has loss scaling.
            (default: :obj:`None`, full precision)
        evaluate_every (int): Epochs, or rounds, between validations; the last one is always validated.
            (default: :obj:`5`)
        patience (int, optional): Training stops after so many validations in a row without a better one; :obj:`None`
            never stops. (default: :obj:`10`)
        metric (str): The validation metric that decides which weights are best; larger must be better.
            (default: :obj:`"mrr"`)
        checkpoint_seconds (float): The shortest time between checkpoints, which may be within an epoch. There is always
            one at the start, at the end and at an interruption. If writing one takes a second or more, the time to the
            next is at least ten times as long. (default: :obj:`60.0`)
        max_seconds (float, optional): A budget: when training and validation have taken so long, the current epoch or
            round is the last. (default: :obj:`None`)
        tf32 (bool): Whether matrix products of training round their factors to TF32 on a CUDA device, which is faster
            and keeps about three decimals. Validation and ranking never do. (default: :obj:`False`)
        cuda_graph (bool, optional): Whether a step's loss and gradients are recorded once and replayed on a CUDA
            device, which saves the host's time for small steps. :obj:`None` records if a step allows it. Parts that
            change in Python from step to step, or wait for the device, do not. The numbers stay the same.
            (default: :obj:`None`)
        steps (int, optional): The steps of a round, which then takes the place of an epoch; :obj:`None` means no
            rounds. (default: :obj:`None`)

    Raises:
        UserError: If a setting makes no sense.
    """

    epochs: int = 100
    batch_size: int = 1024
    clip_norm: float | None = None
    amp: Literal["bfloat16", "float16"] | None = None
    evaluate_every: int = 5
    patience: int | None = 10
    metric: str = "mrr"
    checkpoint_seconds: float = 60.0
    max_seconds: float | None = None
    tf32: bool = False
    cuda_graph: bool | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        kinds(type(self), (), vars(self))
        for name, least in (("epochs", 0), ("batch_size", 1), ("evaluate_every", 1), ("patience", 1), ("steps", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"fit.{name} is {value}: give at least {least}.")
        for name in ("clip_norm", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"fit.{name} is {value}: give a number above 0, or null for no limit.")
        if not self.checkpoint_seconds >= 0:
            raise UserError(f"fit.checkpoint_seconds is {self.checkpoint_seconds}: give 0 or more.")
        if self.metric in FALLING:
            raise UserError(
                f"fit.metric is {self.metric!r}, which falls as a model gets better: watch one that grows, "
                f"such as {FALLING[self.metric]!r}."
            )

    def __call__(
        self,
        task: Task,
        triplets: Triplets | Callable[[], Triplets],
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        *,
        seed: int,
        evaluate: Evaluate | None = None,
        metrics: Collection[str] | None = None,
        folder: Path | None = None,
        progress: bool = True,
        resume: bool = False,
        watchers: Watchers | None = None,
    ) -> History:
        """Trains a task on the device of its parameters. At the end its model has the best weights.

        Args:
            task (Task): The task to train.
            triplets (Triplets or callable): The training statements, or a function that returns them, so that nothing
                else holds them in memory during training.
            optimizer (torch.optim.Optimizer): Owns ``task.trained()``.
            scheduler (LRScheduler, optional): Stepped once an epoch or round, or, if it is a
                :class:`~torch.optim.lr_scheduler.ReduceLROnPlateau`, by each validation. (default: :obj:`None`)
            seed (int): The seed of all random draws from here on, including those of torch's, numpy's and Python's
                global generators, whose states are restored at the end. The caller seeds earlier draws (initial
                weights).
            evaluate (callable, optional): Returns the validation metrics of the current model. (default: :obj:`None`,
                no validation and no early stopping)
            metrics (list[str], optional): The names of these metrics, if they are known in advance. An unknown metric
                is then refused before training. (default: :obj:`None`)
            folder (pathlib.Path, optional): The run folder; :obj:`None` writes nothing. (default: :obj:`None`)
            progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
            resume (bool): Whether to continue from the folder's newest complete checkpoint. Without checkpoints
                training starts from the beginning. (default: :obj:`False`)
            watchers (Watchers, optional): They get each line of the log. Of several processes either all have watchers,
                or none. (default: :obj:`None`)

        Raises:
            UserError: If the loss or a weight is no longer finite; if validation has no such metric; if the optimiser
                has no parameter of the task, needs a closure, or needs more memory than there is; if the folder already
                holds a run and ``resume`` is false; if a checkpoint cannot be written or read.
            Interrupted: On Ctrl-C or SIGTERM, or if a watcher stops training, after a checkpoint is written.
        """
        if metrics is not None:
            self.refuse_metric(metrics)
        stepped(optimizer)
        owns(optimizer, task)
        if isinstance(scheduler, ReduceLROnPlateau):
            if evaluate is None:
                raise UserError("ReduceLROnPlateau follows the validation metric: give validation data.")
            if scheduler.mode != "max":
                raise UserError(f"ReduceLROnPlateau follows {self.metric!r}, which grows: give it mode: max.")
        with seeded(beside(seed)):
            loop = _Loop(self, task, triplets, optimizer, scheduler, seed, evaluate, folder, progress, watchers)
            loop.begin(resume)
            return loop.train()

    @property
    def unit(self) -> str:
        """What settings count: an epoch or a round."""
        return "epoch" if self.steps is None else "round"

    def over(self, at: Position) -> bool:
        """Whether a run at this position has ended."""
        waited = self.patience is not None and at.waited >= self.patience
        return not at.done and (at.epoch >= self.epochs or waited or self.expired(at))

    def expired(self, at: Position) -> bool:
        """Whether the budget of time is used up."""
        return self.max_seconds is not None and at.train_s + at.seconds + at.evaluate_s >= self.max_seconds

    def refuse_metric(self, known: Collection[str], others: Collection[str] = ()) -> None:
        """Checks that :attr:`metric` is one of those that validation gives.

        Args:
            known (list[str]): Their names.
            others (list[str]): Those that it would give if they were asked for. (default: none)

        Raises:
            UserError: If it is not.
        """
        if self.metric not in known:
            better = [name for name in (*known, *others) if name not in FALLING]
            raise UserError(
                f"Validation gives no metric {echo(self.metric)} (fit.metric): {nearest(self.metric, better)}"
            )


class _Loop:
    """One call of :class:`Fit`."""

    def __init__(
        self,
        fit: Fit,
        task: Task,
        triplets: Triplets | Callable[[], Triplets],
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
        seed: int,
        evaluate: Evaluate | None,
        folder: Path | None,
        progress: bool,
        watchers: Watchers | None = None,
    ):
        first = next(task.trained(), None)
        if first is None:
            raise UserError(f"{type(task).__name__} has nothing to train: evaluate it as it is.")
        refuse_parted(task, fit.amp)
        self.fit, self.task, self.optimizer, self.scheduler = fit, task, optimizer, scheduler
        self.evaluate, self.folder, self.device = evaluate, folder, first.device
        fused_where_it_can(optimizer, first.device)
        refuse_large(task, optimizer)
        given = triplets() if callable(triplets) else triplets
        self.triples = given.rel_type.numel()
        # where the task is, since it may look them up in what it knows
        self.examples = Columns(task.examples(Triplets(*(column.to(self.device) for column in given))), self.device)
        self.count = len(self.examples)
        if self.count == 0:
            raise UserError("There is no training statement: check the data set's training split.")
        self.order: Int[Tensor, "n"] | None = None

        self.parallel = distributed.replicated(task, distributed.tables(task).keys() | strangers(task))
        self.rng = torch.Generator(self.device).manual_seed(apart(seed, distributed.rank()))
        self.drawn_from: torch.Generator | None = self.rng
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fit.amp == "float16")
        self.dtype = None if fit.amp is None else getattr(torch, fit.amp)
        for name in ("tf32", "cuda_graph"):
            if getattr(fit, name) and self.device.type != "cuda":
                warnings.warn(f"fit.{name} is for CUDA devices: it changes nothing on {self.device}.", stacklevel=3)
        recorded = fit.cuda_graph is not False and self.device.type == "cuda" and distributed.size() == 1
        required = bool(fit.cuda_graph)
        self.learn = Graphed(self.learn_once, task, self.rng, required) if recorded else self.learn_once
        self.state = TrainingState(task, optimizer, scheduler, self.scaler, self.rng, folder)
        self.weight = 1.0
        leads = distributed.rank() == 0
        self.log = Log(folder / METRICS if folder is not None and leads else None)
        self.watchers = watchers
        self.enough: Stop | None = None
        where = None if folder is None else folder / CHECKPOINTS
        self.checkpoints = Checkpoints(where, fit.checkpoint_seconds, self.state.best)
        self.interruption = Interruption()
        self.display = display(progress and leads, fit.epochs, fit.metric, fit.unit)
        self.pending: list[tuple[int, int, Tensor]] = []
        self.value: float | None = None
        self.told: dict[str, float] = {}
        self.rate = 0.0

    def begin(self, resume: bool) -> None:
        """Starts a new run or resumes one."""
        if self.folder is None:
            if resume:
                raise UserError("There is nothing to resume without a run folder: give one.")
            return
        distributed.wait()
        if not resume:
            if (self.folder / METRICS).exists() or names(self.folder / CHECKPOINTS):
                raise UserError(
                    f"{self.folder} already holds a run: go on with it (gnnneg resume {self.folder}) "
                    "or choose another folder."
                )
            return
        found = self.checkpoints.resume()
        if found is None:
            self.log.rewind(0)
            return
        path, kept = found
        self.state.load_state_dict(kept, path)
        self.log.rewind(kept["lines"])

    def train(self) -> History:
        state, at = self.state, self.state.at
        self.expired = distributed.agreed(self.fit.expired(at))
        checks = torch.sparse.check_sparse_tensor_invariants
        # as the user has it, said aloud: left unsaid, torch warns of it at the first row-sparse step
        with self.interruption, self.display, compiling.told(self.display.say), checks(checks.is_enabled()):
            while not distributed.agreed(self.fit.over(at)):
                if not self.whole():
                    self.epoch()
                self.expired = distributed.agreed(self.fit.expired(at))
                if self.evaluate is not None and self.validation_due():
                    self.validate(self.evaluate)
                if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
                    self.scheduler.step()
                state.turn()
                self.close_pass()
                if self.watchers is not None and any(distributed.anywhere(self.enough is not None)):
                    self.leave(self.enough or Stop())
            if any(distributed.anywhere(self.interruption.wanted)):
                self.stop()
            self.save()
            self.free()
            settle(self.task.model)
            if state.best:
                state.best.restore()
            self.publish()
        return History(
            epochs=at.epoch,
            best_epoch=at.best_epoch if state.best else at.epoch,
            best=dict(at.best),
            train_s=at.train_s,
            evaluate_s=at.evaluate_s,
            triples_per_s=self.triples * self.passes() / at.train_s if at.train_s else 0.0,
            peak_rss_mib=peak_rss_mib(),
            peak_cuda_mib=peak_cuda_mib(),
            records=self.log.records,
        )

    def validation_due(self) -> bool:
        epoch = self.state.at.epoch + 1
        return epoch % self.fit.evaluate_every == 0 or epoch == self.fit.epochs or self.expired

    def whole(self) -> bool:
        """Whether the current epoch or round has had all its steps."""
        at = self.state.at
        return at.seen >= self.count if self.fit.steps is None else at.step - at.begun >= self.fit.steps

    def passes(self) -> float:
        """How many times the examples were gone through."""
        return self.state.at.passes + self.state.at.seen / self.count

    def close_pass(self) -> None:
        """Ends a pass in which every example was seen."""
        if self.state.at.seen >= self.count:
            self.state.passed()
            self.order = None

    def free(self) -> None:
        """Frees memory that only steps need, so that others can use it until the next step."""
        self.task.zero_grad(set_to_none=True)
        self.optimizer.zero_grad(set_to_none=True)

    def epoch(self) -> None:
        """Takes the remaining steps of the epoch or round."""
        at = self.state.at
        self.task.train()
        self.clock = self.glanced = compiling.clock()
        while not self.whole():
            self.close_pass()
            if self.order is None:
                self.order = distributed.sent(self.state.shuffled(self.count))
            struck, due = distributed.anywhere(self.interruption.wanted, self.checkpoints.due())
            if struck:
                self.lap()
                self.stop()
            if due:
                self.lap()
                self.save()
                self.clock = compiling.clock()
            self.step(self.order[at.seen : at.seen + self.fit.batch_size])
            if compiling.clock() - self.glanced > GLANCE:
                self.look()
        self.look()
        record: dict[str, Any] = {"epoch": at.epoch + 1, "step": at.step, "loss": at.loss / at.done}
        if self.fit.steps is not None:
            record["passes"] = self.passes()
        rate = self.optimizer.param_groups[0]["lr"]
        if rate is not None:  # it is, where an optimiser finds it itself
            record["lr"] = float(rate)
        record |= {"seconds": at.seconds, "triples_per_s": self.speed()}
        self.told = told(self.task)
        self.tell(record | {"metrics": self.told} if self.told else record)

    def step(self, rows: Int[Tensor, "b"]) -> None:
        """One batch."""
        at = self.state.at
        mine, self.weight = distributed.share(rows)
        batch = self.examples[mine]
        self.optimizer.zero_grad()
        with products_in_tf32(self.fit.tf32 and self.device.type == "cuda"), lent(self.rng) as self.drawn_from:
            loss = self.learn(batch)
        self.pending.append((at.step + 1, len(rows), loss))
        # elsewhere than on a CPU reading a number means waiting for the device
        if self.device.type == "cpu" or distributed.size() > 1:
            self.add_losses()
        if self.fit.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            clip(self.task.trained(), self.fit.clip_norm)
        try:
            self.scaler.step(self.optimizer)
        except RuntimeError as error:
            if not re.search(r"\bgrad", str(error)):  # "sparse gradients", "sparse grad"
                raise
            raise UserError(f"The optimiser does not suit these parameters: {str(error).splitlines()[0]}.") from error
        self.scaler.update()
        at.step += 1
        at.done += len(rows)
        at.seen += len(rows)

    def learn_once(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The loss of a batch; its gradients are added to those of the weights."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            loss = self.parallel(batch, self.drawn_from)
        if self.weight != 1:
            loss = loss * self.weight
        self.scaler.scale(loss).backward()
        return loss.detach()

    def add_losses(self) -> None:
        """Adds up the losses that are still on the device, and stops if one is not finite."""
        at = self.state.at
        if not self.pending:
            return
        values = distributed.summed(torch.stack([loss for *_, loss in self.pending])).tolist()
        for (step, rows, _), value in zip(self.pending, values):
            if not math.isfinite(value):
                raise UserError(self._lost(f"loss is {value}", step))
            at.loss += value * rows
        self.pending.clear()

    def _lost(self, what: str, step: int) -> str:
        saved = [] if self.folder is None else names(self.folder / CHECKPOINTS)[-1:]
        saved = [path for path in saved if int(path.stem)]  # that of step 0 holds nothing learnt
        kept = f"; the last good checkpoint is {saved[-1]}" if saved else ""
        return (
            f"The {what} at {self.fit.unit} {self.state.at.epoch + 1}, step {step}: lower the learning rate, set "
            f"fit.clip_norm, or leave fit.amp out{kept}."
        )

    def lap(self) -> None:
        """Counts the time since the last look at the clock as training."""
        now = compiling.clock()
        self.state.at.seconds += now - self.clock
        self.clock = now

    def look(self) -> None:
        """Reads the losses and shows the progress."""
        at = self.state.at
        self.add_losses()
        self.lap()
        share = at.done / self.count if self.fit.steps is None else (at.step - at.begun) / self.fit.steps
        self.rate = self.speed()
        self.display.show(at, share, self.rate, self.value, self.told)
        self.glanced = self.clock

    def speed(self) -> float:
        """Triples a second in the current epoch or round."""
        return self.triples * (self.state.at.done / self.count) / self.state.at.seconds

    def validate(self, evaluate: Evaluate) -> None:
        """Measures the model, and keeps it if it is the best so far."""
        state, at, metric = self.state, self.state.at, self.fit.metric
        if any(distributed.anywhere(self.checkpoints.due())):
            self.save()
        self.task.eval()
        self.free()
        settle(self.task.model)
        began = compiling.clock()
        try:
            # several processes leave off together, and so not in the middle
            at_once = self.interruption.at_once() if distributed.size() == 1 else nullcontext()
            with at_once, untouched(self.rng):
                metrics = {name: float(value) for name, value in evaluate().items()}
        except KeyboardInterrupt:
            self.stop()
        seconds = compiling.clock() - began
        self.fit.refuse_metric(metrics)
        self.value = metrics[metric]
        if not math.isfinite(self.value):
            said = "not a number" if math.isnan(self.value) else "infinite"
            raise UserError(f"The validation metric {metric!r} is {said} after {self.fit.unit} {at.epoch + 1}.")
        at.evaluate_s += seconds
        self.tell({"epoch": at.epoch + 1, "step": at.step, "valid": metrics, "seconds": seconds})
        if self.value > at.best.get(metric, -math.inf):
            at.best_epoch, at.best, at.waited = at.epoch + 1, metrics, 0
            state.best.keep()
        else:
            at.waited += 1
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(self.value)
        self.display.show(at, 1.0, self.rate, self.value, self.told)

    def save(self) -> None:
        """Writes a checkpoint, after a check that the weights are finite."""
        self.add_losses()
        if any(distributed.anywhere(not self.state.sound())):
            raise UserError(self._lost("weights are no longer finite", self.state.at.step))
        self.log.sync()
        self.checkpoints.save(self.state.at.step, {**self.state.state_dict(), "lines": len(self.log.records)})

    def publish(self) -> None:
        """Writes ``model/`` with the current weights, if no validation has written it yet."""
        if self.folder is not None and not self.state.best:
            save_model(self.folder / MODEL, self.task.model, distributed.tables(self.task.model))

    def tell(self, record: dict[str, Any]) -> None:
        """A line of the log, for the file and for watchers."""
        self.log.write(record)
        if self.watchers is not None:
            self.enough = self.watchers.record(self.log.records[-1]) or self.enough

    def stop(self) -> NoReturn:
        """Leaves a run that can be used and resumed."""
        self.leave(Interrupted())

    def leave(self, wanted: Interrupted) -> NoReturn:
        """The same with a reason. The message says how to resume, unless the reason has a message."""
        self.save()
        self.publish()
        at = self.state.at
        words = (
            f"Interrupted in {self.fit.unit} {min(at.epoch + 1, self.fit.epochs)} of {self.fit.epochs}, step {at.step}"
        )
        how = "the model has the weights of that moment, and nothing was saved"
        if self.folder is not None:
            how = f"go on with 'gnnneg resume {self.folder}'"
        if not wanted.args:
            wanted.args = (f"{words}: {how}.",)
        raise wanted
