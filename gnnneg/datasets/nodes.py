"""Graphs with labelled nodes."""

from abc import ABC
from collections.abc import Callable
from pathlib import Path

from torch_geometric.data import Data

from gnnneg.data.catalogue import NodeCard, node_card
from gnnneg.data.entities import read_entities
from gnnneg.data.planetoid import read_planetoid
from gnnneg.datasets.benchmark import Cached
from gnnneg.errors import UserError


class NodeBenchmark(Cached, ABC):
    """What all graphs with labelled nodes have in common.

    Args:
        name (str): Of the card.
        root, transform, pre_transform: See :class:`Cached`.

    Raises:
        UserError: If there is no such graph, or a file cannot be had, is damaged or does not fit the others.
    """

    card: NodeCard

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ):
        card = node_card(name)
        kind = "Entities" if card.prefix is None else "Planetoid"
        if kind != type(self).__name__:
            raise UserError(f"{name} is {'an' if card.prefix is None else 'no'} RDF graph: ask for {kind}({name!r}).")
        super().__init__(card, root, transform, pre_transform, Data)

    @property
    def processed_file_names(self) -> list[str]:
        """One file."""
        return ["data.pt"]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.card.name})"


class Planetoid(NodeBenchmark):
    """Cora and Citeseer with the split of `"Revisiting Semi-Supervised Learning with Graph Embeddings"
    <https://arxiv.org/abs/1603.08861>`_: what :class:`torch_geometric.datasets.Planetoid` gives, from pickles that are
    read without being trusted.

    Args:
        name (str): ``Planetoid-Cora`` or ``Planetoid-Citeseer``.
        root, transform, pre_transform: See :class:`Cached`.

    Raises:
        UserError: If there is no such graph, or a file cannot be had, is damaged or holds anything but data.
    """

    def read(self, folder: Path) -> list[Data]:
        return [read_planetoid(folder, str(self.card.prefix))]


class Entities(NodeBenchmark):
    """AIFB and MUTAG as `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_ has them: RDF graphs, literals as nodes, without the relation that gives the
    labels away; see :func:`~gnnneg.data.entities.read_entities`.

    Args:
        name (str): ``AIFB`` or ``MUTAG``.
        root, transform, pre_transform: See :class:`Cached`.

    Raises:
        UserError: If there is no such graph, or a file cannot be had, is damaged or does not fit the others.
    """

    def read(self, folder: Path) -> list[Data]:
        labels = {split: folder / name for split, name in self.card.labels.items()}
        return [read_entities(folder / str(self.card.graph), labels, self.card.layout)]
