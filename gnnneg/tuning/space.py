"""The ``tune:`` section of a config: which settings are chosen, and from which values."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice, product
from typing import Any

import torch
from torch.nn import Parameter

from gnnneg import config
from gnnneg.config import Plan, Tree
from gnnneg.errors import UserError, echo, nearest
from gnnneg.experiment.settings import TUNE, needed

MOST = 100
LISTED = "a choice within a part is {choices: [...]}, since a list there is a list"
RANGE = ("low", "high", "log", "step")
# keys that are not settings of the model: tuning them would change the metric, or select a lucky seed
FIXED = {
    "seed": "the winner is trained with several at the end (--seeds)",
    "device": "it changes no model",
    "track": "it changes no model",
    "tune": "it is what tunes",
    "evaluation": "figures of other rankings cannot be compared",
    "fit.metric": "figures of other metrics cannot be compared",
    "data.name": "figures of other data cannot be compared",
    "data.wins": "it changes what validation holds, so figures cannot be compared",
    "data.denied_from_valid": "it changes what validation holds, so figures cannot be compared",
    "data.root": "it changes no model",
}

Path = tuple[Any, ...]
Picks = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Args:
        name (str): The name of the setting in the study.
        path (tuple): The path of its value in a config, without ``init_args``.
        low (float): The smallest value.
        high (float): The largest value.
        log (bool): Whether values are drawn uniformly on a logarithmic scale.
        step (float, optional): The distance between values, counted from ``low``.
        whole (bool): Whether the values are integers.
    """

    name: str
    path: Path
    low: float | int
    high: float | int
    log: bool = False
    step: float | int | None = None
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several pieces of config. Each piece may contain further ranges and choices.

    Args:
        name (str): The name of the setting in the study.
        path (tuple): The path of its value in a config, without ``init_args``.
        values (tuple): The pieces.
        labels (tuple): The name of each piece; a plain value is its own name.
    """

    name: str
    path: Path
    values: tuple[Any, ...]
    labels: tuple[Any, ...]


class Space:
    """The tuned settings of a config. Also builds the config for chosen values.

    Args:
        tree (dict): The whole config with its ``tune`` section.
        plan (callable): Checks and resolves a config without that section (:func:`gnnneg.experiment.plan`).

    Raises:
        UserError: If the section is missing, a key is unknown or cannot be tuned, a range is empty, or a value has the
            wrong type for its key. The message names the key.
    """

    def __init__(self, tree: Tree, plan: Callable[[Tree], Plan]):
        said = tree.get(TUNE)
        if not isinstance(said, dict) or not said:
            raise UserError(
                "The config has no tune: section: say which settings are chosen, such as "
                "tune: {optimizer.lr: {low: 0.01, high: 1.0, log: true}}."
            )
        self.base: Tree = {key: value for key, value in tree.items() if key != TUNE}
        self.plan = plan
        self.settings: dict[str, Any] = {}
        for key, value in said.items():
            self._add(key, value)
        self._settle()

    def _add(self, key: Any, value: Any) -> None:
        where = f"{TUNE}.{key}"
        if not isinstance(key, str) or not all(key.split(".")):
            raise UserError(f"{TUNE} has the key {echo(key)}: give dotted keys of the config, such as optimizer.lr.")
        path = tuple(_number(step) for step in key.split(".") if step != "init_args")
        dotted = f"{'.'.join(map(str, path))}."
        for fixed, why in FIXED.items():
            if dotted.startswith(f"{fixed}."):
                raise UserError(f"{where} cannot be tuned: {why}.")
            if fixed.startswith(dotted):
                raise UserError(f"{where} cannot be tuned as a whole, since {fixed} is in it ({why}): name its keys.")
        for other in self.settings:
            first, second = sorted((path, _path(other)), key=len)
            if second[: len(first)] == first:
                raise UserError(f"{where} and {TUNE}.{other} are one within the other: put the inner under the outer.")
        if isinstance(value, list):
            value = {"choices": value}
        made = parsed(value, key, path, where)
        if not isinstance(made, Range | Choice):
            raise UserError(
                f"{where} should be a range {{low: ..., high: ...}} or {{choices: [...]}}, not {echo(value)}."
            )
        self.settings[key] = made

    def _settle(self) -> None:
        """Checks the ends of each range and each choice against the type of its key, and marks ranges of integers."""
        whole: dict[str, bool] = {}
        for key, value in self.settings.items():
            for space, picks in within(value, {}):
                ends = (space.low, space.high) if isinstance(space, Range) else range(len(space.values))
                for end in ends:
                    try:
                        means = self.plan(self.tree({**picks, space.name: end}))
                        _try(means, space.path)
                    except UserError as error:
                        hint = f" ({LISTED})" if next(bare_lists(value), None) is not None else ""
                        raise UserError(f"{TUNE}.{key}: {str(error).removesuffix('.')}{hint}.") from error
                    if isinstance(space, Range):
                        found = looked_up(means.plain(), space.path)
                        if isinstance(found, bool) or not isinstance(found, int | float):
                            raise UserError(f"{TUNE}.{key} is a range of numbers, and {space.name} takes none.")
                        whole[space.name] = whole.get(space.name, True) and isinstance(found, int)
        self.settings = {key: _typed(value, whole) for key, value in self.settings.items()}

    def tree(self, picks: Picks) -> Tree:
        """The config for values picked by name: a number of a range, or the index of a choice. Other settings get their
        first value.
        """
        return self._with(lambda space: picks.get(space.name, _first(space)))

    def drawn(self, trial: Any) -> Tree:
        """The config that a trial of Optuna suggests. Settings inside a choice are suggested only if the choice is
        taken.
        """
        return self._with(lambda space: suggested(trial, space))

    def of(self, params: Picks) -> Tree:
        """The config of a trial with these parameters."""
        return self._with(
            lambda space: params[space.name] if isinstance(space, Range) else space.labels.index(params[space.name])
        )

    def start(self) -> dict[str, Any] | None:
        """The values that a trial would draw to reproduce the config itself, or None if the section does not allow
        them.

        Cost: a check of each combination of choices with the same parts, of at most :data:`MOST`.
        """
        try:
            means = self.plan(self.base).plain()
        except UserError:  # the config lacks a value that the section chooses
            return None
        found = [list(drawing(value, looked_up(means, _path(key)))) for key, value in self.settings.items()]
        for several in islice(product(*found), MOST):
            params = {name: value for one in several for name, value in one.items()}
            if self.plan(self.of(params)).plain() == means:
                return params
        return None

    def described(self) -> list[dict[str, Any]]:
        """Every range and choice, including nested ones, for a page."""
        found = []
        for value in self.settings.values():
            for space, _ in within(value, {}):
                said = {"labels": list(space.labels)} if isinstance(space, Choice) else {"log": space.log}
                found.append({"name": space.name, **said})
        return found

    def _with(self, take: Callable[[Any], Any]) -> Tree:
        tree = copy.deepcopy(self.base)
        for key, value in self.settings.items():
            config.put(tree, key, concrete(value, take), f"{TUNE}.{key}")
        return tree


def suggested(trial: Any, space: Range | Choice) -> Any:
    """The suggestion of a trial: a number, or the index of a choice."""
    if isinstance(space, Choice):
        return space.labels.index(trial.suggest_categorical(space.name, list(space.labels)))
    if space.whole:
        step = 1 if space.step is None else int(space.step)
        return trial.suggest_int(space.name, int(space.low), int(space.high), log=space.log, step=step)
    return trial.suggest_float(space.name, float(space.low), float(space.high), log=space.log, step=space.step)


def parsed(value: Any, name: str, path: Path, where: str) -> Any:
    """A piece of config, with its ranges and choices parsed."""
    if isinstance(value, dict) and "choices" in value:
        return _choice(value, name, path, where)
    if isinstance(value, dict) and {"low", "high"} & set(value):
        return _range(value, name, path, where)
    if isinstance(value, dict):
        found = {}
        for key, inner in value.items():
            if key == "init_args" and "class_path" in value and isinstance(inner, dict):
                found[key] = {  # arguments may have any names
                    argument: parsed(one, f"{name}.{argument}", (*path, argument), f"{where}.{argument}")
                    for argument, one in inner.items()
                }
            else:
                found[key] = parsed(inner, f"{name}.{key}", (*path, key), f"{where}.{key}")
        return found
    if isinstance(value, list):
        return [
            parsed(inner, f"{name}.{place}", (*path, place), f"{where}.{place}") for place, inner in enumerate(value)
        ]
    return value


def _range(said: dict, name: str, path: Path, where: str) -> Range:
    for key in said:
        if key not in RANGE:
            raise UserError(f"{where} has no {echo(key)}: {nearest(str(key), RANGE)}")
    for key in ("low", "high"):
        if key not in said:
            raise UserError(f"{where} lacks {key!r}: a range is {{low: ..., high: ...}}.")
    log = said.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"{where}.log should be true or false, not {echo(log)}.")
    for key in ("low", "high", "step"):
        number = said.get(key, 1)
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise UserError(f"{where}.{key} should be a number, not {echo(number)}.")
    low, high, step = said["low"], said["high"], said.get("step")
    if not low < high:
        raise UserError(f"{where} is empty, from {low} to {high}: give a high above its low.")
    if log and not low > 0:
        raise UserError(f"{where} is logarithmic from {low}: give a low above 0, or leave log out.")
    if log and step is not None:
        raise UserError(f"{where} has both log and step: leave one out.")
    if step is not None and not 0 < step <= high - low:
        raise UserError(f"{where}.step is {step}: give a step above 0 and no wider than the range.")
    if step is not None:  # the last value that the steps reach
        first, apart = Decimal(str(low)), Decimal(str(step))
        last = first + apart * ((Decimal(str(high)) - first) // apart)
        high = int(last) if isinstance(high, int) and last == int(last) else float(last)
    return Range(name, path, low, high, log, step)


def _choice(said: dict, name: str, path: Path, where: str) -> Choice:
    if len(said) > 1:
        raise UserError(
            f"{where} has {echo(next(key for key in said if key != 'choices'))} beside choices: leave it out."
        )
    values = said["choices"]
    if not isinstance(values, list) or len(values) < 2:
        raise UserError(f"{where}.choices should be a list of two or more, not {echo(values)}.")
    labels = _labels(values)
    for place, label in enumerate(labels):
        if any(label == other and type(label) is type(other) for other in labels[:place]):
            raise UserError(f"{where}.choices has {echo(values[place])} twice: leave one out.")
    inner = [
        parsed(value, f"{name}[{label}]", path, f"{where}.choices.{place}")
        for place, (value, label) in enumerate(zip(values, labels))
    ]
    return Choice(name, path, tuple(inner), tuple(labels))


def _labels(values: list[Any]) -> list[Any]:
    """The name of each choice: a plain value itself, a class by its name, with arguments if names repeat."""
    if all(value is None or isinstance(value, bool | int | float | str) for value in values):
        kinds = {type(value) for value in values}
        # Optuna treats 1, 1.0 and true as equal
        return (
            list(values) if len(kinds - {type(None)}) == 1 else [config.dump(value).split("\n")[0] for value in values]
        )
    short = [_called(value) for value in values]
    return [name if short.count(name) == 1 else _called(value, whole=True) for name, value in zip(short, values)]


def _called(value: Any, whole: bool = False) -> str:
    if isinstance(value, dict) and "class_path" in value:
        name = str(value["class_path"])
        name = name if whole else name.split(".")[-1]
        arguments = value.get("init_args")
        if not whole or not isinstance(arguments, dict):
            return name
        return f"{name}({', '.join(f'{key}={_called(inner, True)}' for key, inner in arguments.items())})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_called(inner, True)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_called(inner, True) for inner in value) + "]"
    return "null" if value is None else str(value)


def drawing(value: Any, found: Any) -> Iterator[dict[str, Any]]:
    """The draws that would turn a piece of config into the value found at its place, as far as the parts tell."""
    if isinstance(value, Range):
        good = isinstance(found, int | float) and not isinstance(found, bool) and value.low <= found <= value.high
        if good and (
            value.step is None or (Decimal(str(found)) - Decimal(str(value.low))) % Decimal(str(value.step)) == 0
        ):
            yield {value.name: found}
        return
    if isinstance(value, Choice):
        for label, inner in zip(value.labels, value.values):
            for params in drawing(inner, found):
                yield {value.name: label, **params}
        return
    if isinstance(found, dict) and "class_path" in found:
        named = value if isinstance(value, dict) and "class_path" in value else {"class_path": value}
        if named["class_path"] != found["class_path"]:
            return
        value, found = named.get("init_args") or {}, found.get("init_args", {})
    if isinstance(value, dict) and isinstance(found, dict):
        inner = [list(drawing(one, found.get(key))) for key, one in value.items()]
        for several in product(*inner):
            yield {name: one for params in several for name, one in params.items()}
    elif not any(True for _ in within(value, {})):  # the comparison of the whole config decides
        yield {}


def concrete(value: Any, take: Callable[[Any], Any]) -> Any:
    """A piece of config in which each range is replaced by a number and each choice by one of its pieces."""
    if isinstance(value, Range):
        return take(value)
    if isinstance(value, Choice):
        return concrete(value.values[take(value)], take)
    if isinstance(value, dict):
        return {key: concrete(inner, take) for key, inner in value.items()}
    return [concrete(inner, take) for inner in value] if isinstance(value, list) else value


def within(value: Any, picks: dict[str, Any]) -> Iterator[tuple[Range | Choice, dict[str, Any]]]:
    """Every range and choice in a piece of config, with the picks that are needed to reach it."""
    if isinstance(value, Range | Choice):
        yield value, picks
    if isinstance(value, Choice):
        for place, inner in enumerate(value.values):
            yield from within(inner, {**picks, value.name: place})
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(inner, picks)


def bare_lists(value: Any, inside: bool = False) -> Iterator[list[Any]]:
    """Every bare list among the arguments of a part in a piece of config."""
    if isinstance(value, Choice):
        for inner in value.values:
            yield from bare_lists(inner, inside)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from bare_lists(inner, inside or "class_path" in value)
    elif isinstance(value, list):
        if inside and not any(isinstance(inner, dict | list) for inner in value):
            yield value
        for inner in value:
            yield from bare_lists(inner, inside)


def looked_up(plain: Any, path: Path) -> Any:
    """The value at a path of a resolved config; None if there is none."""
    for step in path:
        if isinstance(plain, dict) and "class_path" in plain:
            plain = plain.get("init_args", {})
        if isinstance(plain, list):
            plain = plain[step] if isinstance(step, int) and step < len(plain) else None
        else:
            plain = plain.get(step) if isinstance(plain, dict) else None
    return plain


def _try(means: Plan, path: Path) -> None:
    """Builds the innermost part on a path that needs no data set, so that it can refuse invalid values."""
    here: Any = means
    part: Plan | None = None
    for step in path:
        if isinstance(here, Plan):
            here = here.arguments
        known = isinstance(here, dict) or (isinstance(here, list) and isinstance(step, int) and step < len(here))
        here = None if not known else here.get(step) if isinstance(here, dict) else here[step]
        part = here if isinstance(here, Plan) else part
    if part is None:
        return
    needs = needed(part)
    if not needs:
        part.build({})
    elif needs == {"params"}:
        part.build({"params": [Parameter(torch.zeros(1))]})


def _typed(value: Any, whole: Mapping[str, bool]) -> Any:
    if isinstance(value, Range):
        step = value.step
        if whole[value.name] and step is not None and step != int(step):
            raise UserError(f"{TUNE}.{value.name}.step is {step}, and it takes integers: give a whole step.")
        return replace(value, whole=whole[value.name])
    if isinstance(value, Choice):
        return replace(value, values=tuple(_typed(inner, whole) for inner in value.values))
    if isinstance(value, dict):
        return {key: _typed(inner, whole) for key, inner in value.items()}
    return [_typed(inner, whole) for inner in value] if isinstance(value, list) else value


def _first(space: Range | Choice) -> Any:
    return space.low if isinstance(space, Range) else 0


def _number(step: str) -> Any:
    return int(step) if step.isdecimal() else step


def _path(key: str) -> Path:
    return tuple(_number(step) for step in key.split(".") if step != "init_args")
