"""Node classification."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.interfaces import Drawn, Generator, Loss, Model, Sampler, SoftLabel
from gnnneg.records import Query, Triplets
from gnnneg.tasks.contrast import Contrastive, refuse


class NodeClassification(Contrastive):
    r"""Tells the class of a node from the other classes.

    The statements are *node is of class*, with one relation: heads are nodes, tails are classes (:func:`labelled`). So
    samplers choose among classes, and generators mutate the vectors of classes. :class:`~gnnneg.generators.EMU` with
    one mask a node is dropout of the node's state with a target gap of :math:`\ln(1 / \beta)`.
    :class:`~gnnneg.generators.MatchedEMU` is noise for each class that grows with its distance from the true class.
    :class:`~gnnneg.generators.GNDN` and :class:`~gnnneg.generators.DANS` make vectors of classes from a node's state.
    DANS needs ``relation=0``, because a node and the only relation have no combined vector.

    Args:
        model (Model): Scores classes, for example a :class:`~gnnneg.models.NodeClassifier`.
        sampler (Sampler): Offers wrong classes.
        loss (Loss): One number per node.
        graph (torch_geometric.data.Data, optional): The graph for message passing, used whole in every step. Labels are
            no edges, so nothing has to be hidden. (default: :obj:`None`)
        generators (list[Generator]): Make negatives in embedding space, one loss term each. (default: :obj:`()`)
        soft_label (float or SoftLabel): Soft label of the wrong classes. (default: :obj:`0.0`)
        scale (float): Weight of the sampled term relative to the generators' terms; only with generators.
            (default: :obj:`1.0`)
        one_term (bool): Whether sampled and made negatives are in one loss term, as in
            :class:`~gnnneg.tasks.LinkPrediction`; only with generators. (default: :obj:`False`)

    Raises:
        UserError: If a number is out of range, or an option would change nothing.
    """

    def __init__(
        self,
        model: Model,
        sampler: Sampler,
        loss: Loss,
        graph: Data | None = None,
        generators: Sequence[Generator] = (),
        soft_label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        one_term: bool = False,
    ):
        super().__init__()
        self.model, self.sampler, self.loss, self.graph = model, sampler, loss, graph
        self.generators = nn.ModuleList(generators)
        self.soft_label, self.scale, self.one_term = soft_label, scale, one_term
        refuse(self)

    def forward(self, batch: Triplets, rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        query, target = Query(batch.head_index, batch.rel_type), batch.tail_index
        graph = None if self.graph is None else self.graph.to(batch.rel_type.device)
        scorer = self.model.scorer(self.model.encode(graph), query)
        negatives = self.sampler(query, target, scorer, rng)
        return self.contrast(Drawn(scorer, query, target, negatives, rng)).mean()


def labelled(y: Int[Tensor, "n"], mask: Bool[Tensor, "n"]) -> Triplets:
    """The statements *node is of class* of the nodes in ``mask``."""
    node = mask.nonzero().squeeze(1)
    return Triplets(node, torch.zeros_like(node), y[node])
