"""The trainer, its run folder's files, and what it leaves behind."""

from gnnneg.training.checkpoint import latest
from gnnneg.training.fit import Fit, History
from gnnneg.training.interruption import Interrupted
from gnnneg.training.optimizers import LazyAdam
from gnnneg.training.weights import load_model, save_model

__all__ = ["Fit", "History", "Interrupted", "LazyAdam", "latest", "load_model", "save_model"]
