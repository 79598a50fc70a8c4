"""What every data set with a card is."""

import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from torch_geometric.data import Data, HeteroData, InMemoryDataset

from gnnneg.data.build import build_graphs
from gnnneg.data.catalogue import Card, NodeCard, card
from gnnneg.data.download import cache, fetch

Transform = Callable[[HeteroData], HeteroData]


class Cached(InMemoryDataset, ABC):
    """Graphs that are made of the files of a card once; files and graphs are kept in a folder.

    Args:
        card (Card or NodeCard): What it is.
        root (str or Path, optional): Folder in which to keep it, in a folder of its own. (default: ``~/.cache/gnnneg``)
        transform (callable, optional): Applied at every access.
        pre_transform (callable, optional): Applied once, before the graphs are stored.
        kind (type): What the graphs are.
        anew (bool): Whether to make the graphs again although they are there. (default: :obj:`False`)

    Raises:
        UserError: If a file cannot be had, is damaged, or does not hold what the card says.
    """

    def __init__(
        self,
        card: Card | NodeCard,
        root: str | Path | None,
        transform: Callable[[Any], Any] | None,
        pre_transform: Callable[[Any], Any] | None,
        kind: type[Data] | type[HeteroData],
        anew: bool = False,
    ):
        self.card = card
        home = Path(root).expanduser() if root is not None else cache()
        super().__init__(str(home / card.name), transform, pre_transform, log=False, force_reload=anew)
        try:
            self.load(self.processed_paths[0], data_cls=kind)
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
            # cut short by a full disk, perhaps: it is made anew from the files
            self.process()
            self.load(self.processed_paths[0], data_cls=kind)

    @abstractmethod
    def read(self, folder: Path) -> list[Any]:
        """The graphs, from their files."""

    @property
    def raw_file_names(self) -> list[str]:
        """The files that the graphs are read from."""
        return self.card.needed

    def download(self) -> None:
        """Brings every file that is missing."""
        for name in self.card.needed:
            source = self.card.files[name]
            fetch(source.folder or self.card.name, name, source, Path(self.raw_dir) / name)

    def process(self) -> None:
        """Reads the files and stores the graphs."""
        self.download()  # a file put there by hand is checked too
        made = self.read(Path(self.raw_dir))
        if self.pre_transform is not None:
            made = [self.pre_transform(data) for data in made]
        path = self.processed_paths[0]
        new = f"{path}.{os.getpid()}"
        self.save(made, new)
        os.replace(new, path)


class Benchmark(Cached, ABC):
    """What all data sets of statements with a card have in common.

    Args:
        card (Card): What it is.
        root, transform, pre_transform: See :class:`Cached`.
    """

    card: Card

    def __init__(
        self,
        card: Card,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        # what is generated is never answered from an old copy
        super().__init__(card, root, transform, pre_transform, HeteroData, anew=bool(card.generated))

    @property
    def processed_file_names(self) -> list[str]:
        """One file, named after what was read, so that a changed card is never answered from an old copy."""
        return [f"{self.card.digest}.pt"]

    def read(self, folder: Path) -> list[HeteroData]:
        return build_graphs(self.card, folder)

    def __repr__(self) -> str:
        return f"{self.card.name}()"


class OneCard(Benchmark, ABC):
    """A data set without variants, whose card is always the same.

    Args:
        root, transform, pre_transform: See :class:`Cached`.
    """

    of: ClassVar[str]

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(self.of), root, transform, pre_transform)


class KnowledgeGraph(Benchmark):
    """Any data set that has a card, by name.

    Args:
        name (str): Its name, such as ``"WN18RR"``; ``gnnneg data list`` shows them.
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        name: str,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(name), root, transform, pre_transform)
