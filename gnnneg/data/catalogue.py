"""The cards of data sets: their files, how to read these, and published counts."""

import dataclasses
import hashlib
import json
import os
import shlex
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gnnneg.data.layout import Layout
from gnnneg.data.words import SPLITS
from gnnneg.documents import read_yaml
from gnnneg.errors import UserError, echo, nearest
from gnnneg.run_files import CONFIG

CARD = "dataset.yaml"
NODE_CARD = "nodes.yaml"
TEST_GRAPH = "test_graph_"  # what the counts of a card's second graph begin with


@dataclass(frozen=True)
class FileSource:
    """The origin of a file, and how to check it.

    Args:
        url (str, optional): Its address; none for a file beside the card.
        sha256 (str, optional): Digest of the uncompressed bytes; none if it is not known.
        bytes (int, optional): Uncompressed size.
        folder (str, optional): Its folder in a mirror. (default: the name of the data set)
        member (str, optional): Its name within the zip archive at the address.
    """

    url: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    folder: str | None = None
    member: str | None = None


@dataclass(frozen=True)
class Dictionary:
    """Files with the names of the integer ids in the triples.

    Args:
        entities (str): File of entity names and ids.
        relations (str): File of relation names and ids.
        layout (Layout): With the columns ``name`` and ``id``.
    """

    entities: str
    relations: str
    layout: Layout = field(default_factory=lambda: Layout(("name", "id")))


