"""Hyperparameter studies: choose the settings of a config by validation, one trial after another."""

from gnnneg.tuning.study import Study, tune

__all__ = ["Study", "tune"]
