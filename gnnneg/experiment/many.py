"""Answers many questions to a run in parts, with probabilities."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import torch

from gnnneg.data import naming
from gnnneg.data.questions import NONE, Asked, Questions, read_questions, understood
from gnnneg.errors import UserError
from gnnneg.evaluation import Calibration, Testbed
from gnnneg.evaluation.predict_many import predict_many
from gnnneg.experiment.whereabouts import Missing

if TYPE_CHECKING:
    from gnnneg.experiment.run import Run


def answered(
    run: "Run",
    questions: str | Path | pd.DataFrame,
    k: int = 10,
    unknown_only: bool = False,
    among: str | Sequence[str] | None = None,
    skip_unknown: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[pa.Table]:
    """The answers to questions, some thousands at a time: see :meth:`gnnneg.Run.predict_many`.

    All errors except NaN scores are raised before the first answer.
    """
    asked = read_questions(questions)
    if asked.aside:
        left = ", ".join(asked.aside[:5]) + (" and more" if len(asked.aside) > 5 else "")
        warnings.warn(f"{asked.where}: columns that are no part of a question are ignored: {left}.", stacklevel=3)
    try:
        testbed, meant = _understood(run, asked, skip_unknown)
        silent = False
    except Missing as missing:
        if unknown_only or run.model.uses_graph:
            raise
        warnings.warn(f"{missing} Until then it is unknown which answers are in the data.", stacklevel=3)
        testbed, silent = run.without_data(), True
        meant = understood(asked, testbed.data, skip_unknown)
    if meant.left_out is not None:
        warnings.warn(meant.left_out, stacklevel=3)
    chosen = None if among is None else naming.among(testbed.data, among)
    whole = (meant.head != NONE) & (meant.relation != NONE) & (meant.tail != NONE)
    # as for one question: a whole triple fits the calibration if necessary, an answer only uses an existing one
    fitted = run.calibration if bool(whole.any()) and not silent and run.calibrates else run.fitted()
    means: dict[str, Any] = {"unknown_only": unknown_only, "among": chosen, "silent": silent, "progress": progress}
    return _likely(predict_many(run.model, testbed, meant, k, **means), fitted)


def _understood(run: "Run", asked: Asked, skip_unknown: bool) -> tuple[Testbed, Questions]:
    """The questions and their graph: the one to test on, if it is another and has all names."""
    test = run.testbed.on("test")
    if test is not run.testbed:
        try:
            return test, understood(asked, test.data)
        except UserError:
            try:
                return run.testbed, understood(asked, run.testbed.data)
            except UserError:
                pass
    return test, understood(asked, test.data, skip_unknown)


def _likely(parts: Iterator[pa.Table], fitted: Calibration | None) -> Iterator[pa.Table]:
    """The same with the probability of each score, if there is a calibration."""
    if fitted is None:
        yield from parts
        return
    for part in parts:
        probability = fitted.platt(torch.tensor(part["score"].to_numpy()))
        place = part.column_names.index("score") + 1
        yield part.add_column(place, "probability", pa.array(probability.numpy()))
