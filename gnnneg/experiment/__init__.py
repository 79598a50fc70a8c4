"""Builds what a config or a script describes, trains it, evaluates it, and writes the run folder."""

from gnnneg.experiment.from_config import read, train_config, untrained
from gnnneg.experiment.from_python import train
from gnnneg.experiment.pipeline import pipeline
from gnnneg.experiment.resumed import resume
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import DataSource, Evaluation, Settings, plan
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.warm import warm_start
from gnnneg.former import former_names

__getattr__ = former_names(__name__)

__all__ = [
    "DataSource",
    "Evaluation",
    "Run",
    "Settings",
    "Setup",
    "pipeline",
    "plan",
    "read",
    "resume",
    "train",
    "train_config",
    "untrained",
    "warm_start",
]
