"""One process of a study: runs trials until the budget is used up, then trains the winner with several seeds."""

import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from optuna import Study, Trial
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from gnnneg import config, run_files
from gnnneg.config import Tree
from gnnneg.errors import UserError
from gnnneg.experiment import plan
from gnnneg.experiment.folder import read_result, write_json
from gnnneg.experiment.lock import Elsewhere, alone, awaited
from gnnneg.experiment.settings import source
from gnnneg.experiment.trainer import Other, Trainer
from gnnneg.experiment.validation import judges, metrics, offered
from gnnneg.training import Stop
from gnnneg.training.atomic import Unwritable, replacing
from gnnneg.tuning.files import (
    BEST,
    CLAIMS,
    PROCESS,
    SECONDS,
    SEEDS,
    SENTENCE,
    STUCK,
    STUDY,
    TESTED,
    TRIALS,
    Budget,
)
from gnnneg.tuning.journal import opened
from gnnneg.tuning.reports import Reports
from gnnneg.tuning.space import Space

# what torch says: of a CUDA device, and of the CPU
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
POLL = 0.1  # seconds between checks of the other processes
HOPELESS = 12  # a trial whose process was killed so often at the same checkpoint is given up
SPARED = 5  # trials are not stopped in the first of this many equal parts of their epochs


