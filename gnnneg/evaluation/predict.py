"""Answers with names: the best tails, heads or relations, or the score of a triple, as a DataFrame."""

import numbers
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from gnnneg.data import naming
from gnnneg.data.statements import LINKED, POLARITIES, SPLITS, message_graph, num_relations
from gnnneg.errors import UserError, echo
from gnnneg.evaluation.asking import at_once, device_of
from gnnneg.interfaces import Encoding, Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging
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
    among: str | Sequence[str] | None = None,
    encoding: Encoding | None = None,
) -> pd.DataFrame:
    """The ``k`` best answers for the missing part of ``(head, relation, tail)``, or the score of a whole triple.

    ::

        predict(model, data, head="aspirin", relation="treats")        # which tails?
        predict(model, data, relation="treats", tail="migraine")       # which heads?
        predict(model, data, head="aspirin", tail="migraine")          # which relations?
        predict(model, data, "aspirin", "treats", "migraine")          # how plausible?

    Some models give a triple two scores, one for the tail question and one for the head question: those with separate
    parameters for inverse relations, and those that start from the given entity. ``score`` always belongs to the tail
    question, whatever is predicted, and so does a probability. ``head_score`` belongs to the head question, and heads
    are sorted by it, as in ranking. For other models the two differ only by rounding.

    Args:
        model (Model): A trained model.
        data (torch_geometric.data.HeteroData): The data set, for names and known statements.
        head (str, optional): Name of the head, or a label or synonym that belongs to it alone.
        relation (str, optional): Name or label of the relation.
        tail (str, optional): Name, label or synonym of the tail.
        k (int): The largest number of answers. (default: :obj:`10`)
        graph (torch_geometric.data.Data, optional): The graph for the model's messages; by default the training
            statements.
        unknown_only (bool): Leaves out answers that the data set states or denies. (default: :obj:`False`)
        among (str or list[str], optional): Limits the answers to the entities of a type, or to these entities.
        encoding (Encoding, optional): The model's encoding of the graph, if it exists already. (default: made here)

    Returns:
        Columns ``head, relation, tail, score, known``, best first; ``known`` is the split that states the triple
        (``"train"``, ``"valid"``, ``"test"``), ``"denied"`` or ``"unknown"``. ``head_score`` follows ``score`` if the
        head is predicted or the triple is whole. If the data have labels, also ``head_label``, ``tail_label`` and
        ``relation_label``.

    Raises:
        UserError: If fewer than two of the three are given, a name is not in the data or belongs to several entities, a
            score is NaN, ``among`` is given although no entity is predicted, or a graph of labelled nodes is asked for
            anything but classes.
    """
    if isinstance(k, bool) or not isinstance(k, numbers.Integral):
        raise UserError(f"The number of answers is {echo(k)}: give a whole number.")
    if k < 1:
        raise UserError(f"The number of answers must be at least 1, not {k}.")
    h, t = (None if name is None else naming.entity(data, name) for name in (head, tail))
    r = None if relation is None else naming.relation(data, relation)
    if sum(index is None for index in (h, r, t)) > 1:
        raise UserError("Give two of head, relation and tail to ask for the third, or all three to score the triple.")
    asks_entity = h is None or t is None
    if among is not None and not asks_entity:
        raise UserError("No entity is asked for, so there is nothing to choose among: leave the head or the tail out.")
    classes = data["entity"].candidate_tails if LINKED in data.edge_types else None
    if classes is not None:
        _refuse_no_class(classes, h, r, t, tail)
    chosen_from = None if among is None else naming.among(data, among)
    device, size = device_of(model), num_relations(data)
    if graph is None:
        graph = message_graph(data)
    graph = graph.to(str(device))
    with judging(model):
        encoding = model.encode(graph) if encoding is None else encoding
        if asks_entity:
            anchor = h if h is not None else t
            assert r is not None
            assert anchor is not None
            asks = r + (size if h is None else 0)
            count = len(data["entity"].names)
            every = torch.arange(count) if classes is None else classes
            index = everyone(count, device) if classes is None else classes[None].to(device)
            query = Query(torch.tensor([anchor], device=device), torch.tensor([asks], device=device))
            score = model.scorer(encoding, query)(index)[0].float().cpu()
            given, rel_type = torch.full_like(every, anchor), torch.full_like(every, r)
            triplets = Triplets(every, rel_type, given) if h is None else Triplets(given, rel_type, every)
        else:
            assert h is not None
            assert t is not None
            every = torch.arange(size) if r is None else torch.tensor([r])
            triplets = Triplets(torch.full_like(every, h), every, torch.full_like(every, t))
            score = of_triplets(model, encoding, triplets, graph.num_nodes)
        _refuse_nan(score)
        known = _known(triplets, data)
        left = torch.ones(len(score), dtype=torch.bool)
        if chosen_from is not None:
            left = torch.isin(every, chosen_from)
        if unknown_only:
            left &= torch.tensor([what == "unknown" for what in known])
        order = torch.where(left, score, -torch.inf).sort(descending=True, stable=True).indices
        best = order[left[order]][:k]
        chosen = Triplets(*(column[best] for column in triplets))
        scores = {"score": score[best]}
        if h is None:
            scores = {"score": of_triplets(model, encoding, chosen, graph.num_nodes), "head_score": score[best]}
        elif r is not None and t is not None and classes is None:
            scores["head_score"] = of_triplets(model, encoding, chosen, graph.num_nodes, head=True)
    for one in scores.values():
        _refuse_nan(one)
    said = {name: one.numpy() for name, one in scores.items()}
    return named(data, chosen, {**said, "known": [known[i] for i in best.tolist()]})


