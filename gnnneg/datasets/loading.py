"""Any data set by its name or folder."""

from pathlib import Path

from torch_geometric.data import HeteroData

from gnnneg.data.build import build_graphs, made
from gnnneg.data.catalogue import CARD, card, folder_of, names, read_card, with_split_nodes
from gnnneg.data.download import verify
from gnnneg.data.labelled import labelled_graph
from gnnneg.datasets.benchmark import KnowledgeGraph
from gnnneg.datasets.nodes import Planetoid
from gnnneg.errors import UserError


def load(name: str | Path, root: str | Path | None = None) -> HeteroData:
    """The graph of a data set by name, or of a folder that ``gnnneg data import`` wrote; the one to train on, if it
    has two.

    Args:
        name (str or Path): A card's name, or a path to a folder that holds a ``dataset.yaml``.
        root (str or Path, optional): Where downloads are kept. (default: ``~/.cache/gnnneg``)
    """
    return graphs(name, root)[0]


def graphs(name: str | Path, root: str | Path | None = None) -> list[HeteroData]:
    """All graphs of a data set: one, or the one to train on and the one to test on; see :func:`load`.

    Of a graph with labelled nodes (``Planetoid-Cora``) it is the statements *node has class*, with features that sum to
    1 in each node, as in the GCN paper; see :func:`~gnnneg.data.labelled.labelled_graph`.
    """
    folder = folder_of(name)
    if folder is not None:
        found = read_card(folder / CARD)
        for name in found.needed:  # a link may lead anywhere
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise UserError(f"{folder / name} is a link out of its folder: copy the file there.")
        verify(found, folder)
        return build_graphs(found, folder)
    if str(name) in with_split_nodes():
        data = Planetoid(str(name), root)[0]
        data.x = data.x / data.x.sum(1, keepdim=True).clamp(min=1)
        return [labelled_graph(data)]
    if str(name) in names() and card(str(name)).generated:
        return [made(card(str(name))).data]
    return list(KnowledgeGraph(str(name), root))
