"""Initialises a model with the weights of another run, or with given vectors, matched by name."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch_geometric.data import HeteroData

from gnnneg import config, distributed, run_files
from gnnneg.config import Tree
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.statements import assemble
from gnnneg.data.vector_files import read_vectors
from gnnneg.errors import UserError, echo
from gnnneg.evaluation.vectors import inverses
from gnnneg.experiment import folder
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.prolonged import differing
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.warmth import Warm
from gnnneg.interfaces import Model
from gnnneg.plain import to_json
from gnnneg.records import Triplets
from gnnneg.trust import allowing

SMALL = 64, 8  # entities and relations of a small model that shows which sizes grow with them
ALIKE = {"ShardedLookup": "Lookup"}  # the same table, stored in another way
ENTITIES, RELATIONS = "entities", "relations"
ENDINGS = (".parquet", ".txt")  # of files of vectors


def found(source: str | Path) -> str:
    """The absolute path of the weights to start from.

    Raises:
        UserError: If it does not exist.
    """
    if not isinstance(source, str | Path):
        raise UserError(
            f"What the model begins with is {echo(source)} (--warm): give a run folder, or vectors by name."
        )
    path = Path(source).expanduser()
    if source == "":
        raise UserError("What the model begins with has an empty name (--warm): give a run folder, or vectors by name.")
    if not path.exists():
        raise UserError(f"There is nothing at {source} (--warm): give a run folder, or vectors by name.")
    return str(path.resolve())


def warm_start(model: Model, data: HeteroData, source: str | Path) -> Warm:
    """Copies the weights of another run's model, or given vectors, into a model. Other weights stay as they are.

    Rows of entities and relations are matched by name; order and number may differ. Other weights are copied whole.
    Samplers, generators and the optimiser start anew. Vectors by name go into the encoder's table of entities and the
    decoder's table of relations.

    ::

        warm_start(model, data, "runs/complex")
        run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.05), Fit(epochs=10))

    Args:
        model (Model): The model to change.
        data (HeteroData): The data set with the names of its entities and relations.
        source (str or Path): A run folder or a file from :func:`gnnneg.pack`; a folder that ``gnnneg export``
            wrote as ``parquet`` or ``word2vec``; or a file of vectors, see
            :func:`gnnneg.data.vector_files.read_vectors`.

    Raises:
        UserError: If it is none of these, is damaged, has another width, or shares no entity and no relation.
    """
    path = Path(found(source))
    if (path / run_files.CONFIG).is_file() or zipfile.is_zipfile(path):
        return _from_run(model, data, path)
    return _from_vectors(model, data, path)


def begin(setup: Setup, allow: str | Sequence[str] = ()) -> None:
    """Warm-starts the model of a run, if its config says so.

    Args:
        setup (Setup): The run, before the first step.
        allow (str or list[str]): Other modules than gnnneg's whose classes the other run may use.

    Raises:
        UserError: As :func:`warm_start`.
    """
    source = None if setup.plan is None else setup.plan.arguments["warm"]
    if source is not None:
        with allowing(allow):
            setup.warm = warm_start(setup.model, setup.data, source)


def begin_again(setup: Setup, path: Path, allow: str | Sequence[str] = ()) -> None:
    """The same for a run that was stopped before its first checkpoint.

    Raises:
        UserError: As :func:`warm_start`; or if the source has changed since the run began.
    """
    begin(setup, allow)
    then = folder.read_json(path / run_files.ENVIRONMENT, versioned=True).get("warm") if setup.warm else None
    now = None if setup.warm is None else json.loads(to_json(setup.warm.to_json()))
    if then is not None and {**then, "source": None} != {**(now or {}), "source": None}:
        raise UserError(
            f"{then.get('source')} is no longer what {path} began with (warm), and no step was trained yet: train in a "
            "new folder."
        )


# from a run


def _from_run(model: Model, data: HeteroData, path: Path) -> Warm:
    kept = Kept(path, "cpu", None, ())
    home = kept.path / run_files.MODEL
    said, names = folder.read_json(home / run_files.MODEL_CONFIG, versioned=True), folder.read_names(home)
    if not (home / run_files.WEIGHTS).is_file():
        raise UserError(f"{path} has no trained weights yet (--warm): go on with it by 'gnnneg resume {path}'.")
    try:
        there, given = said["model"], safetensors.torch.load_file(home / run_files.WEIGHTS)
    except (KeyError, SafetensorError) as error:
        raise UserError(f"{home} is damaged ({error}): copy the run again, or train it again.") from error
    facts = Facts(data)
    here = config.describe(model, facts, "model")
    rows = _matched(names[0], data["entity"].names), _matched(names[1], data.relation_names)
    sizes = ((len(names[0]), facts.num_nodes), (len(names[1]), facts.num_relations))
    taken, afresh = [], []
    grown = _grown(model, here)
    state, tables = model.state_dict(), distributed.tables(model)
    for name, weight in state.items():
        if name not in given or _classes(there, name) != _classes(here, name):
            afresh.append(name)
            continue
        dims = [(1, 0, 0), *[(0, 0, size) for size in weight.shape[1:]]] if name in tables else grown[name]
        fits = tuple(n * sizes[0][0] + r * sizes[1][0] + rest for n, r, rest in dims)
        if fits != tuple(given[name].shape):
            raise UserError(_misfit(path, name, tuple(given[name].shape), fits, there, here))
        taken.append((name, dims))
    if not taken:
        raise UserError(
            f"Nothing of {path} fits this model (--warm): that is a {_classes(there, '')[0]} of "
            f"{', '.join(_parts(there)) or 'no parts'}, this one of {', '.join(_parts(here)) or 'none'}; vectors of "
            "its entities fit any encoder that has some (gnnneg export)."
        )
    _refuse_strangers(path, rows)
    with torch.no_grad():
        for name, dims in taken:
            own = distributed.block(tables[name]) if name in tables else None
            _put(state[name], given[name], dims, rows, sizes, own)
    mark = folder.weights(home)[:16]
    counts = len(rows[0][0]), facts.num_nodes, len(rows[1][0]), facts.num_relations
    return Warm(str(path), *counts, mark, tuple(afresh))


def _misfit(path: Path, name: str, there: tuple, fits: tuple, one: Tree, other: Tree) -> str:
    keys = list(dict.fromkeys(differing(one, other)))
    how = f"the models differ in {', '.join(keys[:3])}: give both the same" if keys else "it is of another version"
    return f"{name} has the shape {there} in {path}, where {fits} would fit (--warm); {how}."


def _grown(model: Model, tree: Tree) -> dict[str, list[tuple[int, int, int]]]:
    """For each dimension of each weight: its growth per entity and per relation, and the rest.

    It is found by building the model for a few entities and relations, and for one more of each.
    """
    n, r = SMALL
    own = {type(part).__module__.split(".")[0] for part in model.modules()}
    with torch.random.fork_rng(devices=[]), allowing(sorted(own)):
        means = config.resolve(Model, tree, "model", FACTS)
        shapes = [_shapes(means.build(Facts(_silent(*size)))) for size in ((n, r), (n + 1, r), (n, r + 1))]
    base, more_entities, more_relations = shapes
    grown = {}
    for name, shape in base.items():
        steps = zip(shape, more_entities[name], more_relations[name])
        grown[name] = [(e - size, s - size, size - n * (e - size) - r * (s - size)) for size, e, s in steps]
    return grown


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def _silent(num_nodes: int, num_relations: int) -> HeteroData:
    """A graph with only names."""
    none = torch.empty(0, dtype=torch.long)
    names = [str(i) for i in range(num_nodes)]
    return assemble(Triplets(none, none, none), none, names, [str(i) for i in range(num_relations)])


def _classes(tree: Tree, name: str) -> list[str]:
    """The classes that contain a weight, from the model downwards."""
    node: Any = tree
    kinds = []
    for word in [*name.split("."), ""]:
        if isinstance(node, dict) and "class_path" in node:
            kind = str(node["class_path"]).rpartition(".")[2]
            kinds.append(ALIKE.get(kind, kind))
            node = node.get("init_args", {}).get(word)
        elif isinstance(node, list) and word.isdecimal() and int(word) < len(node):
            node = node[int(word)]
        else:
            break
    return kinds


def _parts(tree: Tree) -> list[str]:
    """The classes of a model's parts."""
    inner = tree.get("init_args", {}).values()
    return [str(part["class_path"]) for part in inner if isinstance(part, dict) and "class_path" in part]


