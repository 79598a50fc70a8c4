"""A hyperparameter study: start it, continue it, and read its results."""

import importlib.util
import math
import numbers
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gnnneg import config, documents
from gnnneg.config import Tree
from gnnneg.errors import MissingExtra, UserError, echo
from gnnneg.experiment import Run, plan
from gnnneg.experiment.clock import Clock
from gnnneg.experiment.folder import made
from gnnneg.experiment.from_config import holder, told, warmed
from gnnneg.experiment.lock import awaited
from gnnneg.experiment.settings import TUNE, anchored, source
from gnnneg.report.study import page
from gnnneg.training import Interrupted
from gnnneg.training.atomic import replacing
from gnnneg.trust import allowing
from gnnneg.tuning.files import (
    BEST,
    CLAIMS,
    CLOCK,
    JOURNAL,
    PAGE,
    SECONDS,
    SEEDS,
    SENTENCE,
    STATES,
    STUDY,
    TESTED,
    TRIALS,
    Budget,
)
from gnnneg.tuning.space import Space

# Optuna is an optional dependency, so it is imported where it is needed

USUAL = 50  # number of trials if neither trials nor hours are given


def tune(
    config: str | Path | Mapping[str, Any],
    trials: int | None = None,
    *,
    hours: float | None = None,
    workers: int = 1,
    seeds: int = 5,
    startup: int = 10,
    prune: bool = True,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    progress: bool = True,
    allow: str | Sequence[str] = (),
) -> "Study":
    """Chooses the settings of a config by validation, then trains the best with several seeds and tests it.

    ::

        study = gnnneg.tune("config.yaml", trials=50, workers=2)
        study.trials  # a data frame, a row a trial
        study.best  # the run of the best trial

    The ``tune`` section of the config says which settings are chosen, as dotted keys, and from which values. Trials are
    drawn by a tree-structured Parzen estimator. A trial is stopped early if its best validation metric is below the
    median of earlier trials at the same epoch. A second call with the same folder continues the study, and killed
    trials continue from their last checkpoint. No trial uses the test set.

    Args:
        config (str, Path or dict): The config, as a YAML file or a dictionary.
        trials (int, optional): Total number of trials. (default: 50, or any number with ``hours``)
        hours (float, optional): Total time limit of the study. Trials that are running at the limit are finished.
            (default: as long as the trials take)
        workers (int): Number of processes, which share the cores; 1 uses this process. (default: :obj:`1`)
        seeds (int): How many times the best is trained and tested at the end. With 0, the test set is not used.
            (default: :obj:`5`)
        startup (int): Number of first trials that are drawn at random and never stopped early. (default: :obj:`10`)
        prune (bool): Whether trials may be stopped early. (default: :obj:`True`)
        out (str or Path, optional): The study's folder. (default: ``runs/<data set>-<config>-study``)
        overrides (list[str]): Settings that replace those of the config, ``["--fit.epochs", "5"]``.
        progress (bool): Whether to report each trial on standard error. (default: :obj:`True`)
        allow (str or list[str]): Modules outside gnnneg whose classes the config may name.

    Raises:
        UserError: If the section is malformed, the folder holds another study, or no trial was completed.
        Interrupted: On Ctrl-C. A second call continues the study.
        MissingExtra: If Optuna is not installed.
    """
    _refuse(trials, hours, workers, seeds, startup)
    from gnnneg.tuning.journal import opened
    from gnnneg.tuning.processes import nothing, say, side_by_side
    from gnnneg.tuning.work import Worker

    allow = [allow] if isinstance(allow, str) else list(allow)
    with allowing(allow):
        tree, name = _said(config, overrides)
        space = Space(tree, plan)
        means = plan(space.tree({}))
        means.arguments["fit"].build({})  # refused before there is a folder
        data = Path(source(means).name).name
        home = Path(out) if out is not None else Path("runs") / f"{data}-{name}-study"
        _begin(home, tree)
        study = opened(home)
        clock = Clock(home / CLOCK)
        until = None if hours is None else time.time() + 3600 * hours - clock.seconds
        most = USUAL if trials is None and hours is None else trials
        budget = Budget(most, until, seeds, startup, prune)
        done = Study(home)
        try:
            if workers == 1:
                Worker(home, budget, say if progress else nothing, clock.tick).work()
            else:
                needed = workers if most is None else min(workers, max(most, seeds))  # more would have no work
                side_by_side(home, study, budget, needed, allow, progress, clock.tick)
        except KeyboardInterrupt as error:
            clock.write()
            raise Interrupted(f"Interrupted: the same command goes on with {home}.") from error
        except UserError:
            clock.write()
            with suppress(UserError):  # trials that came to their end are shown
                done.write()
            raise
        clock.write()
        done.write()
    return done


