"""Link prediction, one step in full."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.errors import UserError
from gnnneg.interfaces import Corruption, Drawn, Generator, Loss, Model, Penalty, Sampler, Scorer, SoftLabel, Weighing
from gnnneg.looking import looked_at
from gnnneg.records import Negatives, Query, Triplets
from gnnneg.tasks.contrast import Contrastive, refuse
from gnnneg.tasks.hiding import Pairs, hide

Critic = Callable[[Query], Scorer]


class LinkPrediction(Contrastive):
    """Tells the target of each query from negatives.

    Args:
        model (Model): Scores candidates.
        corruption (Corruption): Decides whether the head or the tail of a triplet is predicted.
        sampler (Sampler): Offers wrong answers.
        loss (Loss): One number per query.
        generators (list[Generator]): Make negatives in embedding space, one loss term each. (default: :obj:`()`)
        penalty (Penalty, optional): A loss term of the answered query alone, as the mean over all queries.
            (default: :obj:`None`)
        weighing (Weighing, optional): How much each triplet of a batch counts in the loss, without the penalty.
            (default: :obj:`None`, all the same)
        soft_label (float or SoftLabel): Soft label of the sampled negatives. (default: :obj:`0.0`)
        scale (float): Weight of the sampled term relative to the generators' terms; only with generators.
            (default: :obj:`1.0`)
        graph (torch_geometric.data.Data, optional): The graph for message passing; the batch's own statements are
            hidden from it. Models that look vectors up do not use it. (default: :obj:`None`)
        hide_between (bool): Whether to hide every edge between the two entities of a statement, stated or denied,
            because near-duplicate relations leak the answer. Edges between anchors and negatives are hidden too;
            otherwise the model learns that neighbours are wrong. The graph is encoded again after sampling.
            (default: :obj:`False`)
        one_term (bool): Whether sampled and made negatives are in one loss term, against one positive. Each weight is
            then multiplied by the scale of its generator (or ``scale``). Otherwise each has a term of its own, and the
            positive is in all of them, so under BCE it counts once for each term. Papers whose generator makes some of
            a query's negatives (DANS) have one term. Papers that add a second loss (EMU) have two. Only with
            generators. (default: :obj:`False`)

    Raises:
        UserError: If a number is out of range, or an option would change nothing (``scale``, ``one_term`` without
            generators, ``hide_between`` where no messages pass); if an encoder reads the denied statements that a
            generator scores; if ``hide_between`` cannot know the entities that a generator draws; if the sampler is
            :class:`~gnnneg.samplers.NoiseContrastive` and the loss or a generator does not work with it; when called,
            if all edges between anchors and all entities would have to be hidden.
    """

    def __init__(
        self,
        model: Model,
        corruption: Corruption,
        sampler: Sampler,
        loss: Loss,
        generators: Sequence[Generator] = (),
        penalty: Penalty | None = None,
        weighing: Weighing | None = None,
        soft_label: float | SoftLabel = 0.0,
        scale: float = 1.0,
        graph: Data | None = None,
        hide_between: bool = False,
        one_term: bool = False,
    ):
        super().__init__()
        if model.reads_denied and any(made.asks_denied for made in generators):
            raise UserError(
                "A signed encoder sees the denied statements that DeniedStatements scores: use the sampler Denied, "
                "whose statements are hidden, or an encoder that is not signed."
            )
        if hide_between and (graph is None or not model.uses_graph):
            raise UserError(
                "LinkPrediction(hide_between=True) hides edges that messages would pass over, and here none do: leave "
                "hide_between out, or give a graph and a model that reads it."
            )
        drawing = [type(made).__name__ for made in generators if made.draws_entities]
        if hide_between and drawing:
            raise UserError(
                f"hide_between hides no edges of the entities that {drawing[0]} draws, so only answers would have no "
                f"edges: leave hide_between or {drawing[0]} out."
            )
        self.model, self.corruption, self.sampler, self.loss = model, corruption, sampler, loss
        self.generators = nn.ModuleList(generators)
        self.penalty, self.weighing = penalty, weighing
        self.soft_label, self.scale, self.one_term = soft_label, scale, one_term
        self.graph, self.hide_between = graph, hide_between
        refuse(self)

    def forward(
        self,
        batch: Triplets,
        rng: torch.Generator | None = None,
        critic: Critic | None = None,
    ) -> Float[Tensor, ""]:
        query, target = self.corruption(batch, rng)
        if not self.hide_between:
            encoding = self.model.encode(self._visible(batch))
            encoding.ahead(query.anchor, target)
            scorer = asked = self.model.scorer(encoding, query)
        elif critic is None:  # the loss has another scorer, and who chooses is only looked at
            asked = looked_at(self.model, self._visible(batch), query)

        negatives = self.sampler(query, target, asked if critic is None else critic(query), rng)
        if self.hide_between:
            encoding = self.model.encode(self._visible(batch, query, negatives))
            scorer = self.model.scorer(encoding, query)
        encoding.ahead(negatives.index)
        loss = self.contrast(Drawn(scorer, query, target, negatives, rng))
        penalty = None if self.penalty is None else self.penalty(scorer, query, target)
        if self.weighing is None:
            return (loss if penalty is None else loss + penalty).mean()
        loss = loss.view(-1, len(batch.rel_type)).mean(0)  # a triplet asked from both sides has two rows
        total = (loss * self.weighing(batch)).sum()
        return total if penalty is None else total + penalty.mean()

    def judge(self, query: Query) -> Scorer:
        """A scorer of its model in the current state, for use as a critic: in evaluation mode, on the whole graph,
        without gradients. The model does not change.
        """
        return looked_at(self.model, self.graph, query)

    def _visible(self, batch: Triplets, query: Query | None = None, negatives: Negatives | None = None) -> Data | None:
        """The graph without the edges that the batch, and its negatives if given, must not see."""
        if self.graph is None or not self.model.uses_graph:
            return None
        graph, between = self.graph.to(batch.rel_type.device), None
        if self.hide_between:
            between = batch.head_index, batch.tail_index
            if query is not None and negatives is not None:
                anchor, wrong = _linked(query, negatives, graph.num_nodes)
                between = torch.cat([between[0], anchor]), torch.cat([between[1], wrong])
        return hide(graph, batch, self.model.num_relations, between)


def _linked(query: Query, negatives: Negatives, num_nodes: int) -> Pairs:
    """Each anchor with its negatives, without absent ones."""
    if negatives.index.size(1) >= num_nodes:
        raise UserError(
            "hide_between hides the edges between an anchor and its negatives too, and with all entities as negatives "
            "that is every edge it has: sample fewer, or leave hide_between out."
        )
    index = negatives.index.expand(len(query.anchor), -1)
    there = (negatives.weight > 0).expand_as(index)
    return query.anchor[:, None].expand_as(index)[there], index[there]
