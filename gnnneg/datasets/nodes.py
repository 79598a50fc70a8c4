"""Graphs with labelled nodes."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from torch_geometric.data import Data, InMemoryDataset

from gnnneg.data.catalogue import NodeCard, node_card
from gnnneg.data.download import cache, fetch
from gnnneg.data.entities import read_entities
from gnnneg.data.planetoid import read_planetoid
from gnnneg.errors import UserError


class NodeBenchmark(InMemoryDataset, ABC):
    """What all graphs with labelled nodes have in common.

    Args:
        card (NodeCard): What it is.
        root, transform, pre_transform: See :class:`Benchmark`.

    Raises:
        UserError: If a file cannot be had, is damaged or does not fit the others.
    """

    def __init__(
        self,
        card: NodeCard,
        root: str | Path | None = None,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ):
        self.card = card
        home = Path(root).expanduser() if root is not None else cache()
        super().__init__(str(home / card.name), transform, pre_transform, log=False)
        self.load(self.processed_paths[0], data_cls=Data)

    @abstractmethod
    def read(self, folder: Path) -> Data:
        """The graph, from its files."""

    @property
    def raw_file_names(self) -> list[str]:
        """The files that the graph is read from."""
        return list(self.card.files)

    @property
    def processed_file_names(self) -> list[str]:
        """One file."""
        return ["data.pt"]

    def download(self) -> None:
        """Brings every file that is missing."""
        for name, source in self.card.files.items():
            fetch(self.card.name, name, source, Path(self.raw_dir) / name)

    def process(self) -> None:
        """Reads the files and stores the graph."""
        self.download()  # a file put there by hand is checked too
        data = self.read(Path(self.raw_dir))
        data = data if self.pre_transform is None else self.pre_transform(data)
        new = f"{self.processed_paths[0]}.{os.getpid()}"
        self.save([data], new)
        os.replace(new, self.processed_paths[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.card.name})"


class Planetoid(NodeBenchmark):
    """Cora and Citeseer with the split of `"Revisiting Semi-Supervised Learning with Graph Embeddings"
    <https://arxiv.org/abs/1603.08861>`_: what :class:`torch_geometric.datasets.Planetoid` gives, from pickles that are
    read without being trusted.

    Args:
        name (str): ``Planetoid-Cora`` or ``Planetoid-Citeseer``.
        root, transform, pre_transform: See :class:`Benchmark`.

    Raises:
        UserError: If there is no such graph, or a file cannot be had, is damaged or holds anything but data.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ):
        card = node_card(name)
        if card.prefix is None:
            raise UserError(f"{name} is an RDF graph: ask for Entities({name!r}).")
        self.prefix = card.prefix
        super().__init__(card, root, transform, pre_transform)

    def read(self, folder: Path) -> Data:
        return read_planetoid(folder, self.prefix)


class Entities(NodeBenchmark):
    """AIFB and MUTAG as `"Modeling Relational Data with Graph Convolutional Networks"
    <https://arxiv.org/abs/1703.06103>`_ has them: RDF graphs, literals as nodes, without the relation that gives the
    labels away; see :func:`~gnnneg.data.entities.read_entities`.

    Args:
        name (str): ``AIFB`` or ``MUTAG``.
        root, transform, pre_transform: See :class:`Benchmark`.

    Raises:
        UserError: If there is no such graph, or a file cannot be had, is damaged or does not fit the others.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ):
        card = node_card(name)
        if card.graph is None:
            raise UserError(f"{name} is no RDF graph: ask for Planetoid({name!r}).")
        self.graph = card.graph
        super().__init__(card, root, transform, pre_transform)

    def read(self, folder: Path) -> Data:
        labels = {split: folder / name for split, name in self.card.labels.items()}
        return read_entities(folder / self.graph, labels, self.card.layout)