def _refuse_no_class(classes: Int[Tensor, "c"], h: int | None, r: int | None, t: int | None, tail: str | None) -> None:
    """Refuses what a model of labelled nodes cannot be asked: it compares a node with classes."""
    if h is None or r is None:
        raise UserError(
            "In a graph of labelled nodes only classes are asked for: give the node as head, and its relation."
        )
    if t is not None and t not in classes.tolist():
        raise UserError(f"In a graph of labelled nodes the tail is a class, and {echo(tail)} is none: give one.")


def of_triplets(
    model: Model, encoding: Encoding, triplets: Triplets, num_nodes: int, *, head: bool = False, batch_size: int = 1024
) -> Float[Tensor, "b"]:
    """The scores of triplets, each as the answer to its tail question or to its head question, on the CPU."""
    device, step, pieces = device_of(model), at_once(model, num_nodes, batch_size), [torch.empty(0)]
    for begin in range(0, triplets.head_index.numel(), step):
        part = Triplets(*(column[begin : begin + step].to(device) for column in triplets))
        query, target = asked(part, model.num_relations, head)
        pieces.append(model.scorer(encoding, query)(target[:, None])[:, 0].float().cpu())
    return torch.cat(pieces)


def named(data: HeteroData, triplets: Triplets, columns: Mapping[str, object]) -> pd.DataFrame:
    """Triplets by name, then further columns, then labels if the data have some."""
    entities, relations = data["entity"].names, data.relation_names
    frame = {
        "head": [entities[i] for i in triplets.head_index.tolist()],
        "relation": [relations[i] for i in triplets.rel_type.tolist()],
        "tail": [entities[i] for i in triplets.tail_index.tolist()],
        **columns,
    }
    for end, index in (("head", triplets.head_index), ("tail", triplets.tail_index)):
        labels = naming.called(data, index)
        if labels is not None:
            frame[f"{end}_label"] = labels
    kinds = naming.relations_called(data, triplets.rel_type)
    if kinds is not None:
        frame["relation_label"] = kinds
    return pd.DataFrame(frame)


def _refuse_nan(score: Float[Tensor, "b"]) -> None:
    if bool(score.isnan().any()):
        raise UserError("The model scores NaN: it has diverged, so load an earlier checkpoint or train more gently.")


def _known(triplets: Triplets, data: HeteroData) -> list[str]:
    """What the data set says of each triplet. Two of their columns are constant, so the third tells them apart."""
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
