"""Studies of several trainings: what is compared is written in a file, and every figure is a record of a run."""

from gnnneg.studies.definition import Definition, read
from gnnneg.studies.run import Order, run_studies

__all__ = ["Definition", "Order", "read", "run_studies"]
