"""A study file: a question, and the trainings that answer it."""

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from gnnneg import config
from gnnneg.config import Tree
from gnnneg.data.catalogue import CARD
from gnnneg.documents import read_yaml
from gnnneg.errors import UserError, echo, nearest
from gnnneg.experiment.repeated import numbers
from gnnneg.experiment.settings import TUNE, anchored

KEYS = (
    *("question", "answer", "worth", "config", "models", "settings", "data", "variants", "tune", "seeds"),
    *("budget", "order", "metrics", "tests"),
)
ORDER = ("data", "model", "seed", "variant")
OWN = {"data": "data set", "variants": "variant"}  # of which a model may name some
TUNING = ("trials", "startup", "space")
BUDGET = ("training", "all")
FIXED = {  # settings that a study gives in another place
    "seed": "seeds",
    "data.name": "data",
    "fit.max_seconds": "budget.training",
    TUNE: "tune.space",
}


@dataclass(frozen=True)
class Cell:
    """One cell of a study's tables: one config on one data set, trained with several seeds.

    Args:
        data (str): The name of the data set in the file.
        model (str): The name of the model in the file; empty if there is only one model.
        variant (str): The name of the variant.
        seeds (tuple[int, ...]): The seeds that it is trained with.
        tree (dict): The config, with a ``tune`` section if it is tuned.
        seconds (float): The time budget of one training.
    """

    data: str
    model: str
    variant: str
    seeds: tuple[int, ...]
    tree: Tree = field(hash=False, repr=False)
    seconds: float

    @property
    def place(self) -> tuple[str, str, str]:
        """The key of the cell within the study."""
        return self.data, self.model, self.variant

    @property
    def name(self) -> str:
        """For people."""
        return " / ".join(part for part in self.place if part)


