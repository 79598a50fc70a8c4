"""The keys of a config, from the constructors that it mirrors."""

import inspect
import re
from collections.abc import Iterator

from gnnneg.config.signature import MISSING, name, parameters
from gnnneg.data.facts import FACTS
from gnnneg.evaluation import Evaluator
from gnnneg.experiment.settings import DataSource, Settings
from gnnneg.experiment.settings import Evaluation as Policy
from gnnneg.interfaces import Part
from gnnneg.training import Fit, Watcher
from making.names import Name, public
from making.pages import Pages, heading, table
from making.words import one_line

WIDTH = "hidden_channels"  # said once, by the encoder
ROLE = re.compile(r"\b(?:gnnneg|torch|torch_geometric|collections)(?:\.\w+)+\.(\w+)")


def of_class(cls: type) -> str:
    """A table of the keys of one class: what each takes, its default, what it means."""
    meanings = said(cls)
    rows = []
    for key, (annotation, default) in parameters(cls).items():
        rows.append([f"``{key}``", takes(cls, key, annotation), _default(cls, key, default), meanings.get(key, "")])
    return table(["key", "takes", "default", "meaning"], rows, "18 20 16 46", "keys") if rows else "It has no keys.\n\n"


def takes(cls: type, key: str, annotation: object) -> str:
    """What a key takes, in words."""
    said = ROLE.sub(r"\1", name(annotation)).replace("*", r"\*").replace("|", "or")
    return re.sub(r"\b[A-Z]\w+\b", lambda found: _linked(found[0]), said)


def _linked(word: str) -> str:
    full = {one.name: one.full for one in public()}.get(word)
    return f":class:`~{full}`" if full else word


def _default(cls: type, key: str, default: object) -> str:
    if key in FACTS:
        return "filled in from the data"
    if key == WIDTH and default is MISSING and not hasattr(cls, "uses_graph"):
        return "the encoder's"
    if default is MISSING:
        return "must be given"
    if type(default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        return "all defaults"
    return "null" if default is None else f"``{default!r}``" if not hasattr(default, "parameters") else "its own"


def said(cls: type) -> dict[str, str]:
    """What a docstring says of each argument, without the default."""
    text = inspect.cleandoc(cls.__doc__ or "")
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", text, re.MULTILINE)
    if section is None:
        return {}
    found = re.findall(r"^    (\w+)(?: \(.*?\))?: (.*(?:\n      .*|\n\s*$)*)", section.group(1), re.MULTILINE)
    return {key: one_line(re.sub(r"\s*\(default:(?:[^()]|\([^()]*\))*\)\.?", "", what)) for key, what in found}


def parts() -> Iterator[Name]:
    """The public classes that a config can name."""
    for one in public():
        cls = one.thing
        named = inspect.isclass(cls) and issubclass(cls, Part | Watcher) and not inspect.isabstract(cls)
        if named and cls not in (Watcher, Evaluator):
            yield one


def write(pages: Pages) -> None:
    """The page of all keys."""
    text = ".. _config-keys:\n\n" + heading("Config keys")
    text += (
        "A config is a YAML file that mirrors constructors. ``class_path`` names a class, ``init_args`` are the\n"
        "arguments of its constructor. The bare name of a class that needs no arguments is enough. An unknown key is\n"
        "an error that lists the known ones. ``gnnneg train CONFIG --print-config`` prints a config with all\n"
        "defaults.\n\n"
        "Facts of the data are never written: "
        + ", ".join(f"``{fact}``" for fact in FACTS)
        + ". A part that asks for one of them gets it.\n"
        "On the command line any key can be set by its dotted path, without ``init_args``:\n"
        "``--task.loss.margin 9``.\n\n"
    )
    sections = {
        "The file": (Settings, "The keys at the top of the file."),
        "data": (DataSource, "Which data set, and what is changed in it before training."),
        "fit": (Fit, "How long and in which steps the task is trained."),
        "evaluation": (Policy, "How the model is judged. A bare list is short for ``evaluators``."),
    }
    for title, (cls, what) in sections.items():
        text += heading(title, "-") + what + "\n\n" + of_class(cls)
    text += heading("task, and all parts below it", "-")
    text += (
        "Each part has a page with its keys. ``optimizer`` and ``scheduler`` take the classes of ``torch.optim`` too,\n"
    )
    text += "with their own arguments; layers of PyG's can stand in an encoder.\n\n"
    kinds: dict[str, list[Name]] = {}
    for one in parts():
        kinds.setdefault(one.room, []).append(one)
    rows = [
        [room, ", ".join(f":class:`~{one.full}`" for one in sorted(ones, key=lambda one: one.name))]
        for room, ones in kinds.items()
    ]
    text += table(["module", "class_path"], rows, "15 85", "keys")
    text += heading("tune", "-")
    text += "Which keys :doc:`gnnneg tune </tune>` may change, and their ranges. Training leaves it aside.\n\n"
    pages.add("config.rst", text)
