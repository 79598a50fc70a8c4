"""Looking at a model without touching it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.interfaces import Model, Scorer
from gnnneg.records import Mutation, Query


@contextmanager
def judging(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients, then every submodule back in the mode it was in (frozen ones too).

    Cost: a walk through the submodules, so that a training step may do it.
    """
    training, left = [], list(modules)
    while left:  # a plain walk: torch's own modules() costs a step many times more
        part = left.pop()
        if part.training:
            part.__dict__["training"] = False  # a flag: torch's __setattr__ would look for parameters in it
            training.append(part)
        left.extend(child for child in part._modules.values() if child is not None)
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.__dict__["training"] = True


def looked_at(model: Model, graph: Data | None, query: Query) -> "Looked":
    """A scorer of a model that is only looked at: an opponent, a teacher, whoever chooses and does not learn.

    The model is in evaluation mode whenever it computes: nothing is dropped, running statistics stay as they are, and
    no gradient is kept. In between it is in the mode that it was in.

    Args:
        model (Model): The model.
        graph (torch_geometric.data.Data, optional): What its messages pass over: all of it, since nothing is sampled
            in evaluation mode. It is brought to where the question is.
        query (Query): What is asked.
    """
    graph = None if graph is None else graph.to(str(query.anchor.device))
    with judging(model):
        return Looked(model, model.scorer(model.encode(graph), query))


class Looked(Scorer):
    """Another scorer, asked without gradients while its model is in evaluation mode.

    Args:
        model (Model): Whose scorer it is.
        scorer (Scorer): Is asked.
    """

    def __init__(self, model: Model, scorer: Scorer):
        self.model, self.scorer = model, scorer
        self.num_candidates, self.has_vectors = scorer.num_candidates, scorer.has_vectors

    def _asked(self, ask: Callable, *given: Any) -> Any:
        with judging(self.model):
            return ask(*given)

    def embed(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "c k d"]:
        return self._asked(self.scorer.embed, index)

    def decode(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k"]:
        return self._asked(self.scorer.decode, candidate)

    def __call__(self, index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        return self._asked(self.scorer, index)

    def own_vectors(self, index: Int[Tensor, "k"], asker: str) -> Float[Tensor, "k d"]:
        return self._asked(self.scorer.own_vectors, index, asker)

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        some = self._asked(self.scorer.columns, index)
        return lambda part: self._asked(some, part)

    @property
    def parts(self) -> int:
        return self.scorer.parts

    def mutated(self, index: Int[Tensor, "c k"], mutation: Mutation) -> Float[Tensor, "b k"]:
        return self._asked(self.scorer.mutated, index, mutation)

    def terms(self, candidate: Float[Tensor, "c k d"]) -> Float[Tensor, "b k h"]:
        return self._asked(self.scorer.terms, candidate)

    def composed(self) -> Float[Tensor, "b d"]:
        return self._asked(self.scorer.composed)

    def anchors(self, query: Query) -> Float[Tensor, "b d"]:
        return self._asked(self.scorer.anchors, query)

    def asking(self, query: Query) -> Scorer:
        return Looked(self.model, self._asked(self.scorer.asking, query))

    def factors(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b _"], ...]:
        return self._asked(self.scorer.factors, target)

    def images(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        return self._asked(self.scorer.images, target)

    def limits(self, target: Int[Tensor, "b"]) -> tuple[Float[Tensor, "b x"], Float[Tensor, "b y"]]:
        return self._asked(self.scorer.limits, target)

    def relations(self, target: Int[Tensor, "b"]) -> Float[Tensor, "b r"]:
        return self._asked(self.scorer.relations, target)

    def alignment(self, target: Int[Tensor, "b"], index: Int[Tensor, "c k"]) -> Float[Tensor, "b k"]:
        return self._asked(self.scorer.alignment, target, index)
