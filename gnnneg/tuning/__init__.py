"""Studies: the settings of a config chosen by validation, trial after trial."""

from gnnneg.tuning.study import Study, tune

__all__ = ["Study", "tune"]
