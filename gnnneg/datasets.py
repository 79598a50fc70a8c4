"""Data sets as PyG has them: ``FB15k237()[0]`` is a ``HeteroData`` in the convention of :mod:`gnnneg.data.statements`.

An inductive one has two: ``training, test = GraIL("WN18RR", "v1")`` are graphs of different entities and the same
relations.

Each stands on a card (``datasets/<name>/dataset.yaml``) and one generic reader. Files are downloaded once, checked
against their sha256 and kept in ``~/.cache/gnnneg``, or under ``root``; ``GNNNEG_MIRROR`` is asked first.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from torch_geometric.data import Data, HeteroData, InMemoryDataset

from gnnneg.data.build import build_graphs
from gnnneg.data.catalogue import CARD, Card, NodeCard, card, names, node_card, read_card
from gnnneg.data.download import cache, fetch, verify
from gnnneg.data.entities import read_entities
from gnnneg.data.planetoid import read_planetoid
from gnnneg.data.synthetic import world
from gnnneg.errors import UserError

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


class FB15k237(Benchmark):
    """FB15k-237 from `"Observed versus latent features for knowledge base and text inference"
    <https://aclanthology.org/W15-4007/>`_: 14,541 entities, 237 relations, 310,116 statements.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("FB15k-237"), root, transform, pre_transform)


class WN18RR(Benchmark):
    """WN18RR from `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_: 40,943 synsets
    of WordNet, 11 relations, 93,003 statements.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("WN18RR"), root, transform, pre_transform)


class WN18(Benchmark):
    """WN18 from `"Translating Embeddings for Modeling Multi-relational Data" <https://papers.nips.cc/paper/5071>`_:
    40,943 synsets, 18 relations, 151,442 statements. Its test set leaks: 4,698 of 5,000 pairs are reversed in train.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("WN18"), root, transform, pre_transform)


class UMLS(Benchmark):
    """The semantic network of UMLS, from `"Statistical Predicate Invention" <https://doi.org/10.1145/1273496.1273551>`_:
    135 entities, 46 relations, 6,529 statements.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("UMLS"), root, transform, pre_transform)


class Kinship(Benchmark):
    """Kinship in the Alyawarra tribe, from `"Statistical Predicate Invention"
    <https://doi.org/10.1145/1273496.1273551>`_: 104 people, 25 relations, 10,686 statements.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("Kinship"), root, transform, pre_transform)


class Nations(Benchmark):
    """Relations between nations, from `"Statistical Predicate Invention"
    <https://doi.org/10.1145/1273496.1273551>`_: 14 nations, 55 relations, 1,992 statements. Very dense.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("Nations"), root, transform, pre_transform)


class Countries(Benchmark):
    """Countries of Bouchard et al. 2015 in the files of `"RotatE" <https://arxiv.org/abs/1902.10197>`_: which country
    lies in which region, with ever more of the way there taken out. Evaluation ranks the five regions only:
    ``data["entity"].candidate_tails``.

    Args:
        version (str): ``"S1"``, ``"S2"`` or ``"S3"``, from easy to hard.
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        version: str = "S1",
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(f"Countries-{version}"), root, transform, pre_transform)


class NELL995(Benchmark):
    """NELL-995 from `"DeepPath" <https://arxiv.org/abs/1707.06690>`_ in OpenKE's split: 75,492 entities, 200 relations,
    154,213 statements. At least four data sets go by this name.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("NELL-995"), root, transform, pre_transform)


class CoDEx(Benchmark):
    """CoDEx from `"CoDEx: A Comprehensive Knowledge Graph Completion Benchmark" <https://arxiv.org/abs/2009.07810>`_,
    with its verified negatives as denied statements of the valid and test splits, and its types: several per entity.

    Args:
        size (str): ``"S"`` (2,034 entities) or ``"M"`` (17,050). (default: ``"S"``)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        size: str = "S",
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card(f"CoDEx-{size}"), root, transform, pre_transform)


