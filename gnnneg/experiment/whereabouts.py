"""Finds the data set of a run. Data that were copied or moved with a run are found next to it."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from gnnneg import datasets
from gnnneg.data.catalogue import CARD, read_card
from gnnneg.errors import UserError
from gnnneg.experiment.fingerprint import Parts, difference, fingerprint
from gnnneg.experiment.settings import DataSource

MANY = 200  # the most folders next to a run that are searched


class Missing(UserError):
    """The data set of a run cannot be found."""


def about(run: Path, name: str, graphs: list[HeteroData], named: bool) -> dict[str, Any]:
    """The entry by which a run identifies its data set: fingerprints, and for a folder its path and its card's digest.

    Args:
        run (Path): The run folder.
        name (str): The data set, as its config names it.
        graphs (list[HeteroData]): The training graph, followed by the one to test on, if that is another.
        named (bool): Whether the graphs can be loaded by name; otherwise they are in the run folder.
    """
    where = placed(run, name) if named else {"name": name, "folder": None, "card": None}
    return {**where, "graphs": [fingerprint(graph) for graph in graphs]}


def placed(run: Path, name: str) -> dict[str, Any]:
    """The part of :func:`about` with the place of a data set."""
    place = datasets.folder_of(name)
    return {
        "name": name,
        "folder": None if place is None else os.path.relpath(place.resolve(), run.resolve()),
        "card": None if place is None else read_card(place / CARD).digest,
    }


def changed(kept: dict[str, Any], graphs: list[HeteroData], source: str, run: Path) -> str | None:
    """What differs between the graphs and those that a run was trained on, as one sentence, or None."""
    then: list[Parts] = kept["graphs"]
    for parts, graph in zip(then, graphs):
        found = difference(parts, fingerprint(graph))
        if found is not None:
            return f"{source} has changed since {run} was trained on it ({found}): train again, or name the old one."
    if len(then) > len(graphs):
        return f"{source} has changed since {run} was trained on it (it has no graph to test on): train again."
    return None


def graphs(run: Path, source: DataSource, kept: dict[str, Any], given: str | None) -> list[HeteroData]:
    """The graphs of a run's data set: by its name, at its old place relative to the run, or in a folder next to it.

    Args:
        run (Path): The run folder.
        source (DataSource): The data set that its config names.
        kept (dict): The entry from :func:`about`.
        given (str, optional): The place that the user gives; then no other place is searched.

    Raises:
        UserError: If the data found are not those that the run was trained on.
        Missing: If no data are found.
    """
    wrong, missing = None, None
    for name, root in [(given, source.root)] if given is not None else _places(run, source, kept):
        try:
            found = dataclasses.replace(source, name=name, root=root).graphs()
        except (UserError, OSError) as error:
            if given is not None:
                raise
            missing = missing or str(error)
            if name == source.name and (Path(name) / CARD).is_file():
                wrong = wrong or str(error)  # it is there, but damaged
            continue
        differs = changed(kept, found, name, run)
        if differs is None:
            return found
        wrong = wrong or differs
    if wrong is not None:
        raise UserError(wrong)
    if os.sep not in source.name:  # a data set by name that cannot be downloaded
        raise Missing(f"The data set of {run} is not to be had: {missing}")
    raise Missing(
        f"The data set of {run} is no longer at {source.name}, and no folder next to the run has the same statements: "
        "give its place with --data.name FOLDER."
    )


def _places(run: Path, source: DataSource, kept: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Possible names and roots of the data set, the most likely first. Folders must have its card."""
    yield source.name, source.root
    if os.sep not in source.name:
        if source.root is not None:  # the root on the machine of the training
            yield source.name, None
        return
    run = run.resolve()
    likely = [run.parent / Path(source.name).name, run.parent.parent / Path(source.name).name]
    if isinstance(kept.get("folder"), str):
        likely.insert(0, Path(os.path.normpath(run / kept["folder"])))
    seen = {Path(source.name)}
    for place in likely:
        if place not in seen and (place / CARD).is_file():
            seen.add(place)
            yield str(place), None
    if kept.get("card") is None:
        return
    beside = [place for home in (run.parent, run.parent.parent) for place in _folders(home)]
    for place in beside[:MANY]:
        if place not in seen and (place / CARD).is_file() and _digest(place) == kept["card"]:
            yield str(place), None


def _folders(home: Path) -> list[Path]:
    try:
        return sorted(path for path in home.iterdir() if path.is_dir())
    except OSError:
        return []


def _digest(place: Path) -> str | None:
    try:
        return read_card(place / CARD).digest
    except (UserError, OSError):
        return None