@dataclass(frozen=True)
class Definition:
    """A study.

    Args:
        path (pathlib.Path): Its file.
        question (str): The question, in prose.
        answer (str): The answer, in prose; empty until there is one.
        worth (float): Among several studies, the one with the greatest worth runs first.
        cells (tuple[Cell, ...]): The cells to train.
        order (tuple[str, ...]): The order of trainings, outermost loop first.
        trials (int): The number of tuning trials of each variant; 0 means no tuning.
        startup (int): The number of these trials that are drawn at random.
        most (float): Time budget of all trainings together, in seconds.
        metrics (tuple[str, ...]): The metrics of the tables. The first one is also tested and plotted.
        tests (tuple[tuple[str, str], ...]): Pairs of variants; a test compares the first minus the second.
    """

    path: Path
    question: str
    answer: str
    worth: float
    cells: tuple[Cell, ...]
    order: tuple[str, ...]
    trials: int
    startup: int
    most: float
    metrics: tuple[str, ...]
    tests: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The name of the study and of its files."""
        return self.path.stem

    @cached_property
    def trainings(self) -> list[tuple[Cell, int]]:
        """Every training, as a cell and a seed, most valuable first."""
        places = {what: list(dict.fromkeys(getattr(cell, what) for cell in self.cells)) for what in ORDER[:2]}
        places["variant"] = list(dict.fromkeys(cell.variant for cell in self.cells))

        def worth(training: tuple[Cell, int]) -> list[int]:
            cell, seed = training
            found = {what: places[what].index(getattr(cell, what)) for what in places}
            found["seed"] = cell.seeds.index(seed)
            return [found[what] for what in self.order]

        return sorted(((cell, seed) for cell in self.cells for seed in cell.seeds), key=worth)


def read(path: str | Path) -> Definition:
    """Reads a study from a YAML file.

    Paths in it are relative to the file.

    Raises:
        UserError: If a key is unknown, missing or of another type, or a config that it names cannot be read. This does
            not check whether the settings make a trainable config.
    """
    path = Path(path)
    said = _mapping(read_yaml(path, "study "), str(path), KEYS)
    for key in ("question", "data", "variants", "seeds", "budget"):
        if key not in said:
            raise UserError(
                f"{path} lacks {key}: a study has question, config or models, data, variants, seeds, budget."
            )
    budget = _mapping(said["budget"], f"{path}: budget", BUDGET)
    if "training" not in budget:
        raise UserError(f"{path}: budget lacks training: say how many seconds one training may take.")
    training = _number(budget["training"], f"{path}: budget.training")
    tuning = _mapping(said.get("tune", {}), f"{path}: tune", TUNING)
    if said.get("tune") is not None and "trials" not in tuning:
        raise UserError(f"{path}: tune lacks trials: say how many each variant has.")
    cells = tuple(_cells(path, said, training, tuning))
    return Definition(
        path=path,
        question=_text(said["question"], f"{path}: question"),
        answer=_text(said.get("answer", ""), f"{path}: answer"),
        worth=_number(said.get("worth", 0), f"{path}: worth", -math.inf),
        cells=cells,
        order=_order(said.get("order", ORDER), path),
        trials=_whole(tuning.get("trials", 0), f"{path}: tune.trials") if tuning else 0,
        startup=_whole(tuning.get("startup", 10), f"{path}: tune.startup"),
        most=_number(budget.get("all", math.inf), f"{path}: budget.all"),
        metrics=_metrics(said.get("metrics", ["mrr"]), f"{path}: metrics"),
        tests=tuple(_tests(said.get("tests", []), cells, path)),
    )


def digest(content: Any) -> str:
    """A digest of plain values."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cells(path: Path, said: Mapping[str, Any], training: float, tuning: Mapping[str, Any]) -> Iterator[Cell]:
    common = said.get("settings", {})
    models = _models(said, path)
    named = {what: _named(said[what], path, what) for what in OWN}
    sets, variants = (_of_models(models, what, [name for name, _ in named[what]], path) for what in OWN)
    for data, model, variant in product(named["data"], models, named["variants"]):
        if data[0] not in sets[model[0]] or variant[0] not in variants[model[0]]:
            continue
        at_data, at_model = f"{path}: data.{data[0]}", f"{path}: models.{model[0]}"
        at_variant = f"{path}: variants.{variant[0]}"
        own_model, own_data, own = dict(model[1]), dict(data[1]), dict(variant[1])
        for what in OWN:
            own_model.pop(what, None)
        seeds = _seeds(own_data.pop("seeds", said["seeds"]), path)
        seconds = _number(own_data.pop("budget", training), f"{at_data}.budget")
        space = dict(_mapping(tuning.get("space", {}), f"{path}: tune.space"))
        for part, at in ((own_model, at_model), (own, at_variant)):
            more = _mapping(part.pop(TUNE, {}), f"{at}.tune")
            if more and not tuning:
                raise UserError(f"{at} has a tune, and the study has none: say there how many trials there are.")
            space |= more
        of_model = own_model.pop("config", said.get("config"))
        file = own.pop("config", of_model)
        if not isinstance(file, str):
            raise UserError(f"{at_variant} has no config: give the path of a YAML, relative to {path}.")
        tree = config.long_form(config.read(path.parent / file))
        tree.pop(TUNE, None)
        for part, at in ((common, f"{path}: settings"), (own_model, at_model), (own_data, at_data), (own, at_variant)):
            for key, value in _settings(part, at).items():
                config.put(tree, key, copy.deepcopy(value), f"{at}.{key}")
        _put_data(tree, data[0], path)
        config.put(tree, "fit.max_seconds", seconds, f"{path}: budget")
        tree = anchored(tree)
        if tuning:
            tree[TUNE] = space
        yield Cell(data[0], model[0], variant[0], seeds, tree, seconds)


def _put_data(tree: Tree, name: str, path: Path) -> None:
    """Sets the data set: a built-in one, or the folder of that name next to the study."""
    place = path.parent / name
    found = str(place.resolve()) if (place / CARD).is_file() else name
    config.put(tree, "data.name", found, f"{path}: data")


