"""The vectors of a trained model, by name, and nearest neighbours."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from gnnneg.data import naming
from gnnneg.errors import UserError
from gnnneg.evaluation.asking import device_of, representations
from gnnneg.evaluation.best import best, refuse_nan
from gnnneg.interfaces import Model
from gnnneg.looking import judging
from gnnneg.records import Query

INVERSE = "_inverse"  # as PyKEEN calls them


class Vectors(NamedTuple):
    """Vectors with names.

    Args:
        entities (DataFrame): A row for each entity, in the order of the data.
        relations (DataFrame): A row for each relation. If inverse relations have vectors of their own, these rows
            follow, with ``_inverse`` added to the relation's name.
    """

    entities: pd.DataFrame
    relations: pd.DataFrame


def vectors(model: Model, data: HeteroData, graph: Data) -> Vectors:
    """The vectors of all entities and relations from which scores are computed.

    The vectors of entities are the encoder's output. Those of relations are the rows of the decoder's table (angles for
    :class:`~gnnneg.decoders.RotatE`, matrices row by row for :class:`~gnnneg.decoders.RESCAL`). Complex vectors hold
    their real parts first. A model with two encoders has the vectors of both side by side.

    Args:
        model (Model): A trained model.
        data (torch_geometric.data.HeteroData): The data set, for names.
        graph (torch_geometric.data.Data): What the model may look at.

    Raises:
        UserError: If the model has no vectors that are the same for every query.
    """
    entities, relations = tables(model, graph)
    names, kinds = list(data["entity"].names), list(data.relation_names)
    if len(relations) != len(kinds):
        kinds += inverses(kinds)
    return Vectors(_framed(entities, names), _framed(relations, kinds))


def tables(model: Model, graph: Data) -> tuple[Float[Tensor, "n d"], Float[Tensor, "r c"]]:
    """The same without names, on the CPU."""
    _refuse(model)
    entities = representations(model, graph)
    zero = torch.zeros(1, dtype=torch.long, device=device_of(model))
    with judging(model):
        scorer = model.scorer(model.encode(graph), Query(zero, zero))
        parts = scorer.by_decoder(lambda decoder, _: decoder.relation.weight.detach().float().cpu(), "vectors")
    if len({len(part) for part in parts}) > 1:
        raise UserError("One of the two models has vectors for inverse relations and the other has not: export each.")
    refuse_nan(entities)
    return entities, torch.cat(parts, 1).clone()


def inverses(relations: Sequence[str]) -> list[str]:
    """The names of inverse relations, different from all other relations' names."""
    ending = INVERSE
    while set(relations) & {name + ending for name in relations}:
        ending = f"_{ending}"
    return [name + ending for name in relations]


def neighbors(
    model: Model,
    data: HeteroData,
    graph: Data,
    name: str,
    k: int = 10,
    among: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    r"""The entities whose vectors have the largest cosine with that of one entity,

    .. math::
        \cos(\mathbf{e}, \mathbf{e}') = \frac{\mathbf{e}^{\top} \mathbf{e}'}{\lVert \mathbf{e} \rVert \,
        \lVert \mathbf{e}' \rVert} .

    Args:
        model (Model): A trained model.
        data (torch_geometric.data.HeteroData): Names, labels and types.
        graph (torch_geometric.data.Data): What the model may look at.
        name (str): Name, label or synonym of the entity. It is not its own neighbor.
        k (int): The largest number of neighbors. (default: :obj:`10`)
        among (str or list[str], optional): Only entities of a type, or these.

    Returns:
        Columns ``entity`` and ``cosine``, the nearest first, equal ones in the order of the data; if the data have
        labels, also ``label``.

    Raises:
        UserError: If the model has no vectors, or the name or the type is unknown.
    """
    if k < 1:
        raise UserError(f"The number of neighbors must be at least 1, not {k}.")
    _refuse(model)
    own = naming.entity(data, name)
    chosen = torch.arange(len(data["entity"].names)) if among is None else naming.among(data, among)
    unit = F.normalize(representations(model, graph), dim=1)
    cosine = unit[chosen] @ unit[own]
    itself = (chosen == own).nonzero()[:, 0]
    place, value, count = best(cosine[None], k, (torch.zeros_like(itself), itself))
    found = chosen[place[0, : count[0]]]
    names = data["entity"].names
    columns: dict[str, object] = {"entity": [names[i] for i in found.tolist()]}
    columns["cosine"] = value[0, : count[0]].numpy()
    labels = naming.called(data, found)
    if labels is not None:
        columns["label"] = labels
    return pd.DataFrame(columns)


def _refuse(model: Model) -> None:
    if not model.has_vectors:
        raise UserError(
            f"{type(model).__name__} has no entity vectors that are the same for every query: use a model that encodes "
            "entities, such as KGEModel."
        )


def _framed(table: Float[Tensor, "n d"], names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(table.numpy(), index=pd.Index(names, name="name"))
