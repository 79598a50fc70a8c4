"""The trainer, its run folder's files, and what it leaves behind."""

from gnnneg.training.fit import Fit, History
from gnnneg.training.interruption import Interrupted
from gnnneg.training.optimizers import LazyAdam
from gnnneg.training.restore import load_task
from gnnneg.training.row_adagrad import RowAdagrad
from gnnneg.training.watching import Stop, Watcher, Watchers
from gnnneg.training.weights import load_model, save_model

__all__ = [
    "Fit",
    "History",
    "Interrupted",
    "LazyAdam",
    "RowAdagrad",
    "Stop",
    "Watcher",
    "Watchers",
    "load_model",
    "load_task",
    "save_model",
]