class Worker:
    """One process of a study.

    Processes communicate only through the study folder. The process that works on a trial holds its lock, which the
    operating system releases if the process dies. So an unfinished trial without a lock was left by a kill, and the
    first process that finds it continues it.

    Args:
        home (pathlib.Path): The study's folder.
        budget (Budget): The budget of the study.
        say (callable): Called with a message for each trial that has ended.
        tick (callable): Called regularly.
    """

    def __init__(self, home: Path, budget: Budget, say: Callable[[str], None], tick: Callable[[], None]):
        self.home, self.budget, self.say, self.tick = home, budget, say, tick
        self.space = Space(config.read(home / STUDY), plan)
        self.study = opened(home)
        means = plan(self.space.tree({}))
        fit = means.arguments["fit"].arguments
        self.metric, self.seed = fit["metric"], means.arguments["seed"]
        warm = fit["epochs"] // SPARED
        self.study.pruner = MedianPruner(budget.startup, warm) if budget.prune else NopPruner()
        self._failed: dict[Path, str] = {}  # seeds that failed in this session
        self._elsewhere: dict[int, str] = {}  # trials that a process on another machine may work on
        self.train = Trainer()
        graphs = self.train.graphs(source(means))  # fails before a trial begins if the data cannot be used
        evaluation = means.arguments["evaluation"].build({})
        testbed = evaluation.testbed(self.seed, torch.device("cpu"), *graphs)
        judging = judges(testbed, self.metric, evaluation.evaluators)
        if not judging:
            raise UserError("The data set has no validation statements to tune by: split some off.")
        means.arguments["fit"].build({}).refuse_metric(metrics(judging, testbed), offered(evaluation.evaluators))

    def work(self) -> None:
        """Does the remaining work.

        Raises:
            UserError: If the disk cannot be written, no trial was completed, a trial's folder holds a run of another
                config, since the journal of the study was lost, all that is left is locked by another machine, or a
                seed of the winner failed; the other seeds are trained first.
        """
        (self.home / CLAIMS).mkdir(exist_ok=True)
        while self._next():
            self.tick()
        if self.budget.seeds:
            best = winner(self.study)
            self._write_best(best)
            while self._seed(best):
                self.tick()
        if self._failed:
            raise UserError(f"{len(self._failed)} of the winner's seeds failed: {next(iter(self._failed.values()))}")

    def _next(self) -> bool:
        """Takes the next trial and runs it. Returns whether there may be more."""
        with ExitStack() as mine:
            with awaited(self.home / CLAIMS / "next.lock"):
                trials = self.study.get_trials(deepcopy=False)
                running = [one for one in trials if one.state == TrialState.RUNNING]
                trial = next((found for one in running if (found := self._left(one, mine))), None)
                if trial is None and self._more(sum(one.state != TrialState.WAITING for one in trials)):
                    trial = self._asked(len(trials))
                    mine.enter_context(alone(self._claim(trial.number)))
                if trial is not None:
                    trial.set_user_attr(PROCESS, os.getpid())
                    tree = self.space.drawn(trial)
            if trial is not None:
                self._run(trial, tree)
            elif running:  # another process works on it and may be killed
                _refuse_elsewhere([self._elsewhere.get(one.number) for one in running])
                time.sleep(POLL)
            return trial is not None or bool(running)

    def _more(self, begun: int) -> bool:
        until, trials = self.budget.until, self.budget.trials
        return (until is None or time.time() < until) and (trials is None or begun < trials)

    def _asked(self, number: int) -> Trial:
        """A new trial. The first one uses the values in the config itself, if the section allows them."""
        start = self.space.start() if number == 0 else None
        if start is not None:
            self.study.enqueue_trial(start)
        self.study.sampler = self._sampler(number)
        return self.study.ask()

    def _left(self, trial: FrozenTrial, mine: ExitStack) -> Trial | None:
        """A trial that a killed process left; this process owns it from now on. None if another process works on it, or
        it kills every process.
        """
        self._elsewhere.pop(trial.number, None)
        try:
            died = mine.enter_context(alone(self._claim(trial.number)))
        except Unwritable:
            raise
        except Elsewhere as error:
            self._elsewhere[trial.number] = str(error)
            return None
        except UserError:
            return None
        self.study.sampler = self._sampler(trial.number)
        left = Trial(self.study, trial._trial_id)
        return None if died and self._given_up(left) else left

    def _given_up(self, trial: Trial) -> bool:
        """Counts how often a trial's process was killed since its last checkpoint, and ends it after too many times."""
        checkpoints = (self.home / TRIALS / f"{trial.number:04d}" / run_files.CHECKPOINTS).glob("*.pt")
        newest = max((path.name for path in checkpoints), default="")
        before, times = trial.user_attrs.get(STUCK, ("", 0))
        times = times + 1 if before == newest else 1
        trial.set_user_attr(STUCK, [newest, times])
        if times < HOPELESS:
            return False
        sentence = f"Its process was killed {times} times at the same point: out of memory?"
        trial.set_user_attr(SENTENCE, sentence)
        self.study.tell(trial, state=TrialState.FAIL)
        self.say(self._told(trial.number, None, sentence))
        return True

    def _claim(self, number: int) -> Path:
        return self.home / CLAIMS / f"{number:04d}.lock"

    def _sampler(self, number: int) -> TPESampler:
        """The sampler of a trial, seeded by its number, so that no two processes or sessions draw the same values."""
        return TPESampler(n_startup_trials=self.budget.startup, seed=(self.seed * 1_000_003 + number) % (1 << 32))

    def _run(self, trial: Trial, tree: Tree) -> None:
        """Runs a trial and reports the outcome to the study."""
        path, began = self.home / TRIALS / f"{trial.number:04d}", time.monotonic()
        watch = Reports(trial, self.metric, self.budget.prune, self.tick)
        state, value, sentence = TrialState.COMPLETE, None, None
        try:
            run = self.train(tree | {"evaluation": {**tree.get("evaluation", {}), "test": False}}, path, [watch])
            value = run.metrics["valid"][self.metric]
        except Stop as stop:  # by the study, or by a watcher of the user's own
            state, sentence = TrialState.PRUNED, str(stop)
        except (Unwritable, Other):
            raise
        except Exception as error:
            state, sentence = TrialState.FAIL, sentence_of(error)
            _keep(path, tree)
        if state != TrialState.FAIL:  # the message of a failed trial may refer to them
            shutil.rmtree(path / run_files.CHECKPOINTS, ignore_errors=True)  # the trial will not be continued
        trial.set_user_attr(SECONDS, round(time.monotonic() - began, 3))
        if sentence is not None:
            trial.set_user_attr(SENTENCE, sentence)
        self.study.tell(trial, value, state)
        self.say(self._told(trial.number, value, sentence))

    def _told(self, number: int, value: float | None, sentence: str | None) -> str:
        if sentence is not None:
            return f"trial {number}: {sentence}"
        best = winner(self.study)
        return f"trial {number}: {self.metric} {value:.4f} (best {best.value:.4f} of trial {best.number})"

    def _write_best(self, best: FrozenTrial) -> None:
        with awaited(self.home / CLAIMS / "best.lock"):
            write_best(self.home, self.space, self.study, self.metric)
            tested = self.study.user_attrs.get(TESTED, [])
            count = len(self.study.get_trials(deepcopy=False))
            if not tested or tested[-1][0] != best.number:
                self.study.set_user_attr(TESTED, [*tested, [best.number, count]])

    def _seed(self, best: FrozenTrial) -> bool:
        """Trains the winner with the next free seed. Returns whether there may be more."""
        waiting: list[str | None] = []
        for seed in range(self.seed, self.seed + self.budget.seeds):
            path = self.home / SEEDS / f"{best.number:04d}-{seed}"
            if finished(path) or path in self._failed:
                continue
            try:
                with alone(self.home / CLAIMS / f"seed-{path.name}.lock"):
                    if not finished(path):
                        self._train_seed(best, seed, path)
                        return True
            except Unwritable:
                raise
            except UserError as error:  # another process trains it
                waiting.append(str(error) if isinstance(error, Elsewhere) else None)
        if waiting:
            _refuse_elsewhere(waiting)
            time.sleep(POLL)
        return bool(waiting)

    def _train_seed(self, best: FrozenTrial, seed: int, path: Path) -> None:
        try:
            run = self.train(self.space.of(best.params) | {"seed": seed}, path, [])
        except (Unwritable, Other):
            raise
        except (Stop, Exception) as error:
            self._failed[path] = f"seed {seed} of the winner: {sentence_of(error)}"
            self.say(self._failed[path])
            return
        how = {"metric": self.metric, "trial": best.number, "settings": best.params}
        write_json(path / run_files.TUNED, {**how, "trials": len(self.study.get_trials(deepcopy=False))})
        told = {split: found[self.metric] for split, found in run.metrics.items() if self.metric in found}
        figures = [f"{split} {self.metric} {value:.4f}" for split, value in told.items()]
        self.say(f"seed {seed} of the winner: {', '.join(figures)}")