def _put(
    target: Tensor,
    given: Tensor,
    dims: Sequence[tuple[int, int, int]],
    rows: Sequence[tuple[np.ndarray, np.ndarray]],
    sizes: Sequence[tuple[int, int]],
    own: tuple[int, int] | None,
) -> None:
    """Copies the matching part of one weight into another, one dimension at a time.

    Args:
        target (torch.Tensor): The weight to change.
        given (torch.Tensor): The weight of the other run.
        dims (list): For each dimension, its growth per entity and per relation, and the rest.
        rows (list): For entities and for relations, the matching positions there and here.
        sizes (list): For entities and for relations, their numbers there and here.
        own (tuple, optional): The rows of a table that this process has, if it does not have all.
    """
    places = []
    for dim, (n, r, rest) in enumerate(dims):
        theirs, ours = _lined_up(((n, *rows[0], *sizes[0]), (r, *rows[1], *sizes[1])), rest)
        if own is not None and dim == 0:
            inside = (ours >= own[0]) & (ours < own[1])
            theirs, ours = theirs[inside], ours[inside] - own[0]
        given = given.index_select(dim, torch.from_numpy(theirs))
        places.append(torch.from_numpy(ours).to(target.device))
    if not places:
        target.copy_(given)
        return
    shaped = [place.view(-1, *[1] * (len(places) - 1 - dim)) for dim, place in enumerate(places)]
    target[tuple(shaped)] = given.to(target.device, target.dtype)


