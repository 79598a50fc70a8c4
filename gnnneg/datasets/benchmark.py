"""What every data set with a card is."""

import os
import pickle
from abc import ABC
from collections.abc import Callable
from pathlib import Path

from torch_geometric.data import HeteroData, InMemoryDataset

from gnnneg.data.build import build_graphs
from gnnneg.data.catalogue import Card, card
from gnnneg.data.download import cache, fetch

Transform = Callable[[HeteroData], HeteroData]


class Benchmark(InMemoryDataset, ABC):
    """What all data sets with a card have in common.

    Args:
        card (Card): What it is.
        root (str or Path, optional): Folder in which to keep it, in a folder of its own. (default: ``~/.cache/gnnneg``)
        transform (callable, optional): Applied at every access.
        pre_transform (callable, optional): Applied once, before the graph is stored.

    Raises:
        UserError: If a file cannot be had, is damaged, or does not hold what the card says.
    """

    def __init__(
        self,
        card: Card,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        self.card = card
        home = Path(root).expanduser() if root is not None else cache()
        folder = str(home / card.name)
        # what is generated is never answered from an old copy
        super().__init__(folder, transform, pre_transform, log=False, force_reload=card.generated)
        try:
            self.load(self.processed_paths[0], data_cls=HeteroData)
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
            # cut short by a full disk, perhaps: it is made anew from the files
            self.process()
            self.load(self.processed_paths[0], data_cls=HeteroData)

    @property
    def raw_file_names(self) -> list[str]:
        """The files that the graph is read from."""
        return self.card.needed

    @property
    def processed_file_names(self) -> list[str]:
        """One file, named after what was read, so that a changed card is never answered from an old copy."""
        return [f"{self.card.digest}.pt"]

    def download(self) -> None:
        """Brings every file that is missing."""
        for name in self.card.needed:
            source = self.card.files[name]
            fetch(source.folder or self.card.name, name, source, Path(self.raw_dir) / name)

    def process(self) -> None:
        """Reads the files and stores the graphs."""
        self.download()  # a file put there by hand is checked too
        made = build_graphs(self.card, Path(self.raw_dir))
        if self.pre_transform is not None:
            made = [self.pre_transform(data) for data in made]
        path = self.processed_paths[0]
        new = f"{path}.{os.getpid()}"
        self.save(made, new)
        os.replace(new, path)

    def __repr__(self) -> str:
        return f"{self.card.name}()"


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
