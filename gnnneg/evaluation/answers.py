"""The form of many answers: a table in the order of the questions, by name."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg.data.texts import Texts
from gnnneg.evaluation.said import WORDS

ASKED = ("tail", "head", "relation", "triple")
Columns = dict[str, Tensor]


class Form:
    """The columns, which are the same in every part.

    Args:
        data (torch_geometric.data.HeteroData): Names and labels.
        place (torch.Tensor): The row of each question in the input.
        kind (torch.Tensor): What each predicts, a position in :data:`ASKED`.
        two_scores (bool): Whether there is a ``head_score``.
        ranks (bool): Whether whole triples are ranked.
    """

    def __init__(
        self, data: HeteroData, place: Int[Tensor, "b"], kind: Int[Tensor, "b"], two_scores: bool, ranks: bool
    ):
        self.data, self.place, self.kind = data, place, kind
        self.two_scores, self.ranks = two_scores, ranks
        self.entities, self.relations = Texts.of(data["entity"].names), Texts.of(data.relation_names)

    def table(self, parts: Sequence[Columns]) -> pa.Table:
        """Answers by number as a table by name; each part has the ``row`` of its questions among all."""
        row = torch.cat([part["row"] for part in parts])
        order = row.argsort(stable=True)

        def whole(name: str) -> Tensor | None:
            """A column of all parts, -1 or NaN where a part has none."""
            if not any(name in part for part in parts):
                return None
            kind = next(part[name] for part in parts if name in part)
            empty = torch.nan if kind.is_floating_point() else -1
            column = [part[name] if name in part else kind.new_full((len(part["row"]),), empty) for part in parts]
            return torch.cat(column)[order]

        head, relation, tail = (whole(name) for name in ("head", "relation", "tail"))
        assert head is not None
        assert relation is not None
        assert tail is not None
        columns: dict[str, pa.Array] = {
            "question": pa.array(self.place[row[order]].numpy()),
            "asked": _words(ASKED, self.kind[row[order]]),
            "rank": _numbers(whole("rank")),
            "head": _named(self.entities, head),
            "relation": _named(self.relations, relation),
            "tail": _named(self.entities, tail),
            "score": _numbers(whole("score")),
        }
        if self.two_scores:
            columns["head_score"] = _numbers(whole("head_score"), len(row), pa.float32())
        known = whole("known")
        columns["known"] = pa.nulls(len(row), pa.string()) if known is None else _words(WORDS, known)
        if self.ranks:
            for name, kind in (("rank", pa.float64()), ("candidates", pa.int64())):
                for side in ("tail", "head"):
                    columns[f"{side}_{name}"] = _numbers(whole(f"{side}_{name}"), len(row), kind)
            both = [f"{side}_{name}" for side in ("tail", "head") for name in ("rank", "candidates")]
            columns |= {name: columns.pop(name) for name in both}
        labels, kinds = self.data["entity"].get("labels"), self.data.get("relation_labels")
        for end, index in (("head", head), ("tail", tail)):
            if labels is not None:
                columns[f"{end}_label"] = pa.array([labels[i] or "" for i in index.tolist()], pa.large_string())
        if kinds is not None:
            columns["relation_label"] = pa.array([kinds[i] or "" for i in relation.tolist()], pa.large_string())
        return pa.table(columns)


def _named(names: Texts, index: Int[Tensor, "m"]) -> pa.Array:
    return names.array.take(pa.array(index.numpy()))


def _words(words: Sequence[str], code: Int[Tensor, "m"]) -> pa.Array:
    return pa.array(words).take(pa.array(code.numpy()))


def _numbers(column: Tensor | None, size: int = 0, kind: pa.DataType | None = None) -> pa.Array:
    """A column of numbers, null where one is missing."""
    if column is None:
        return pa.nulls(size, kind)
    found = column.numpy()
    return pa.array(found, mask=np.isnan(found) if column.is_floating_point() else found < 0)