def _lined_up(
    parts: Sequence[tuple[int, np.ndarray, np.ndarray, int, int]], rest: int
) -> tuple[np.ndarray, np.ndarray]:
    """The matching positions of one dimension there and here: blocks of entities or relations, then the rest."""
    theirs, ours = [], []
    at = there = 0
    for blocks, one, other, size, wanted in parts:
        for _ in range(blocks):
            theirs.append(one + there)
            ours.append(other + at)
            there, at = there + size, at + wanted
    theirs.append(np.arange(rest) + there)
    ours.append(np.arange(rest) + at)
    return np.concatenate(theirs), np.concatenate(ours)


# from vectors


def _from_vectors(model: Model, data: HeteroData, path: Path) -> Warm:
    facts = Facts(data)
    tree = config.describe(model, facts, "model")
    grown = _grown(model, tree)
    state, tables = model.state_dict(), distributed.tables(model)
    own = {
        ENTITIES: [name for name in state if name in tables or [d[0] for d in grown[name]] == [1, 0]],
        RELATIONS: [name for name in state if name not in tables and _of_relations(grown[name])],
    }
    counts = {ENTITIES: 0, RELATIONS: 0}
    given = []
    for kind, file in _files(path):
        names, vectors = read_vectors(file)
        if len(own[kind]) != 1:
            raise UserError(
                f"This model has {len(own[kind]) or 'no'} tables of vectors of {kind}, so that those of {file} cannot "
                "be put into it (--warm): start from a run, or from a model with one."
            )
        weight = state[own[kind][0]]
        if weight.shape[1] != vectors.shape[1]:
            raise UserError(
                f"{file} holds vectors of {vectors.shape[1]} numbers, and {own[kind][0]} takes {weight.shape[1]} "
                f"(--warm): give the model that width, or vectors of this one."
            )
        wanted = list(data["entity"].names) if kind == ENTITIES else list(data.relation_names)
        if kind == RELATIONS and weight.shape[0] > len(wanted):
            wanted += inverses(wanted)
        theirs, ours = _matched(names, wanted if file.suffix == ".parquet" else ["_".join(n.split()) for n in wanted])
        counts[kind] = int((ours < (facts.num_nodes if kind == ENTITIES else facts.num_relations)).sum())
        given.append((own[kind][0], vectors, theirs, ours))
    if not any(len(ours) for *_, ours in given):
        raise UserError(f"None of the names of {path} is called as an entity or relation here (--warm).")
    with torch.no_grad():
        for name, vectors, theirs, ours in given:
            begin, end = distributed.block(tables[name]) if name in tables else (0, len(state[name]))
            inside = (ours >= begin) & (ours < end)
            rows = torch.from_numpy(vectors[theirs[inside]]).to(state[name].device, state[name].dtype)
            state[name][torch.from_numpy(ours[inside] - begin).to(rows.device)] = rows
    return Warm(str(path), counts[ENTITIES], facts.num_nodes, counts[RELATIONS], facts.num_relations)


def _of_relations(dims: Sequence[tuple[int, int, int]]) -> bool:
    """Whether a weight has one vector for each relation, or one for each of its two directions."""
    return len(dims) == 2 and dims[0][:2] in ((0, 1), (0, 2)) and not dims[0][2] and dims[1][:2] == (0, 0)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The files of vectors, each with its kind: entities or relations."""
    if path.is_file():
        yield ENTITIES, path
        return
    here = [(kind, path / f"{kind}{end}") for kind in (ENTITIES, RELATIONS) for end in ENDINGS]
    there = [(kind, file) for kind, file in here if file.is_file()]
    if not there:
        raise UserError(
            f"{path} is no run folder and holds no vectors (--warm): give a run, a folder with {ENTITIES}.parquet or "
            f"{ENTITIES}.txt, or a file of vectors by name."
        )
    yield from there


# by name


def _matched(theirs: Sequence[str], ours: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The positions there and here with the same name."""
    place = pd.Index(list(theirs)).get_indexer(pd.Index(list(ours)))
    here = np.flatnonzero(place >= 0)
    return place[here].astype(np.int64), here.astype(np.int64)


def _refuse_strangers(path: Path, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    if not any(len(ours) for _, ours in rows):
        raise UserError(f"No entity and no relation of {path} is called as one here (--warm): start without it.")
