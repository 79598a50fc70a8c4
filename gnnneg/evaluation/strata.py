"""Metrics by side, relation, cardinality, degree and half-links."""

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from gnnneg.data.cardinality import CARDINALITIES
from gnnneg.data.cardinality import cardinality as classes
from gnnneg.evaluation.half_links import HALVES, half_links
from gnnneg.evaluation.metrics import amri, hits, mr, mrr
from gnnneg.evaluation.record import SIDES, Ranks
from gnnneg.records import Triplets


def cardinality(train: Triplets, num_relations: int) -> list[str]:
    """The class of each relation, such as ``"1-N"``: see :func:`gnnneg.data.cardinality.cardinality`.

    A relation without training statements is ``"unseen"``.
    """
    seen = train.rel_type.bincount(minlength=num_relations) > 0
    kind = classes(train, num_relations)
    return [CARDINALITIES[k] if there else "unseen" for k, there in zip(kind.tolist(), seen.tolist())]


def degree(train: Triplets, num_nodes: int) -> Int[Tensor, "n"]:
    """The number of training statements of each entity."""
    return train.head_index.bincount(minlength=num_nodes) + train.tail_index.bincount(minlength=num_nodes)


def strata(ranks: Ranks, train: Triplets, num_nodes: int, num_relations: int) -> dict[str, list[str]]:
    """The stratum of each query: ``cardinality`` of its relation, training ``degree`` of its target, and which of its
    ``half_links`` training has seen.

    Degrees are divided at the quartiles of the entities in training, and the label gives the range. Targets without
    training statements are a stratum of their own, ``"0"``. For half-links see
    :func:`~gnnneg.evaluation.half_links.half_links`.
    """
    kind = cardinality(train, num_relations)
    count = degree(train, num_nodes)
    borders = sorted(set(_quartiles(count[count > 0])))
    labels, low = ["0"], 1
    for high in borders:
        labels.append(f"{low}–{high}" if high > low else str(low))
        low = high + 1
    labels.append(f"{low}+")
    place = torch.searchsorted(torch.tensor([0, *borders]), count[ranks.target])
    return {
        "cardinality": [kind[r] for r in ranks.rel_type.tolist()],
        "degree": [labels[p] for p in place.tolist()],
        "half_links": [HALVES[seen] for seen in half_links(ranks, train, num_nodes).tolist()],
    }


def _quartiles(count: Int[Tensor, "n"]) -> list[int]:
    """The three quartiles, rounded down, of any number of values; torch's own quantile takes at most 16 million."""
    value, last, found = count.sort().values, len(count) - 1, []
    for quarter in (1, 2, 3) if len(count) else ():
        low, rest = divmod(quarter * last, 4)
        between = value[min(low + 1, last)] - value[low]
        found.append(int(value[low]) + int(between) * rest // 4)
    return found


def table(ranks: Ranks, label: list[str]) -> pd.DataFrame:
    """One row for each label, the largest first: queries, MRR, hits, MR, AMRI, and MRR with ties broken both ways."""
    rows = []
    code, names = pd.factorize(pd.Series(label, dtype="object"))
    codes = torch.from_numpy(code)
    for position, name in enumerate(names):
        part = ranks.take(codes == position)
        rank = part.realistic
        rows.append(
            {
                "stratum": name,
                "queries": len(part),
                "mrr": mrr(rank),
                "hits@1": hits(rank, 1),
                "hits@3": hits(rank, 3),
                "hits@10": hits(rank, 10),
                "mr": mr(rank),
                "amri": amri(rank, part.candidates),
                "mrr_optimistic": mrr(part.optimistic.double()),
                "mrr_pessimistic": mrr(part.pessimistic.double()),
            }
        )
    return pd.DataFrame(rows).sort_values("queries", ascending=False, kind="stable", ignore_index=True)


def tables(
    ranks: Ranks, train: Triplets, num_nodes: int, num_relations: int, relation_names: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """One :func:`table` each by ``side``, ``relation``, ``cardinality`` (and side), ``degree`` and ``half_links``."""
    side = [SIDES[s] for s in ranks.side.tolist()]
    relation = [str(r) if relation_names is None else relation_names[r] for r in ranks.rel_type.tolist()]
    by = strata(ranks, train, num_nodes, num_relations)
    return {
        "side": table(ranks, side),
        "relation": table(ranks, relation),
        "cardinality": table(ranks, [f"{kind} {s}" for kind, s in zip(by["cardinality"], side)]),
        "degree": table(ranks, by["degree"]),
        "half_links": table(ranks, by["half_links"]),
    }