def _models(said: Mapping[str, Any], path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    if "models" in said and "config" in said:
        raise UserError(f"{path} has both config and models: leave config out, and give each model its own.")
    return _named(said["models"], path, "models") if "models" in said else [("", {})]


def _of_models(
    models: Sequence[tuple[str, Mapping[str, Any]]], what: str, known: Sequence[str], path: Path
) -> dict[str, Sequence[str]]:
    """The data sets, or the variants, of each model: all, unless it names some."""
    found = {}
    for model, said in models:
        where = f"{path}: models.{model}.{what}"
        found[model] = known if what not in said else _list(said[what], where)
        for name in found[model]:
            if name not in known:
                raise UserError(f"{where} names {echo(name)}, which the study has not: {nearest(str(name), known)}")
        if not found[model]:
            raise UserError(f"{where} is empty: name one or more {OWN[what]}s, or leave it out for all.")
    for name in known:
        if not any(name in of for of in found.values()):
            raise UserError(
                f"{path}: no model is for the {OWN[what]} {echo(name)}: leave it out, or name it in a model."
            )
    return found


def _named(said: Any, path: Path, what: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Named entries: a mapping, or a list of names without settings."""
    if isinstance(said, list) and all(isinstance(name, str) for name in said) and len(set(said)) == len(said):
        said = dict.fromkeys(said)
    if not isinstance(said, dict) or not said or not all(isinstance(name, str) and name.strip() for name in said):
        raise UserError(f"{path}: {what} should name one or more, each once, not {echo(said)}.")
    return [(name, _mapping({} if of is None else of, f"{path}: {what}.{name}")) for name, of in said.items()]


def _seeds(said: Any, path: Path) -> tuple[int, ...]:
    if isinstance(said, bool) or not isinstance(said, int | str | list):
        raise UserError(f"{path}: seeds is {echo(said)}: give a number such as 5, or '2..6', or [0, 3, 7].")
    try:
        return tuple(numbers([_index(one, path) for one in said] if isinstance(said, list) else said))
    except UserError as error:
        raise UserError(str(error).replace("--seeds", f"{path}: seeds")) from error


def _index(said: Any, path: Path) -> int:
    if isinstance(said, bool) or not isinstance(said, int):
        raise UserError(f"{path}: seeds has {echo(said)}: give whole numbers.")
    return said


def _settings(said: Any, where: str) -> Mapping[str, Any]:
    """Settings of a config as dotted keys, as on the command line."""
    found = _mapping(said, where)
    for key in found:
        for fixed, place in FIXED.items():
            if key == fixed or key.startswith(f"{fixed}."):
                raise UserError(f"{where} sets {key}: say it under {place} instead.")
    return found


def _tests(said: Any, cells: Sequence[Cell], path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of variants. ``{against: NAME}`` pairs every other variant with that one."""
    variants = list(dict.fromkeys(cell.variant for cell in cells))
    places = {(cell.model, cell.variant) for cell in cells}
    if isinstance(said, dict):
        against = _mapping(said, f"{path}: tests", ("against",)).get("against")
        said = [[one, against] for one in variants if one != against]
    for pair in _list(said, f"{path}: tests"):
        if not isinstance(pair, list) or len(pair) != 2 or pair[0] == pair[1]:
            raise UserError(f"{path}: tests has {echo(pair)}: give pairs of two variants, or {{against: NAME}}.")
        for one in pair:
            if one not in variants:
                raise UserError(f"{path}: tests names {echo(one)}, which is no variant: {nearest(str(one), variants)}")
        if not any((model, pair[0]) in places and (model, pair[1]) in places for model, _ in places):
            raise UserError(f"{path}: tests has {echo(pair)}, and no model has both: give two variants of one model.")
        yield pair[0], pair[1]


def _metrics(said: Any, where: str) -> tuple[str, ...]:
    found = _list(said, where)
    if not found:
        raise UserError(f"{where} is empty: name one or more, such as mrr.")
    return tuple(_text(one, where) for one in found)


def _order(said: Any, path: Path) -> tuple[str, ...]:
    found = _list(list(said) if isinstance(said, tuple) else said, f"{path}: order")
    if sorted(map(str, found)) != sorted(ORDER):
        raise UserError(f"{path}: order is {echo(found)}: give {', '.join(ORDER)}, each once, the outermost first.")
    return tuple(found)


def _mapping(said: Any, where: str, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise UserError(f"{where} should be a mapping of names, not {echo(said)}.")
    for key in said:
        if known is not None and key not in known:
            raise UserError(f"{where} has no {echo(key)}: {nearest(key, known)}")
    return said


def _list(said: Any, where: str) -> list[Any]:
    if not isinstance(said, list):
        raise UserError(f"{where} should be a list, not {echo(said)}.")
    return said


def _text(said: Any, where: str) -> str:
    if not isinstance(said, str):
        raise UserError(f"{where} should be words, not {echo(said)}.")
    return said.strip()


def _number(said: Any, where: str, above: float = 0.0) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > above:
        raise UserError(f"{where} is {echo(said)}: give a number" + (f" above {above:g}." if above == 0 else "."))
    return float(said)


def _whole(said: Any, where: str) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 1:
        raise UserError(f"{where} is {echo(said)}: give a whole number of at least 1.")
    return said
