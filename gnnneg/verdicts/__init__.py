"""Judgements of people about statements: the record, the agreement between people, and what becomes of the data."""

from gnnneg.verdicts.agreed import agreed, kappa
from gnnneg.verdicts.record import Row, Verdicts
from gnnneg.verdicts.statement import VERDICTS, Statement
from gnnneg.verdicts.summary import Summary, summary

__all__ = ["VERDICTS", "Row", "Statement", "Summary", "Verdicts", "agreed", "kappa", "summary"]
