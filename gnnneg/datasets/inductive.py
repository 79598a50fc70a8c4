"""Graphs that come in two."""

from pathlib import Path

from gnnneg.data.catalogue import card
from gnnneg.datasets.benchmark import Benchmark, Transform


class GraIL(Benchmark):
    """The inductive splits of `"Inductive Relation Prediction by Subgraph Reasoning"
    <https://arxiv.org/abs/1911.06962>`_: two graphs, of different entities and the same relations.

    ``training, test = GraIL("FB15k-237", "v1")``: a model learns on the first, its ``valid`` split says when to stop,
    and is asked about the ``test`` split of the second, of which it may look at ``train``. So it must not have anything
    of its own for an entity.

    Args:
        name (str): ``"FB15k-237"``, ``"WN18RR"`` or ``"NELL-995"``. (default: ``"FB15k-237"``)
        version (str): ``"v1"`` to ``"v4"``. (default: ``"v1"``)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        name: str = "FB15k-237",
        version: str = "v1",
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(f"GraIL-{name}-{version}"), root, transform, pre_transform)
