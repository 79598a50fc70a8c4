"""What people have said of statements: the record of it, what they agree on, and what it becomes."""

from gnnneg.verdicts.agreed import agreed, kappa
from gnnneg.verdicts.record import Row, Verdicts
from gnnneg.verdicts.statement import VERDICTS, Statement
from gnnneg.verdicts.summary import Summary, summary

__all__ = ["VERDICTS", "Row", "Statement", "Summary", "Verdicts", "agreed", "kappa", "summary"]