def _refuse(trials: int | None, hours: float | None, workers: int, seeds: int, startup: int) -> None:
    for option, value, least in (
        ("trials", trials, 1),
        ("workers", workers, 1),
        ("seeds", seeds, 0),
        ("startup", startup, 1),
    ):
        if value is None and option == "trials":
            continue
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise UserError(f"--{option} is {echo(value)}: give a whole number.")
        if value < least:
            raise UserError(f"--{option} is {value}: give at least {least}.")
    number = isinstance(hours, numbers.Real) and not isinstance(hours, bool)
    if hours is not None and not (number and 0 < hours < math.inf):
        raise UserError(f"--hours is {echo(hours)}: give a number above 0.")
    for package in ("jinja2", "matplotlib"):  # said now, not after hours
        if importlib.util.find_spec(package) is None:
            raise MissingExtra("tune", "Tuning")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError("A study starts its own processes: leave torchrun out, and say how many with --workers.")


def _said(settings: str | Path | Mapping[str, Any], overrides: Sequence[str]) -> tuple[Tree, str]:
    """The content of a config, and its name."""
    if isinstance(settings, Mapping):
        tree = config.long_form(dict(settings))
        config.override(tree, overrides)
        return warmed(anchored(tree)), "config"
    if not isinstance(settings, str | Path):
        raise UserError(f"The config is {echo(settings)}: give a YAML file, or a dict.")
    if holder(settings, overrides) is not None:
        raise UserError(
            f"{settings} lies in a run that holds its own statements: copy it elsewhere, and say with --data.name "
            "where the data set is."
        )
    return told(settings, overrides), Path(settings).stem


def _begin(home: Path, tree: Tree) -> None:
    """Creates a study folder, or checks that an existing one has the same config. One without trials takes the new one.

    Raises:
        UserError: If the folder holds something else.
    """
    used = home.exists() and not (home.is_dir() and _unused(home))
    if used and not (home / STUDY).exists():  # looked for last, since another process may begin the study just now
        raise UserError(f"{home} is not empty and holds no study: choose another folder with --out.")
    made(home / CLAIMS)
    with awaited(home / CLAIMS / "begin.lock"):
        if not (home / STUDY).exists() or not _tried(home):
            with replacing(home / STUDY) as temporary:
                temporary.write_text(config.dump(tree), encoding="utf-8")
            return
    kept = config.read(home / STUDY)
    if kept == documents.parse_yaml(config.dump(tree), "the config"):
        return
    where, before, now = _differs(kept, tree, ())
    part = f"its {TUNE} section" if where[:1] == (TUNE,) else "its config"
    raise UserError(
        f"{home} is a study of another config: {part} has {'.'.join(map(str, where))} {echo(before)}, and now it is "
        f"{echo(now)}; choose another folder with --out."
    )


def _tried(home: Path) -> bool:
    """Whether a trial was begun in a folder. If not, a config that was wrong may be put right."""
    from gnnneg.tuning.journal import opened

    if (home / TRIALS).exists():
        return True
    return (home / JOURNAL).exists() and bool(opened(home).get_trials(deepcopy=False))


def _unused(home: Path) -> bool:
    """Whether nothing but what the beginning of a study makes is in a folder."""
    return all(path.name == CLAIMS or path.name.startswith(f"{STUDY}.") for path in home.iterdir())


