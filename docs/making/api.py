"""A page for every public name, and one for every room."""

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path

import gnnneg
from making import keys
from making.names import Name, public
from making.pages import Pages, contents, heading, table
from making.words import about, paragraphs

HOME = Path(gnnneg.__file__).parents[1]
FLOORS = {
    "Data": ["data", "datasets", "records", "verdicts", "curation"],
    "Models": ["models", "encoders", "decoders", "encodings"],
    "Negatives": ["samplers", "generators", "corruption", "labels"],
    "Training": ["tasks", "losses", "penalties", "weighings", "training", "trackers"],
    "Judging": ["evaluation", "report"],
    "Runs": ["experiment", "tuning", "studies", "planning", "exports", "distributed"],
    "Your own parts": ["interfaces", "errors", "trust"],
}


def write(pages: Pages) -> None:
    """The pages of all names and rooms, and the page that lists the rooms."""
    by_room: dict[str, list[Name]] = {}
    for one in public():
        by_room.setdefault(one.room, []).append(one)
    floors = {title: [room for room in rooms if room in by_room] for title, rooms in FLOORS.items()}
    placed = {room for rooms in floors.values() for room in rooms}
    floors["Further"] = sorted(set(by_room) - placed)
    configured = {one.full for one in keys.parts()}
    text = ".. _api:\n\n" + heading("API")
    text += (
        "Every public name has a page. Most are imported from ``gnnneg`` itself: ``from gnnneg import Uniform``.\n"
        "The others are imported from their module: ``from gnnneg.verdicts import kappa``.\n\n"
    )
    for title, rooms in floors.items():
        if rooms:
            text += heading(title, "-")
            rows = [[f":doc:`{room} <api/{room}/index>`", _room(room), _some(by_room[room])] for room in rooms]
            text += table(["module", "what is in it", "names"], rows, "14 40 46", "rooms")
            text += contents(f"api/{room}/index" for room in rooms)
    pages.add("api.rst", text)
    for room, ones in by_room.items():
        ones = sorted(ones, key=lambda one: (not inspect.isclass(one.thing), one.name.casefold()))
        pages.add(f"api/{room}/index.rst", _index(room, ones))
        for one in ones:
            pages.add(f"api/{room}/{one.page}.rst", page(one, one.full in configured))


def _room(room: str) -> str:
    return about(importlib.import_module(f"gnnneg.{room}")).removeprefix(f"{room.capitalize()}: ")


def _some(ones: Iterable[Name], most: int = 6) -> str:
    names = sorted((one.name for one in ones), key=lambda name: (not name[:1].isupper(), name.casefold()))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _index(room: str, ones: list[Name]) -> str:
    text = heading(room)
    text += "\n\n".join(paragraphs(importlib.import_module(f"gnnneg.{room}"))) + "\n\n"
    text += table(["name", "in short"], [[_link(one), _short(one)] for one in ones], "25 75", "names")
    return text + contents(one.page for one in ones)


def _link(one: Name) -> str:
    return f":doc:`{one.name} <{one.page}>`"


def _short(one: Name) -> str:
    """What a name is, in one sentence; of a value that has no docstring, what it holds."""
    return about(one.thing) if callable(one.thing) else ", ".join(f"``{item}``" for item in one.thing) + "."  # type: ignore[attr-defined]


def page(one: Name, configured: bool) -> str:
    """The page of a name, with its keys if a config can name it."""
    text = heading(one.name)
    text += f".. rst-class:: where\n\n``from {one.path} import {one.name}``"
    source = inspect.getsourcefile(inspect.unwrap(one.thing)) if callable(one.thing) else None
    if source:
        text += f"\u2003in ``{Path(source).relative_to(HOME).as_posix()}``"
    text += "\n\n"
    if inspect.isclass(one.thing):
        text += f".. autoclass:: {one.full}\n   :members:\n   :member-order: bysource\n\n"
        if configured:
            text += heading("In a config", "-")
            text += f".. code-block:: yaml\n\n   class_path: {one.name}\n   init_args: {{...}}\n\n"
            text += keys.of_class(one.thing)
    elif inspect.isfunction(one.thing):
        text += f".. autofunction:: {one.full}\n\n"
    else:
        text += f".. py:data:: {one.full}\n\n   {_short(one)}\n\n"
    return text
