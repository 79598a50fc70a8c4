"""What people have said of statements: the record of it, what they agree on, and what it becomes."""

from gnnneg.verdicts.record import Row, Verdicts
from gnnneg.verdicts.statement import VERDICTS, Statement

__all__ = ["VERDICTS", "Row", "Statement", "Verdicts"]
