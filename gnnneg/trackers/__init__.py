"""Trackers of experiments that are watchers of training; none imports its package before it is asked for."""

from gnnneg.trackers.mlflow import MLflow
from gnnneg.trackers.tensorboard import TensorBoard
from gnnneg.trackers.wandb import WandB

__all__ = ["MLflow", "TensorBoard", "WandB"]
