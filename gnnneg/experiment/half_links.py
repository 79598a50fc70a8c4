"""The figures of a finished run by the half-links that training has seen."""

from pathlib import Path
from typing import Any

import pandas as pd

from gnnneg import run_files
from gnnneg.errors import UserError
from gnnneg.evaluation import Findings, Ranks
from gnnneg.evaluation.strata import table

KEY = "half_links"  # as of Ranking(per="half_links"), and the column of ranks.parquet


def by_half_links(path: Path) -> dict[str, Any]:
    """The figures of each stratum, as ``Ranking(per="half_links")`` finds them, from the ranks of a run folder.

    There are none of a run that has not ranked, or whose ranks are from a version without half-links.

    Args:
        path (pathlib.Path): The run folder.
    """
    file = path / run_files.RANKS
    try:
        label = pd.read_parquet(file, columns=[KEY])[KEY].astype(str).tolist()
        ranks = Ranks.from_parquet(file)
    except (OSError, ValueError, UserError):  # a column that is not there is a ValueError
        return {}
    return Findings({}, table(ranks, label)).kept()
