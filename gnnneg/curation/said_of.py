"""The statements of the data about one entity or one statement, found by two sorted columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.statements import POLARITIES, SPLITS


@dataclass(frozen=True)
class Told:
    """One statement of the data.

    Args:
        polarity (str): ``"stated"`` or ``"denied"``.
        head, relation, tail (str): Names.
        head_label, relation_label, tail_label (str): Labels; empty if there is none.
        split (str): ``"train"``, ``"valid"`` or ``"test"``.
        source (str): The source; empty if the data have none.
        confidence (float, optional): The confidence of the source.
        distance (float, optional): The distance of its entity vectors to those of the statement on the screen.
    """

    polarity: str
    head: str
    relation: str
    tail: str
    head_label: str = ""
    relation_label: str = ""
    tail_label: str = ""
    split: str = ""
    source: str = ""
    confidence: float | None = None
    distance: float | None = None


class SaidOf:
    """An index of the statements about each entity.

    Args:
        data (torch_geometric.data.HeteroData): The data set.

    Cost: two sorts of the statements of each polarity. A question costs two searches.
    """

    def __init__(self, data: HeteroData):
        self.data = data
        self.ends: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for polarity in POLARITIES:
            index = data["entity", polarity, "entity"].edge_index.cpu()
            self.ends[polarity] = [tuple(end.sort(stable=True)) for end in index]

    def entity(self, polarity: str, entity: int) -> Int[Tensor, "m"]:
        """The rows of the statements about one entity, as head or tail, in the order of the data."""
        found = []
        for value, order in self.ends[polarity]:
            begin, end = torch.searchsorted(value, torch.tensor([entity, entity + 1])).tolist()
            found.append(order[begin:end])
        return torch.cat(found).unique()

    def statement(self, polarity: str, head: int, relation: int, tail: int) -> Int[Tensor, "m"]:
        """The rows of one statement."""
        store = self.data["entity", polarity, "entity"]
        row = self.entity(polarity, head)
        same = (store.edge_index[:, row] == torch.tensor([[head], [tail]])).all(0) & (store.edge_type[row] == relation)
        return row[same]

    def told(self, polarity: str, row: Int[Tensor, "m"]) -> tuple[Told, ...]:
        """Statements as names and labels."""
        data, store = self.data, self.data["entity", polarity, "entity"]
        names, kinds = data["entity"].names, data.relation_names
        labels, kind_labels = data["entity"].get("labels"), data.get("relation_labels")
        sources = [*(data.get("source_names") or ()), ""]  # -1 means no source
        found = []
        for place in row.tolist():
            (head, tail), kind = store.edge_index[:, place].tolist(), int(store.edge_type[place])
            found.append(
                Told(
                    polarity,
                    names[head],
                    kinds[kind],
                    names[tail],
                    _label(labels, head),
                    _label(kind_labels, kind),
                    _label(labels, tail),
                    split=SPLITS[int(store.split[place])],
                    source=sources[int(store.source[place])] if "source" in store else "",
                    confidence=float(store.confidence[place]) if "confidence" in store else None,
                )
            )
        return tuple(found)


def told_near(frame: pd.DataFrame) -> tuple[Told, ...]:
    """Converts the result of :func:`gnnneg.evaluation.nearest`."""
    known = [field.name for field in fields(Told) if field.name in frame]
    return tuple(Told(**dict(zip(known, row))) for row in frame[known].itertuples(index=False, name=None))


def _label(labels: Sequence[str | None] | None, place: int) -> str:
    return "" if labels is None else labels[place] or ""
