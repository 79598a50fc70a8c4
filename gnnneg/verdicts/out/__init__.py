"""Verdicts in the formats of others."""

from collections.abc import Callable

from gnnneg.verdicts.out.gaf import gaf
from gnnneg.verdicts.out.ntriples import ntriples
from gnnneg.verdicts.out.outcome import Outcome, Written, outcome
from gnnneg.verdicts.out.quickstatements import quickstatements
from gnnneg.verdicts.out.tables import labelled, sssom

# files; a data set is a folder, see gnnneg.verdicts.out.dataset
FORMATS: dict[str, Callable[[Outcome], Written]] = {
    "tsv": labelled,
    "ntriples": ntriples,
    "gaf": gaf,
    "quickstatements": quickstatements,
    "sssom": sssom,
}

__all__ = ["FORMATS", "Outcome", "Written", "outcome"]
