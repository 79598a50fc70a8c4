"""The metrics of a finished run by the half-links that training has seen."""

from pathlib import Path
from typing import Any

import pandas as pd

from gnnneg import run_files
from gnnneg.errors import UserError
from gnnneg.evaluation import Findings, Ranks
from gnnneg.evaluation.strata import table

KEY = "half_links"  # as of Ranking(per="half_links"), and the column of ranks.parquet


def by_half_links(path: Path) -> dict[str, Any]:
    """The metrics of each stratum, as from ``Ranking(per="half_links")``, from the ranks of a run folder.

    They are empty for a run without ranks, or with ranks of a version without half-links.

    Args:
        path (pathlib.Path): The run folder.
    """
    file = path / run_files.RANKS
    try:
        label = pd.read_parquet(file, columns=[KEY])[KEY].astype(str).tolist()
        ranks = Ranks.from_parquet(file)
    except (OSError, ValueError, UserError):  # a missing column is a ValueError
        return {}
    return Findings({}, table(ranks, label)).kept()
