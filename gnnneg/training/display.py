"""The progress of training on standard error: a bar on a terminal, otherwise a plain line from time to time."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gnnneg.training.state import Position

Told = Mapping[str, float]
NOTHING: Told = {}


class Display(ABC):
    """Shows the progress of training."""

    def __enter__(self) -> "Display":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Before the first step."""

    @abstractmethod
    def show(self, at: Position, share: float, rate: float, metric: float | None, told: Told = NOTHING) -> None:
        """``share`` of the current epoch is done, ``rate`` triples/s, the last validation gave ``metric``."""

    @abstractmethod
    def say(self, words: str) -> None:
        """A further line."""

    @abstractmethod
    def stop(self) -> None:
        """After the last step."""


class Silence(Display):
    """Shows nothing."""

    def start(self) -> None:
        pass

    def show(self, at: Position, share: float, rate: float, metric: float | None, told: Told = NOTHING) -> None:
        pass

    def say(self, words: str) -> None:
        pass

    def stop(self) -> None:
        pass


class Bar(Display):
    """One line that moves."""

    def __init__(self, console: Console, epochs: int, metric: str, unit: str = "epoch"):
        self.epochs, self.metric = epochs, metric
        self.progress = Progress(
            TextColumn(unit + " {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
        )

    def start(self) -> None:
        self.line = self.progress.add_task("", total=self.epochs, epoch=f"0/{self.epochs}", words="")
        self.progress.start()

    def show(self, at: Position, share: float, rate: float, metric: float | None, told: Told = NOTHING) -> None:
        epoch = f"{min(at.epoch + 1, self.epochs)}/{self.epochs}"
        words = sentence(at, rate, metric, self.metric, told)
        self.progress.update(self.line, completed=at.epoch + share, epoch=epoch, words=words)

    def say(self, words: str) -> None:
        self.progress.console.print(words, markup=False, highlight=False)

    def stop(self) -> None:
        self.progress.stop()


class Lines(Display):
    """A plain line every ``seconds``, for logs; the first after the first epoch's first steps."""

    def __init__(self, console: Console, epochs: int, metric: str, seconds: float = 30.0, unit: str = "epoch"):
        self.console, self.epochs, self.metric, self.seconds = console, epochs, metric, seconds
        self.unit = unit

    def start(self) -> None:
        self._began = time.monotonic()
        self._last = self._began - self.seconds
        self._from: float | None = None

    def show(self, at: Position, share: float, rate: float, metric: float | None, told: Told = NOTHING) -> None:
        now, done = time.monotonic(), at.epoch + share
        if self._from is None:
            self._from = done  # a resumed run did not do the first epochs in this time
        if now - self._last < self.seconds:
            return
        self._last = now
        epoch = min(at.epoch + 1, self.epochs)
        left = (now - self._began) * (self.epochs - done) / (done - self._from) if done > self._from else None
        remaining = "" if left is None else f", {timedelta(seconds=round(left))} left"
        words = f"{self.unit} {epoch}/{self.epochs}, {sentence(at, rate, metric, self.metric, told)}{remaining}"
        self.say(words)

    def say(self, words: str) -> None:
        self.console.print(words, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        pass


def sentence(at: Position, rate: float, metric: float | None, name: str, told: Told = NOTHING) -> str:
    """``loss 0.312, 12,345 triples/s, mrr 0.231 (best 0.234 at 15), rank 6.31``: the values that parts of the task
    report have the last part of their names.
    """
    words = f"loss {at.loss / at.done:.4g}, {rate:,.0f} triples/s" if at.done else f"{rate:,.0f} triples/s"
    if metric is not None and at.best:
        error = f" ± {at.best[f'{name}_se']:.4f}" if f"{name}_se" in at.best else ""
        words += f", {name} {metric:.4f} (best {at.best[name]:.4f}{error} at {at.best_epoch})"
    return words + "".join(f", {path.split('.')[-1]} {value:.3g}" for path, value in told.items())


def display(wanted: bool, epochs: int, metric: str, unit: str = "epoch") -> Display:
    """A bar on a terminal, lines elsewhere, nothing if not wanted; it counts epochs or rounds."""
    if not wanted:
        return Silence()
    console = Console(stderr=True)
    if console.is_terminal:
        return Bar(console, epochs, metric, unit)
    return Lines(console, epochs, metric, unit=unit)
