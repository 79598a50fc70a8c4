"""Evaluation of node classification."""

from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.interfaces import Model
from gnnneg.kernels.everyone import everyone
from gnnneg.looking import judging
from gnnneg.records import Query, Triplets


def accuracy(model: Model, graph: Data | None, triplets: Triplets, num_classes: int) -> float:
    """The share of nodes whose true class scores highest; ties count as wrong.

    Args:
        model (Model): As in :class:`~gnnneg.tasks.NodeClassification`.
        graph (torch_geometric.data.Data, optional): The graph for message passing.
        triplets (Triplets): The statements *node is of class*.
        num_classes (int): Number of classes.

    Raises:
        UserError: If there are no nodes, or a score is NaN.
    """
    if not len(triplets.head_index):
        raise UserError("There is no node to judge: check the mask.")
    with judging(model):
        scorer = model.scorer(model.encode(graph), Query(triplets.head_index, triplets.rel_type))
        score = scorer(everyone(num_classes, triplets.head_index.device))
    if score.isnan().any():
        raise UserError("A score is NaN: the model has diverged; lower the learning rate.")
    own = score.gather(1, triplets.tail_index[:, None])
    return ((score >= own).sum(1) == 1).double().mean().item()