@dataclass(frozen=True, kw_only=True)
class About:
    """The part of a card that is for people.

    Args:
        title (str): The name in a few more words.
        task (str): What the data are used for.
        licence (str): Terms, as far as they are stated.
        citation (str): The paper to cite.
        notes (str): What to know before using them.
        folder (Path, optional): Where the card lies.
    """

    title: str = ""
    task: str = ""
    licence: str = ""
    citation: str = ""
    notes: str = ""
    folder: Path | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Card(About):
    """One data set.

    Args:
        name (str): What it is called.
        layout (Layout): What the lines of its files of triples hold.
        layouts (dict): The same for each file that differs.
        stated (dict): File of stated triples by split.
        denied (dict): File of denied triples by split.
        files (dict): Source of each file.
        published (dict): The published counts (``entities``, ``relations``, ``train``, ...); those of ``test_graph``
            begin with that.
        dictionary (Dictionary, optional): Names of ids, if the triples hold ids.
        candidates (str, optional): File with the tails that an evaluation should rank, one name a line. They become
            ``data["entity"].candidate_tails``.
        pairs (str, optional): File of labelled pairs of entities for another task. Its layout needs the columns
            ``head``, ``tail`` and ``label``. They become ``edge_label_index`` and ``edge_label`` of
            ``data["entity", "pair", "entity"]``. Pairs state and deny nothing.
        negated (dict): Relations such as ``NotIsA``, each with the relation that it denies. Its stated triples become
            denied ones of the other relation, and it is no relation of the graph. Its denied triples are counted as
            ``doubly_denied`` and left out, because the opposite of a corrupted denial is no fact.
        types (str, optional): JSON file with an object: the types of each entity by its name. They become
            ``data["entity"].type`` and ``type_names``.
        test_graph (dict): File of stated triples by split, of a second graph. It has its own entities and the relations
            of the first. Models are trained on the first graph, and tested on the second: they may look at its
            ``train`` and predict its ``test``.
        labels (str, optional): Parquet file with labels of entities and relations; see :mod:`gnnneg.data.labels`.
        definitions (str, optional): Parquet file with definitions of entities and relations; see
            :mod:`gnnneg.data.definitions`.
        account (dict): The account of an import: what was ``used``, and what was ``left_out``.
        generated (bool or dict): Whether it is made by :func:`gnnneg.data.synthetic.world` and has no files; or the
            arguments of that function.
    """

    name: str
    layout: Layout = field(default_factory=Layout)
    stated: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileSource] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    dictionary: Dictionary | None = None
    candidates: str | None = None
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    pairs: str | None = None
    negated: Mapping[str, str] = field(default_factory=dict)
    types: str | None = None
    test_graph: Mapping[str, str] = field(default_factory=dict)
    labels: str | None = None
    definitions: str | None = None
    account: Mapping[str, Any] = field(default_factory=dict)
    generated: bool | Mapping[str, Any] = False

    def __post_init__(self) -> None:
        for split in (*self.stated, *self.denied, *self.test_graph):
            if split not in SPLITS:
                raise UserError(f"Card {self.name}: unknown split {split!r}; splits are {', '.join(SPLITS)}.")
        if not self.generated and "train" not in self.stated:
            raise UserError(f"Card {self.name}: 'stated' names no file for train.")
        if self.test_graph and not {"train", "test"} <= set(self.test_graph):
            raise UserError(f"Card {self.name}: 'test_graph' needs a file for train and one for test.")
        if self.test_graph and self.dictionary is not None:
            raise UserError(f"Card {self.name}: 'test_graph' has names of its own: leave 'dictionary' out.")
        _refuse_outside(self.name, [*self.needed, *self.files])
        for name in self.needed:
            if name not in self.files:
                raise UserError(f"Card {self.name}: file {name!r} is used but not listed under 'files'.")
        for name in self.layouts:
            if name not in self.needed:
                raise UserError(f"Card {self.name}: 'layouts' describes {name!r}, which is not used.")

    @property
    def needed(self) -> list[str]:
        """The files without which the data set cannot be read."""
        dictionary = [self.dictionary.entities, self.dictionary.relations] if self.dictionary else []
        beside = (self.candidates, self.pairs, self.types, self.labels, self.definitions)
        side = [name for name in beside if name is not None]
        triples = [*self.stated.values(), *self.denied.values(), *self.test_graph.values()]
        return list(dict.fromkeys([*triples, *dictionary, *side]))

    @property
    def graphs(self) -> list["Card"]:
        """The same for each of its graphs alone: one, or the one to train on and the one to test on."""
        if not self.test_graph:
            return [self]
        own = {key: count for key, count in self.published.items() if not key.startswith(TEST_GRAPH)}
        other = {key.removeprefix(TEST_GRAPH): self.published[key] for key in self.published if key not in own}
        first = dataclasses.replace(self, test_graph={}, published=own, layouts={})
        second = dataclasses.replace(
            first,
            stated=self.test_graph,
            denied={},
            published=other,
            candidates=None,
            pairs=None,
            types=None,
            labels=None,
            definitions=None,
        )
        layouts = self.layouts.items()
        return [
            dataclasses.replace(card, layouts={name: layout for name, layout in layouts if name in card.needed})
            for card in (first, second)
        ]

    def layout_of(self, name: str) -> Layout:
        """What the lines of one of its files hold."""
        return self.layouts.get(name, self.layout)

    @property
    def digest(self) -> str:
        """A digest of all that is read. If it changes, a processed copy is out of date."""
        files = {name: self.files[name].sha256 for name in self.needed}
        how = (self.layout, dict(self.layouts), self.dictionary, dict(self.negated))
        read = (dict(self.stated), dict(self.denied), dict(self.test_graph))
        more = [one for one in (self.labels, self.definitions, self.generated) if one]
        what = (*read, self.candidates, self.pairs, self.types, files, *more)
        text = json.dumps([how, what], default=lambda x: dataclasses.asdict(x), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class NodeCard(About):
    """One graph with labelled nodes.

    Args:
        name (str): What it is called.
        files (dict): Source of each file.
        prefix (str, optional): The beginning of its files' names, for Planetoid files.
        graph (str, optional): File of N-Triples, for an RDF graph. Literals are nodes.
        labels (dict): The files of labelled nodes of an RDF graph, for ``train`` and ``test``.
        layout (Layout): The columns of these files, with ``name`` and ``label``.
        published (dict): The published counts (``nodes``, ``edges``, ``classes``, ``features``).
    """

    name: str
    files: Mapping[str, FileSource]
    prefix: str | None = None
    graph: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = field(default_factory=lambda: Layout(("name", "label")))
    published: Mapping[str, int] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """All of its files."""
        return list(self.files)

    def __post_init__(self) -> None:
        if (self.prefix is None) == (self.graph is None):
            raise UserError(f"Card {self.name}: give 'prefix' for Planetoid files or 'graph' for an RDF graph.")
        _refuse_outside(self.name, [*self.files, *self.labels.values(), *([self.graph] if self.graph else [])])
        if self.graph is None:
            return
        if set(self.labels) != {"train", "test"} or not {"name", "label"} <= set(self.layout.columns):
            raise UserError(f"Card {self.name}: 'labels' has a file for train and test, with columns name and label.")
        for name in (self.graph, *self.labels.values()):
            if name not in self.files:
                raise UserError(f"Card {self.name}: file {name!r} is used but not listed under 'files'.")


def _refuse_outside(card: str, files: Iterable[Any]) -> None:
    """A card may be somebody else's: it names files of its own folder, and no others."""
    for name in files:
        plain = isinstance(name, str) and name and "\0" not in name and "\\" not in name and ":" not in name
        if not plain or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"Card {echo(card)}: {echo(name)} is no file of its own folder: name one that is.")


