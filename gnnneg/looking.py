"""Looking at a model without touching it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnneg.interfaces import Model, Scorer
from gnnneg.records import Query


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
        encoding = model.encode(graph)
        encoding.ahead(query.anchor)
        return Looked(model, model.scorer(encoding, query))


def _asked(name: str) -> Callable[..., Any]:
    """A method of :class:`Looked` that asks the other scorer's of this name."""

    def ask(self: "Looked", *given: Any) -> Any:
        with judging(self.model):
            return getattr(self.scorer, name)(*given)

    return ask


class Looked(Scorer):
    """Another scorer, asked without gradients while its model is in evaluation mode.

    Args:
        model (Model): Whose scorer it is.
        scorer (Scorer): Is asked.
    """

    def __init__(self, model: Model, scorer: Scorer):
        self.model, self.scorer = model, scorer
        self.num_candidates, self.has_vectors = scorer.num_candidates, scorer.has_vectors

    @property
    def parts(self) -> int:
        return self.scorer.parts

    def columns(self, index: Int[Tensor, "c k"]) -> Callable[[slice], Float[Tensor, "c l d"]]:
        some = _asked("columns")(self, index)

        def columns(part: slice) -> Float[Tensor, "c l d"]:
            with judging(self.model):
                return some(part)

        return columns

    def asking(self, query: Query) -> Scorer:
        return Looked(self.model, _asked("asking")(self, query))

    embed = _asked("embed")
    decode = _asked("decode")
    __call__ = _asked("__call__")
    as_product = _asked("as_product")
    own_vectors = _asked("own_vectors")
    mutated = _asked("mutated")
    terms = _asked("terms")
    composed = _asked("composed")
    anchors = _asked("anchors")
    factors = _asked("factors")
    by_decoder = _asked("by_decoder")
