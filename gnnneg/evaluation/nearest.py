"""What the data say that is most like a statement, as its model sees it."""

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import POLARITIES, SPLITS
from gnnneg.evaluation.predict import named
from gnnneg.records import Triplets


def nearest(vector: Float[Tensor, "n d"], data: HeteroData, triplet: Triplets, k: int = 3) -> pd.DataFrame:
    r"""The ``k`` stated and the ``k`` denied statements of the same relation that are nearest to one triplet,

    .. math::
        \bigl\lVert (\mathbf{e}_h, \mathbf{e}_t) - (\mathbf{e}_{h'}, \mathbf{e}_{t'}) \bigr\rVert_2 .

    The triplet itself is left out.

    Args:
        vector (torch.Tensor): The vector of each entity, as from :func:`~gnnneg.evaluation.representations`.
        data (torch_geometric.data.HeteroData): The data set, in the convention of :mod:`gnnneg.data.statements`.
        triplet (Triplets): One triplet.
        k (int): How many of each polarity at most. (default: :obj:`3`)

    Returns:
        Columns ``polarity, head, relation, tail, split, distance``, stated before denied and the nearest first; where
        the data say it, ``source``, and ``confidence``; where they have labels, ``head_label``,
        ``tail_label`` and ``relation_label``.
    """
    head, relation, tail = (int(column) for column in triplet)
    parts = []
    for polarity in POLARITIES:
        store = data["entity", polarity, "entity"]
        index, split = store.edge_index.cpu(), store.split.cpu()
        other = (index[0] != head) | (index[1] != tail)
        row = ((store.edge_type.cpu() == relation) & other).nonzero()[:, 0]
        squared = torch.zeros(len(row))
        for end, own in ((0, head), (1, tail)):
            # many statements of a relation share an entity
            entity, place = index[end, row].unique(return_inverse=True)
            squared += (vector[entity] - vector[own]).square().sum(1)[place]
        distance, best = squared.sqrt().sort(stable=True)
        row = row[best[:k]]
        found: dict[str, object] = {
            "split": [SPLITS[i] for i in split[row].tolist()],
            "distance": distance[:k].double().numpy(),
        }
        if "source" in store:
            sources = [*data.source_names, ""]  # -1 says that there is none
            found["source"] = [sources[i] for i in store.source.cpu()[row].tolist()]
        if "confidence" in store:
            found["confidence"] = store.confidence.cpu()[row].double().numpy()
        one = Triplets(index[0, row], torch.full_like(row, relation), index[1, row])
        frame = named(data, one, found)
        frame.insert(0, "polarity", polarity)
        parts.append(frame)
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
