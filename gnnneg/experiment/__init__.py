"""The one place that knows everything: builds what a config or a script asks for, trains it, judges it, keeps it."""

from gnnneg.experiment.execute import read, resume, train, train_config, untrained
from gnnneg.experiment.judge import Evaluation, Judge
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import Settings, Setup, Source, plan

__all__ = [
    "Evaluation",
    "Judge",
    "Run",
    "Settings",
    "Setup",
    "Source",
    "plan",
    "read",
    "resume",
    "train",
    "train_config",
    "untrained",
]