def _refuse_elsewhere(said: Sequence[str | None]) -> None:
    """Refuses to wait if all that is waited for is locked by another machine, of which nobody here can tell the end."""
    if said and None not in said:
        raise UserError(str(said[0]))


def winner(study: Study) -> FrozenTrial:
    """The trial with the best validation metric, the first of several.

    Raises:
        UserError: If no trial was completed.
    """
    trials = study.get_trials(deepcopy=False)
    whole = [one for one in trials if one.state == TrialState.COMPLETE]
    if not whole:
        said = [one.user_attrs[SENTENCE] for one in trials if SENTENCE in one.user_attrs]
        why = f", the last because: {said[-1]}" if said else ": give it more trials or hours."
        raise UserError(f"None of {len(trials)} trials came to its end{why}")
    return max(whole, key=lambda one: (one.value, -one.number))


def write_best(home: Path, space: Space, study: Study, metric: str) -> None:
    """Writes the config of the best trial so far."""
    best = winner(study)
    text = f"# Trial {best.number} of {len(study.get_trials(deepcopy=False))}: validation {metric} {best.value}\n"
    with replacing(home / BEST) as temporary:
        temporary.write_text(text + config.dump(space.of(best.params)), encoding="utf-8")


def finished(path: Path) -> bool:
    """Whether a run folder holds a complete result."""
    try:
        result = read_result(path)
    except UserError:
        return False
    return bool(result) and run_files.PENDING not in result


def sentence_of(error: BaseException) -> str:
    """The message for people about a failed trial."""
    words = " ".join(str(error).split())
    if isinstance(error, UserError | Stop):
        return words
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(words):
        return "There was not enough memory for it."
    return f"Unexpected {type(error).__name__}: {words}"


def _keep(path: Path, tree: Tree) -> None:
    """Saves the config of a trial that failed before it had a run folder, so that it can be tried again."""
    if not (path / run_files.CONFIG).exists():
        with replacing(path / run_files.CONFIG) as temporary:
            temporary.write_text(config.dump(tree), encoding="utf-8")
