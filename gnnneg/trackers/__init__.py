"""Experiment trackers, implemented as watchers of training. Each imports its package only when it is used."""

from gnnneg.trackers.mlflow import MLflow
from gnnneg.trackers.tensorboard import TensorBoard
from gnnneg.trackers.wandb import WandB

__all__ = ["MLflow", "TensorBoard", "WandB"]
