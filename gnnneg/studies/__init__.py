"""Studies that compare several trainings. A file defines the comparison, and every figure comes from a record of a
run.
"""

from gnnneg.studies.definition import Definition, read
from gnnneg.studies.run import Order, run_studies

__all__ = ["Definition", "Order", "read", "run_studies"]