def node_card(name: str) -> NodeCard:
    """The card of a graph with labelled nodes.

    Raises:
        UserError: If there is none of that name, with the nearest ones.
    """
    folder = cards()
    known = _node_names()
    if folder is None or name not in known:
        raise UserError(f"Unknown graph {echo(name)}: {nearest(name, known)}")
    path = folder / name / NODE_CARD
    content = dict(read_yaml(path), folder=path.parent)
    content["files"] = {file: _make(FileSource, source, path) for file, source in content["files"].items()}
    return _make(NodeCard, content, path)


def _node_names() -> list[str]:
    folder = cards()
    return sorted(path.parent.name for path in folder.glob(f"*/{NODE_CARD}")) if folder else []


def with_split_nodes() -> list[str]:
    """The graphs with labelled nodes that also have validation nodes, so that a run can be trained on them."""
    folder = cards()
    return [name for name in _node_names() if folder and "prefix" in read_yaml(folder / name / NODE_CARD)]


def names() -> list[str]:
    """The names of the data sets that have a card."""
    folder = cards()
    return sorted(p.parent.name for p in folder.glob(f"*/{CARD}")) if folder else []


def card(name: str) -> Card:
    """The card of a data set.

    Raises:
        UserError: If there is none of that name, with the nearest ones.
    """
    folder = cards()
    if name in _node_names():
        raise UserError(
            f"{name} is a graph with labelled nodes, not of statements: load it in Python with "
            f"gnnneg.datasets.{'Planetoid' if name.startswith('Planetoid') else 'Entities'}({name!r})."
        )
    if folder is None or name not in names():
        raise UserError(f"Unknown data set {echo(name)}: {nearest(name, names())}")
    return read_card(folder / name / CARD)


LONGEST = 255  # bytes of a name, beyond which systems refuse to look for it


def folder_of(name: str | Path) -> Path | None:
    """The folder that is meant, unless it is a data set by its name, which comes first.

    Raises:
        UserError: If it is a path, but not one to a folder with a card.
    """
    if not isinstance(name, str | Path):
        raise UserError(f"The data set is {echo(name)}: give its name, or its folder.")
    if any(len(part.encode(errors="replace")) > LONGEST for part in Path(name).parts):
        raise UserError(f"The data set is {echo(str(name))}: no data set and no folder has so long a name.")
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


def cards() -> Path | None:
    """The folder of cards: in an installed gnnneg within the package, in a checkout the top-level ``datasets``."""
    package = Path(__file__).parents[1]
    for folder in (package / "cards", package.parent / "datasets"):
        if folder.is_dir():
            return folder
    return None


def read_card(path: Path) -> Card:
    """Reads a ``dataset.yaml``.

    Raises:
        UserError: If it is not YAML, has an unknown key or lacks one.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    try:
        content = read_yaml(path)
    except UserError as error:
        raise UserError(f"{path} is not a readable card: {str(error).removeprefix(f'{path}, ')}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a card: expected keys such as 'name', 'columns' and 'files'.")
    content = dict(content, folder=path.parent)
    layouts = content.get("layouts", {})
    if not isinstance(layouts, dict):
        raise UserError(f"{path}: 'layouts' must map a file name to its layout.")
    content["layouts"] = {name: _make(Layout, layout, path) for name, layout in layouts.items()}
    files = content.get("files", {})
    if not isinstance(files, dict):
        raise UserError(f"{path}: 'files' must map each file name to its source.")
    content["files"] = {name: _make(FileSource, source or {}, path) for name, source in files.items()}
    return _make(Card, content, path)


def _make(kind: type, content: Any, path: Path) -> Any:
    if not isinstance(content, dict):
        what = kind.__name__.removeprefix("File").lower()
        raise UserError(f"{path}: expected the fields of a {what}, found {echo(content)}.")
    known = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    content = dict(content)
    for key, value in content.items():
        if key not in known:
            raise UserError(f"{path}: unknown key {echo(key)}; {nearest(str(key), known)}")
        part = next((o for o in _options(hints[key]) if isinstance(o, type) and dataclasses.is_dataclass(o)), None)
        if part is not None and value is not None and not isinstance(value, part):
            content[key] = value = _make(part, value, path)
        if not _fits(value, hints[key]):
            raise UserError(f"{path}: {key!r} cannot be {echo(value)}.")
    for key, f in known.items():
        if key not in content and f.default is f.default_factory is dataclasses.MISSING:
            raise UserError(f"{path}: the key {key!r} is missing.")
    return kind(**{key: tuple(map(str, value)) if isinstance(value, list) else value for key, value in content.items()})


def _fits(value: Any, hint: Any) -> bool:
    kinds = [list if typing.get_origin(o) is tuple else typing.get_origin(o) or o for o in _options(hint)]
    return isinstance(value, tuple(kinds))


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