class GONegStatements(Benchmark):
    """The Gene Ontology with positive and negative annotations of proteins, from `"Improving Knowledge Graph Embeddings
    through Contrastive Learning with Negative Statements" <https://arxiv.org/abs/2510.11868>`_: 43,721 entities, 91,701
    stated and 32,959 denied statements, all in train. ``data["entity", "pair", "entity"]`` says of 2,048 pairs of
    proteins whether they interact.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("GO-NegStatements"), root, transform, pre_transform)


class InferWiki16k(Benchmark):
    """InferWiki16k from `"Are Missing Links Predictable? An Inferential Benchmark for Knowledge Graph Completion"
    <https://arxiv.org/abs/2108.01387>`_: 16,288 entities, 197 relations, 169,220 statements. 3,778 negatives
    are denied; 2,957 that are unknown in an open world are counted in ``data.left_out``.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("InferWiki16k"), root, transform, pre_transform)


class FB13(Benchmark):
    """FB13 from `"Reasoning With Neural Tensor Networks for Knowledge Base Completion"
    <https://papers.nips.cc/paper/5028>`_: 75,043 entities, 13 relations, 345,873 statements, and for each of valid and
    test a denied one. 53 of those of test are in fact stated.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("FB13"), root, transform, pre_transform)


class WN11(Benchmark):
    """WN11 from `"Reasoning With Neural Tensor Networks for Knowledge Base Completion"
    <https://papers.nips.cc/paper/5028>`_: 38,588 entities, 11 relations, 125,734 statements, and for each of valid and
    test a denied one.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("WN11"), root, transform, pre_transform)


class ConceptNetNegatER(Benchmark):
    """ConceptNet as released with `"NegatER: Unsupervised Discovery of Negatives in Commonsense Knowledge Bases"
    <https://arxiv.org/abs/2011.07497>`_.

    Args:
        full (bool): All 102,400 statements, where what is said under ``NotIsA`` is denied of ``IsA``; otherwise the
            relations of which true negative statements are known, with those to deny in valid and test. (default:
            :obj:`True`)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        full: bool = True,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        name = f"ConceptNet-NegatER-{'full' if full else 'trueneg'}"
        super().__init__(card(name), root, transform, pre_transform)


class YAGO310(Benchmark):
    """YAGO3-10 from `"Convolutional 2D Knowledge Graph Embeddings" <https://arxiv.org/abs/1707.01476>`_: 123,182
    entities, 37 relations, 1,089,040 statements.

    Args:
        quarter (bool): The quarter of the training statements known as ``YAGO3-10-quarter``, good for timing and for
            no published number. (default: :obj:`False`)
        root, transform, pre_transform: See :class:`Benchmark`.
    """

    def __init__(
        self,
        quarter: bool = False,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
    ):
        super().__init__(card("YAGO3-10-quarter" if quarter else "YAGO3-10"), root, transform, pre_transform)


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


class SyntheticWorld(InMemoryDataset):
    """A made-up world with its whole truth; see :mod:`gnnneg.data.synthetic`.

    Args:
        num_entities, observed, denied, valid, test, seed: See :func:`gnnneg.data.synthetic.world`.
        transform (callable, optional): Applied at every access.
    """

    def __init__(
        self,
        num_entities: int = 200,
        observed: float = 0.8,
        denied: float = 1.0,
        valid: float = 0.1,
        test: float = 0.1,
        seed: int = 0,
        transform: Transform | None = None,
    ):
        super().__init__(None, transform)
        self.world = world(num_entities, observed, denied, valid, test, seed)
        self.data, self.slices = self.collate([self.world.data])


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
    path = isinstance(name, Path) or os.sep in name
    if not path and (name in names() or not folder.is_dir()):
        return None
    if (folder / CARD).is_file():
        return folder
    reason = f"holds no {CARD}" if folder.is_dir() else "is no folder"
    raise UserError(f"{folder} {reason}: make a data set with 'gnnneg data import PATH --out DIR'.")
