"""Any data set by its name or folder."""

import os
import shlex
from pathlib import Path

from torch_geometric.data import HeteroData

from gnnneg.data.build import build_graphs
from gnnneg.data.catalogue import CARD, names, read_card
from gnnneg.data.download import verify
from gnnneg.data.synthetic import world
from gnnneg.datasets.benchmark import KnowledgeGraph
from gnnneg.errors import UserError
from gnnneg.run_files import CONFIG


def load(name: str | Path, root: str | Path | None = None) -> HeteroData:
    """The graph of a data set by name, or of a folder that ``gnnneg data import`` wrote; the one to train on, if it
    has two.

    Args:
        name (str or Path): A card's name, ``"synthetic"``, or a path to a folder that holds a ``dataset.yaml``.
        root (str or Path, optional): Where downloads are kept. (default: ``~/.cache/gnnneg``)
    """
    return graphs(name, root)[0]


def graphs(name: str | Path, root: str | Path | None = None) -> list[HeteroData]:
    """All graphs of a data set: one, or the one to train on and the one to test on; see :func:`load`."""
    folder = folder_of(name)
    if folder is not None:
        found = read_card(folder / CARD)
        for name in found.needed:  # a link may lead anywhere
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{folder / name} is a link out of its folder: copy the file there.")
        verify(found, folder)
        return build_graphs(found, folder)
    if name == "synthetic":
        return [world().data]
    return list(KnowledgeGraph(str(name), root))


def folder_of(name: str | Path) -> Path | None:
    """The folder that is meant, unless it is a data set by its name, which comes first.

    Raises:
        UserError: If it is a path, but not one to a folder with a card.
    """
    folder = Path(name).expanduser()
    path = isinstance(name, Path) or os.sep in name or (name not in names() and folder.is_file())
    if not path and (name in names() or not folder.is_dir()):
        return None
    if (folder / CARD).is_file():
        return folder
    if (folder / CONFIG).is_file():
        raise UserError(
            f"{folder} is the folder of a run, not of data: write what its {CONFIG} has under data.name, or train on "
            f"its own data with 'gnnneg train {folder / CONFIG}'."
        )
    reason = f"holds no {CARD}" if folder.is_dir() else "is no folder"
    what = shlex.quote(str(folder)) if folder.exists() else "PATH"
    raise UserError(f"{folder} {reason}: make a data set with 'gnnneg data import {what} --out DIR', and name DIR.")
