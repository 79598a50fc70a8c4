"""Reports the validations of a trial to the study, which may stop it early."""

from collections.abc import Callable, Mapping
from typing import Any

from optuna import Trial

from gnnneg.training import Stop, Watcher


class Pruned(Stop):
    """Stops an unpromising trial; the message gives the reason."""


class Reports(Watcher):
    """Reports each validation to a study, and stops a trial whose best value is below the median of earlier trials.

    Epochs (or rounds) are compared with the same epochs of other trials.

    Args:
        trial (optuna.Trial): The trial.
        metric (str): The validation metric.
        prune (bool): Whether the trial may be stopped early.
        tick (callable): Called at each line of the log.
    """

    def __init__(self, trial: Trial, metric: str, prune: bool, tick: Callable[[], None]):
        self.trial, self.metric, self.prune, self.tick = trial, metric, prune, tick
        study, number = trial.study, trial.number
        self.values = dict(study.get_trials(deepcopy=False)[number].intermediate_values)
        self.last: int | None = None
        self.unit = "epoch"

    def begin(self, setup: Any) -> None:
        self.last, self.unit = setup.fit.epochs, setup.fit.unit

    def record(self, record: Mapping[str, Any]) -> None:
        self.tick()
        if "valid" not in record:
            return
        epoch, value = record["epoch"], record["valid"][self.metric]
        if value is None or epoch in self.values:  # already reported before the process was killed
            return
        self.trial.report(value, epoch)
        self.values[epoch] = value
        if self.prune and epoch != self.last and self.trial.should_prune():
            best = max(self.values.values())
            raise Pruned(
                f"At {self.unit} {epoch} its best validation {self.metric}, {best:.4f}, was below the median of the "
                "trials before it."
            )

    def end(self, result: Mapping[str, Any] | None) -> None:
        """Nothing to close."""