def _differs(before: Any, now: Any, path: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, Any]:
    """The first place where two configs differ, and the value of each."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if before.get(key, ...) != now.get(key, ...):
                return _differs(before.get(key), now.get(key), (*path, key))
    return path, before, now


class Study:
    """The results, or the current state, of a study.

    Args:
        path (str or Path): The study folder.

    Raises:
        UserError: If the folder holds no study.
        MissingExtra: If Optuna is not installed.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not (self.path / STUDY).is_file() or not (self.path / JOURNAL).is_file():
            raise UserError(f"{self.path} is no study: give the folder that 'gnnneg tune' wrote.")
        self.config = config.read(self.path / STUDY)
        self.space = Space(self.config, plan)
        self.metric: str = plan(self.space.tree({})).arguments["fit"].arguments["metric"]

    def __repr__(self) -> str:
        return f"Study({str(self.path)!r})"

    @cached_property
    def optuna(self) -> Any:
        """The same study as an object of Optuna, for example for its plots."""
        from gnnneg.tuning.journal import opened

        return opened(self.path)

    def _winner(self) -> Any:
        from gnnneg.tuning.work import winner

        return winner(self.optuna)

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial: ``state`` (complete, pruned, failed, running), the validation metric, ``epochs`` that
        were validated, ``seconds``, a column for each setting, and ``sentence``, the reason if a trial failed or was
        stopped.
        """
        trials = self.optuna.get_trials(deepcopy=False)
        found: dict[str, Any] = {
            "trial": [trial.number for trial in trials],
            "state": [STATES.get(trial.state.name, "running") for trial in trials],
            self.metric: [math.nan if trial.value is None else trial.value for trial in trials],
            "epochs": [max(trial.intermediate_values, default=0) for trial in trials],
            "seconds": [trial.user_attrs.get(SECONDS, math.nan) for trial in trials],
            "sentence": pd.Series([trial.user_attrs.get(SENTENCE) for trial in trials], dtype=object),
        }
        for space in self.space.described():
            values = [trial.params.get(space["name"]) for trial in trials]
            # None marks a setting that was not suggested; with None, integers stay integers
            found[space["name"]] = pd.Series(values, dtype=object) if None in values else values
        return pd.DataFrame(found)

    @property
    def best(self) -> Run:
        """The run of the best trial, which has not used the test set."""
        return Run.load(self.path / TRIALS / f"{self._winner().number:04d}")

    @property
    def best_config(self) -> Path:
        """The config of the best trial. ``gnnneg train`` reproduces its validation metric."""
        return self.path / BEST

    @property
    def seeds(self) -> list[Run]:
        """The runs of the winner with several seeds, which are tested."""
        from gnnneg.tuning.work import finished

        best = self._winner().number
        return [Run.load(path) for path in sorted((self.path / SEEDS).glob(f"{best:04d}-*")) if finished(path)]

    @property
    def tested(self) -> list[tuple[int, int]]:
        """Winner and number of trials for each time that the test set was used."""
        return [(int(number), int(count)) for number, count in self.optuna.user_attrs.get(TESTED, [])]

    def importance(self) -> dict[str, float]:
        """How much of the differences between trials is due to each setting (PED-ANOVA), largest first. Empty for few
        trials, and rough for values that few trials have.
        """
        from optuna.importance import get_param_importances

        whole = [one for one in self.optuna.get_trials(deepcopy=False) if one.state.name == "COMPLETE"]
        if len(whole) < 2 or len({one.value for one in whole}) < 2:
            return {}
        with warnings.catch_warnings(), suppress(ValueError, RuntimeError):  # too few trials have a setting
            warnings.simplefilter("ignore")
            return {name: float(value) for name, value in get_param_importances(self.optuna).items()}
        return {}

    def write(self) -> Path:
        """Writes ``best.yaml`` and the page ``study.html``, which show the state of the study.

        Raises:
            UserError: If no trial was completed.
            MissingExtra: If jinja2 or matplotlib is not installed.
        """
        from gnnneg.tuning.work import write_best

        write_best(self.path, self.space, self.optuna, self.metric)
        path = self.path / PAGE
        html = page(self._about())
        with replacing(path) as temporary:
            temporary.write_text(html, encoding="utf-8")
        return path

    def _about(self) -> dict[str, Any]:
        """The data for the page."""
        best = self._winner()
        return {
            "title": f"{source(plan(self.space.tree({}))).name}: {self.path.resolve().name}",
            "metric": self.metric,
            "trials": [
                {
                    "number": trial.number,
                    "state": STATES.get(trial.state.name, "running"),
                    "value": trial.value,
                    "reports": sorted(trial.intermediate_values.items()),
                    "seconds": trial.user_attrs.get(SECONDS),
                    "sentence": trial.user_attrs.get(SENTENCE),
                    "params": trial.params,
                }
                for trial in self.optuna.get_trials(deepcopy=False)
            ],
            "spaces": self.space.described(),
            "importance": self.importance(),
            "best": best.number,
            "config": self.best_config.read_text(encoding="utf-8"),
            "seeds": [{"seed": run.result["seed"], "metrics": run.metrics} for run in self.seeds],
            "tested": self.tested,
            "seconds": Clock(self.path / CLOCK).seconds,
        }
