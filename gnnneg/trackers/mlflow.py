"""MLflow."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gnnneg.trackers.figures import before, called, final, keep, needs, settings, tags, told
from gnnneg.training import Watcher

MOST, LONGEST = 100, 500  # settings that MLflow accepts at a time, and the longest value


class MLflow(Watcher):
    """Sends a run to an MLflow server or store: settings, tags, and metrics by epoch and at the end.

    Args:
        uri (str, optional): The server or store. (default: MLflow's own, such as ``MLFLOW_TRACKING_URI``)
        experiment (str): The name of the experiment. (default: ``"gnnneg"``)
        tags (dict): Tags in addition to data set and seed. (default: :obj:`None`)

    Raises:
        MissingExtra: If the package ``mlflow`` is not installed.
    """

    def __init__(self, uri: str | None = None, experiment: str = "gnnneg", tags: dict[str, str] | None = None):
        needs("mlflow", "MLflow")
        self.uri, self.experiment, self.tags = uri, experiment, tags

    def begin(self, setup: Any) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient(self.uri)
        known = before(setup, self)
        if known is not None:
            self._run = known
            self._client.update_run(known, status="RUNNING")
            return
        made = self._client.create_run(self._place(), tags=tags(setup, self.tags or {}), run_name=called(setup))
        self._run = made.info.run_id
        keep(setup, self, self._run)
        params = (Param(key, value[:LONGEST]) for key, value in settings(setup.tree).items())
        for some in _some(params):
            self._client.log_batch(self._run, params=some)

    def _place(self) -> str:
        """The number of the experiment. Of several processes that make it at once, one does."""
        from mlflow.exceptions import MlflowException

        there = self._client.get_experiment_by_name(self.experiment)
        if there is None:
            try:
                return self._client.create_experiment(self.experiment)
            except MlflowException:
                there = self._client.get_experiment_by_name(self.experiment)
                if there is None:
                    raise
        return there.experiment_id

    def record(self, record: Mapping[str, Any]) -> None:
        self._log(told(record), record["epoch"])

    def end(self, result: Mapping[str, Any] | None) -> None:
        if result is not None:
            self._log(final(result), result["best_epoch"])
        self._client.set_terminated(self._run, "KILLED" if result is None else "FINISHED")

    def _log(self, figures: Mapping[str, float], epoch: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        for some in _some(Metric(_spelt(name), value, now, epoch) for name, value in figures.items()):
            self._client.log_batch(self._run, metrics=some)


def _spelt(name: str) -> str:
    """A metric name with characters that MLflow accepts: it has no ``@``."""
    return name.replace("@", "_at_").replace("±", "_")


def _some(things: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(islice(things, MOST)):
        yield some
