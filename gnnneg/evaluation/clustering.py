"""Clustering: do the clusters of entity vectors match the entities' types?"""

from typing import Any

import pandas as pd
from jaxtyping import Bool, Float
from torch import Tensor

from gnnneg.checks import LONGEST, whole
from gnnneg.data.types import dense
from gnnneg.errors import MissingExtra, UserError
from gnnneg.evaluation.asking import representations
from gnnneg.evaluation.evaluator import Evaluator, Findings
from gnnneg.evaluation.testbed import Testbed
from gnnneg.interfaces import Model

SEEDS = 10


class Clustering(Evaluator):
    """Whether k-means finds the types of entities again in the model's vectors: see :func:`clustering`.

    Args:
        seeds (int): Number of k-means runs. (default: :obj:`10`)
    """

    no_split = "Types are of no split"

    def __init__(self, seeds: int = SEEDS):
        super().__init__()
        whole("Clustering", most=LONGEST, seeds=seeds)
        self.seeds = seeds

    def refuse(self, testbed: Testbed) -> None:
        if testbed.data["entity"].get("type") is None:
            raise UserError("The entities of this data set have no types to compare clusters with: use one that has.")
        dense(testbed.data, "Clustering")

    def forward(self, model: Model, testbed: Testbed) -> Findings:
        types = dense(testbed.data, "Clustering")
        return Findings(*clustering(representations(model, testbed.graph_for(model)), types, self.seeds), "seeds")


def clustering(
    vector: Float[Tensor, "n d"], type: Bool[Tensor, "n t"], seeds: int = SEEDS
) -> tuple[dict[str, Any], pd.DataFrame]:
    """k-means over entities of one type each, with as many clusters as there are types, against the types.

    Entities with several types or with none have no single right cluster: they are left out and counted.

    Args:
        vector (torch.Tensor): The vector of each entity, as from :func:`~gnnneg.evaluation.representations`.
        type (torch.Tensor): The types of each entity.
        seeds (int): Number of k-means runs, with seeds 0, 1, ... (default: :obj:`10`)

    Returns:
        Mean and standard deviation over seeds of normalised mutual information (``nmi``, ``nmi_std``) and of the
        adjusted Rand index (``ari``, ``ari_std``: 0 is chance), the numbers of ``types`` and ``entities`` that were
        used, and of entities left out as ``several_types`` and ``no_type``; and a table by seed.

    Raises:
        UserError: If fewer than two types have entities of that type only, or a vector is not finite.
        MissingExtra: If scikit-learn is not installed.
    """
    number = type.sum(1)
    alone = number == 1
    kind = type[alone].int().argmax(1)
    types = kind.unique().numel()
    if types < 2:
        raise UserError(
            f"Clustering needs entities of one type each and two types at least, and finds {int(alone.sum())} such "
            f"entities of {types} types: use a data set with coarser types."
        )
    chosen = vector[alone]
    if not bool(chosen.isfinite().all()):
        raise UserError("A vector is not finite: the model has diverged, so train more gently.")
    try:
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    except ImportError as error:
        raise MissingExtra("plot", "Clustering") from error
    rows = []
    for seed in range(seeds):
        found = KMeans(types, n_init=1, random_state=seed).fit_predict(chosen.numpy())
        nmi, ari = normalized_mutual_info_score(kind.numpy(), found), adjusted_rand_score(kind.numpy(), found)
        rows.append({"seed": seed, "nmi": float(nmi), "ari": float(ari)})
    table = pd.DataFrame(rows)
    return {
        "nmi": float(table["nmi"].mean()),
        "nmi_std": float(table["nmi"].std()),
        "ari": float(table["ari"].mean()),
        "ari_std": float(table["ari"].std()),
        "types": types,
        "entities": int(alone.sum()),
        "several_types": int((number > 1).sum()),
        "no_type": int((number == 0).sum()),
    }, table
