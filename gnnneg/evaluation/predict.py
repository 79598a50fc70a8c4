"""Answers with names: the best tails, heads or relations, or the score of a triple, as a DataFrame."""

import pandas as pd
import torch
from torch_geometric.data import Data, HeteroData

from gnnneg.data.statements import POLARITIES, SPLITS, message_graph, num_relations
from gnnneg.errors import UserError, echo, nearest
from gnnneg.evaluation.mode import device_of, judging
from gnnneg.interfaces import Model
from gnnneg.kernels.everyone import everyone
from gnnneg.records import Query, Triplets, asked


def predict(
    model: Model,
    data: HeteroData,
    head: str | None = None,
    relation: str | None = None,
    tail: str | None = None,
    k: int = 10,
    *,
    graph: Data | None = None,
    unknown_only: bool = False,
) -> pd.DataFrame:
    """The ``k`` best answers to what is left out of ``(head, relation, tail)``, or the score of a whole triple.

    ::

        predict(model, data, head="aspirin", relation="treats")        # which tails?
        predict(model, data, relation="treats", tail="migraine")       # which heads?
        predict(model, data, head="aspirin", tail="migraine")          # which relations?
        predict(model, data, "aspirin", "treats", "migraine")          # how plausible?

    Args:
        model (Model): A trained model.
        data (torch_geometric.data.HeteroData): The data set, for names and for what it says already.
        head (str, optional): Name of the head.
        relation (str, optional): Name of the relation.
        tail (str, optional): Name of the tail.
        k (int): How many answers at most. (default: :obj:`10`)
        graph (torch_geometric.data.Data, optional): What the model may look at; by default the training statements.
        unknown_only (bool): Leaves out what the data set states or denies. (default: :obj:`False`)

    Returns:
        Columns ``head, relation, tail, score, known``, best first; ``known`` is the split that states the triple
        (``"train"``, ``"valid"``, ``"test"``), ``"denied"`` or ``"unknown"``.

    Raises:
        UserError: If fewer than two of the three are given, a name is not in the data, or a score is NaN.
    """
    if k < 1:
        raise UserError(f"The number of answers must be at least 1, not {k}.")
    entities, relations = data["entity"].names, data.relation_names
    h, t = (_find(name, entities, "entity") for name in (head, tail))
    r = _find(relation, relations, "relation")
    if sum(index is None for index in (h, r, t)) > 1:
        raise UserError("Give two of head, relation and tail to ask for the third, or all three to score the triple.")
    device = device_of(model)
    if graph is None:
        graph = message_graph(data)
    graph = graph.to(str(device))
    with judging(model):
        encoding = model.encode(graph)
        if h is not None and t is not None:
            every = torch.arange(num_relations(data)) if r is None else torch.tensor([r])
            triplets = Triplets(torch.full_like(every, h), every, torch.full_like(every, t))
            query, target = asked(Triplets(*(index.to(device) for index in triplets)), num_relations(data))
            score = model.scorer(encoding, query)(target[:, None])[:, 0]
        else:
            anchor = h if h is not None else t
            assert r is not None
            assert anchor is not None
            asks = r + (num_relations(data) if h is None else 0)
            every = torch.arange(len(entities))
            query = Query(torch.tensor([anchor], device=device), torch.tensor([asks], device=device))
            score = model.scorer(encoding, query)(everyone(len(entities), device))[0]
            given, rel_type = torch.full_like(every, anchor), torch.full_like(every, r)
            triplets = Triplets(every, rel_type, given) if h is None else Triplets(given, rel_type, every)
    score = score.float().cpu()
    if bool(score.isnan().any()):
        raise UserError("The model scores NaN: it has diverged, so load an earlier checkpoint or train more gently.")
    known = _known(triplets, data)
    if unknown_only:
        new = torch.tensor([what == "unknown" for what in known])
        score = score.masked_fill(~new, -torch.inf)
        k = min(k, int(new.sum()))
    best = score.sort(descending=True, stable=True).indices[:k]
    return pd.DataFrame(
        {
            "head": [entities[i] for i in triplets.head_index[best].tolist()],
            "relation": [relations[i] for i in triplets.rel_type[best].tolist()],
            "tail": [entities[i] for i in triplets.tail_index[best].tolist()],
            "score": score[best].numpy(),
            "known": [known[i] for i in best.tolist()],
        }
    )


def _find(name: str | None, names: list[str], what: str) -> int | None:
    if name is None:
        return None
    try:
        return names.index(name)
    except ValueError:
        raise UserError(f"There is no {what} {echo(name)} in the data; {nearest(name, names)}") from None


def _known(triplets: Triplets, data: HeteroData) -> list[str]:
    """What the data set says of each triplet: two of their columns are one value, so the third tells them apart."""
    columns = torch.stack([index.cpu() for index in triplets])
    varies = int((columns != columns[:, :1]).any(1).int().argmax())
    fixed = [column for column in range(3) if column != varies]
    place = {value: row for row, value in enumerate(columns[varies].tolist())}
    known = ["unknown"] * columns.size(1)
    for polarity in reversed(POLARITIES):  # what is stated has the last word
        store = data["entity", polarity, "entity"]
        said = torch.stack([store.edge_index[0], store.edge_type, store.edge_index[1]]).cpu()
        about = (said[fixed] == columns[fixed, :1]).all(0)
        for value, split in zip(said[varies, about].tolist(), store.split.cpu()[about].tolist()):
            if value in place:
                known[place[value]] = SPLITS[split] if polarity == "stated" else polarity
    return known
