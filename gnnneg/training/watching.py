"""Watchers of training: they get its start, each line of the log, and its end."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from gnnneg.errors import UserError, echo
from gnnneg.training.interruption import Interrupted


class Stop(Interrupted):
    """Raised by a watcher in :meth:`Watcher.record` to end training after the current epoch or round.

    A checkpoint is written, nothing is tested, and the exception goes to the caller, as after Ctrl-C.
    """


class Watcher(ABC):
    """Watches a run: for example a tracker of experiments, or a part that ends runs without progress.

    Of several processes only the first calls its watchers. If one fails during training, there is one warning, and
    training continues without it. The time of watchers does not count as training.
    """

    @abstractmethod
    def begin(self, setup: Any) -> None:
        """Called before the first step, and again when the run is resumed.

        Args:
            setup (Setup): The training's parts: among others ``setup.tree``, its config as a dict (empty if it has no
                run folder), ``setup.path``, its run folder or None, ``setup.name`` of the data set and ``setup.seed``.

        Raises:
            UserError: If it cannot watch. Then nothing is trained.
        """

    @abstractmethod
    def record(self, record: Mapping[str, Any]) -> None:
        """A line of ``metrics.jsonl``, as soon as it is written.

        After each epoch or round ``{"epoch", "step", "loss", "lr", "seconds", "triples_per_s"}`` and, if parts report
        values, ``"metrics": {"sampler.rank": 6.3}``; after each validation ``{"epoch", "step", "valid": {"mrr": 0.31},
        "seconds"}``. A resumed run repeats the lines that were written after its checkpoint.

        Raises:
            Stop: To end training after this epoch or round.
        """

    @abstractmethod
    def end(self, result: Mapping[str, Any] | None) -> None:
        """Called at the end, with the contents of ``result.json``, or with None if training failed or was stopped."""


def listed(track: Sequence[Watcher]) -> list[Watcher]:
    """The watchers that a caller gives.

    Raises:
        UserError: If they are no list of watchers.
    """
    given = isinstance(track, list | tuple)
    if not given or not all(isinstance(one, Watcher) for one in track):
        raise UserError(f"track is {echo(track)}: give a list of watchers, such as [TensorBoard()], or leave it out.")
    return list(track)


class Watchers:
    """Several watchers as one. A failure of one of them does not stop training. Each gets its own copy of what is told,
    so that none can change the results of the run.

    Args:
        watchers (list[Watcher]): Called in this order.
    """

    def __init__(self, watchers: Sequence[Watcher] = ()):
        self.watchers = list(watchers)

    def begin(self, setup: Any, resume: bool = False) -> None:
        """Hands on, to all.

        Args:
            setup (Setup): The training's parts.
            resume (bool): Whether a run is resumed; a watcher that fails does not prevent that. (default: :obj:`False`)

        Raises:
            UserError: If one cannot begin.
        """
        begun: list[Watcher] = []
        for watcher in self.watchers:
            try:
                watcher.begin(setup)
            except Exception as error:
                if resume:
                    _tell(watcher, "could not go on with this run", error)
                    continue
                self.watchers = begun
                self.end(None)
                if isinstance(error, UserError):
                    raise
                raise UserError(f"{_name(watcher)} cannot watch this run: {_reason(error)}.") from error
            begun.append(watcher)
        self.watchers = begun

    def record(self, record: Mapping[str, Any]) -> Stop | None:
        """Calls all, and returns whether one wants training to end."""
        wanted = None
        for watcher in list(self.watchers):
            try:
                watcher.record(copy.deepcopy(record))
            except Stop as stop:
                wanted = stop
            except Exception as error:
                _tell(watcher, f"failed in epoch {record.get('epoch')} and is left out from here on", error)
                self.watchers.remove(watcher)
        return wanted

    def end(self, result: Mapping[str, Any] | None) -> None:
        """Hands on, to all."""
        for watcher in self.watchers:
            try:
                watcher.end(copy.deepcopy(result))
            except Exception as error:
                _tell(watcher, "failed at the end", error)


def _tell(watcher: Watcher, what: str, error: Exception) -> None:
    warnings.warn(f"{_name(watcher)} {what}: {_reason(error)}.", stacklevel=3)


def _name(watcher: Watcher) -> str:
    return type(watcher).__name__


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())[:300].rstrip(".")
    return words if isinstance(error, UserError) else f"{type(error).__name__}: {words or 'it gives no reason'}"
