"""A config resolved against constructors: classes are found by annotation, types checked, defaults filled in."""

import inspect
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from torch import nn

from gnnneg.config.names import find, members, path
from gnnneg.config.signature import (
    MISSING,
    check,
    declares,
    elements,
    gone,
    hands_on,
    is_built,
    is_foreign,
    mirrored,
    name,
    options,
    parameters,
    renamed,
)
from gnnneg.errors import FEW, UserError, echo
from gnnneg.former import current
from gnnneg.tree import no_key

# what a part says for the parts beside it: a decoder is as wide as the encoder it reads
WIDTH = "hidden_channels"
ALIKE = 0.85  # names as near as this are one, misspelt

# names of parameters that will be filled in, and the type that such a parameter must have (None for any)
Facts = Mapping[str, type | None]


@dataclass(frozen=True)
class Plan:
    """A class and its arguments; facts of the data set are added when it is built.

    Args:
        cls (type): The class.
        arguments (dict): Its arguments by name, with defaults; parts are plans.
        linked (tuple): Names of the parameters that get facts.
        key (str): Its key in the config, for errors.
        named (bool): Whether the config has to name the class, because others would fit too.
    """

    cls: type
    arguments: dict[str, Any]
    linked: tuple[str, ...]
    key: str
    named: bool

    def plain(self) -> Any:
        """The config of this plan, with every default and without facts."""
        arguments = {name: _plain(value) for name, value in self.arguments.items()}
        if not self.named:
            return arguments
        return {"class_path": path(self.cls), **({"init_args": arguments} if arguments else {})}

    def build(self, facts: Mapping[str, Any]) -> Any:
        """Makes the object, its parts first.

        Args:
            facts (Mapping): Values by parameter name. For the parts beside an encoder, its width is one of them.

        Raises:
            UserError: If a constructor refuses its arguments, or a part has another width than the encoder.
        """
        scope: ChainMap[str, Any] = ChainMap({}, facts)  # type: ignore[arg-type]
        given: dict[str, Any] = {}
        for parameter in parameters(self.cls):
            seen = scope.new_child(scope["mirror"]) if parameter in mirrored(self.cls) else scope
            if parameter in self.arguments:
                given[parameter] = _build(self.arguments[parameter], seen)
                if declares(type(given[parameter]), WIDTH):
                    scope[WIDTH] = getattr(given[parameter], WIDTH)
            elif parameter in self.linked and not self._unread(parameter, given):
                given[parameter] = seen[parameter]
        given |= {extra: value for extra, value in self.arguments.items() if extra not in given}
        here = f"{self.key} ({self.cls.__name__})"
        width = given.get(WIDTH)
        if WIDTH in facts and width != facts[WIDTH] and width is not None and not declares(self.cls, WIDTH):
            raise UserError(f"{here}: {WIDTH} is {width}, but the encoder's is {facts[WIDTH]}: leave it out.")
        try:
            made = self.cls(**given)
        except UserError as error:
            if str(error).startswith(f"{self.cls.__name__}("):  # of its own arguments: say where they stand
                raise UserError(f"{self.key}: {error}") from error
            raise
        except Exception as error:
            raise UserError(f"{here}: {_reason(error)}") from error
        if isinstance(made, nn.Module) and not hasattr(made, "made_with"):  # a part remembers it by itself
            object.__setattr__(made, "made_with", ((), given))
        return made

    def _unread(self, parameter: str, given: dict[str, Any]) -> bool:
        """Whether it is the graph and the model does not use it. Then its edges need not be made."""
        looks = getattr(given.get("model"), "uses_graph", True)
        return parameter == "graph" and not looks and parameters(self.cls)[parameter][1] is None


def _reason(error: Exception) -> str:
    """Why a constructor refused its arguments."""
    words = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "allocate" in words or "memory" in words.lower():
        return "there is not enough memory for it: give smaller numbers."
    return words if isinstance(error, ValueError | TypeError) and words else f"{type(error).__name__}: {words}"


def resolve(annotation: Any, value: Any, key: str = "", facts: Facts | None = None) -> Any:
    """The meaning of ``value`` under an annotation: a :class:`Plan`, a collection of plans, or a plain value.

    Args:
        annotation: The required type. Class names are those of its subclasses.
        value: A piece of config: ``{class_path: ..., init_args: {...}}``, the bare name of a class without required
            arguments, the bare arguments if only one class fits, or a plain value.
        key (str): Its key in the config, for errors.
        facts (Mapping): Names (and types) of the parameters that get facts when it is built.

    Raises:
        UserError: If a class or key is unknown (with the nearest ones), or a value is of another type.
    """
    facts = facts or {}
    if value is None and type(None) in options(annotation):
        return None
    plain = [option for option in options(annotation) if not is_built(option) and elements(option) is None]
    for option in options(annotation):
        if is_built(option):
            if isinstance(value, int | float) and any(option in (int, float, bool) for option in plain):
                break  # a number where a number would do as well as a part
            if isinstance(value, str) and str in plain and value not in members(option):
                break  # a word where a word would do, such as PyG's name of an aggregation
            return _plan(option, value, key, facts)
        collection = elements(option)
        if collection is None:
            continue
        kind, inner = collection
        if kind is dict and isinstance(value, dict):
            return {place: resolve(inner, item, f"{key}.{place}", facts) for place, item in value.items()}
        if kind is list and isinstance(value, list | tuple):
            return [resolve(inner, item, f"{key}.{place}", facts) for place, item in enumerate(value)]
        raise UserError(f"{key} should be a {'mapping' if kind is dict else 'list'}, not {echo(value)}.")
    return check(annotation, value, key)


def resolve_whole(schema: type, tree: Any, facts: Mapping[str, Facts]) -> Plan:
    """A whole config. Its keys are the parameters of ``schema``'s constructor.

    Args:
        schema (type): The class with these parameters.
        tree (dict): The config.
        facts (Mapping): The facts for each key, as for :func:`resolve`.
    """
    return _arguments(schema, tree, "", {}, False, facts)


def _plan(family: type, value: Any, key: str, facts: Facts) -> Plan:
    known = members(family)
    named = bool(known) or inspect.isabstract(family)
    if isinstance(value, dict) and "class_path" in value:
        beside = [other for other in value if other not in ("class_path", "init_args")]
        if beside:
            raise UserError(f"{key} has {beside[0]!r} beside class_path: arguments go under init_args.")
        cls, arguments = find(family, value["class_path"], key), value.get("init_args")
    elif isinstance(value, str) and named:
        cls, arguments = find(family, value, key), None
    elif named:
        raise UserError(f"{key} should be a {family.__name__}, class_path: {_choice(known)}; not {echo(value)}.")
    elif isinstance(value, dict):
        cls, arguments = family, value
    else:
        empty = ": leave it out for its defaults" if value is None else ""
        raise UserError(f"{key} should be a mapping with {', '.join(parameters(family))}, not {echo(value)}{empty}.")
    arguments = {} if arguments is None else arguments
    if not isinstance(arguments, dict):
        raise UserError(f"{key}.init_args should be a mapping, not {echo(arguments)}.")
    return _arguments(cls, arguments, key, facts, named)


def _arguments(
    cls: type, written: dict, key: str, facts: Facts, named: bool, under: Mapping[str, Facts] | None = None
) -> Plan:
    here = f"{key} ({cls.__name__})" if named else key or "The config"
    facts = {} if is_foreign(cls) else facts
    known, scope = parameters(cls), ChainMap({}, dict(facts))
    written = current(getattr(cls, "reworded", dict)(written), renamed(cls), here)
    _refuse(written, known, facts, here, hands_on(cls), gone(cls))
    arguments: dict[str, Any] = {}
    linked = []
    for parameter, (annotation, default) in known.items():
        inside = f"{key}.{parameter}" if key else parameter
        if parameter in written:
            joining = (under or {}).get(parameter, scope)
            arguments[parameter] = resolve(annotation, written[parameter], inside, joining)
        elif _is_fact(parameter, annotation, scope):
            linked.append(parameter)
        elif default is MISSING:
            kind = "" if annotation is Any else f" ({name(annotation)})"
            raise UserError(f"{here} needs {parameter!r}{kind}.")
        elif is_built(annotation) and default is not None:
            arguments[parameter] = resolve(annotation, {}, inside, scope)
        else:
            arguments[parameter] = _as_written(annotation, default)
        part = arguments.get(parameter)
        if isinstance(part, Plan) and declares(part.cls, WIDTH):
            scope[WIDTH] = int
    arguments |= {extra: value for extra, value in written.items() if extra not in known}
    return Plan(cls, arguments, tuple(linked), key, named)


def _choice(known: Iterable[str]) -> str:
    """The names, or their number if they are many."""
    names = sorted(known)
    if len(names) <= FEW:
        return f"one of {', '.join(names)}"
    return f"one of {len(names)}, such as {', '.join(names[:3])}"


def _as_written(annotation: Any, default: Any) -> Any:
    """A default as a config would give it: 0 is 0.0 if the type is float."""
    try:
        return check(annotation, default, "")
    except UserError:
        return default  # torch has defaults of other types than it declares


def _refuse(written: dict, known: dict[str, Any], facts: Facts, here: str, more: bool, once: Mapping[str, str]) -> None:
    """Refuses facts, which a config never holds, and keys that are no parameters, or that were parameters ``once``.

    If the constructor takes ``more`` keys, only those are refused that look like a misspelt parameter.
    """
    fact = {p for p, (annotation, _) in known.items() if p != WIDTH and _is_fact(p, annotation, facts)}
    free = [parameter for parameter in known if parameter not in fact]
    for parameter in written:
        if parameter in fact:
            raise UserError(f"{here}: {parameter!r} is a fact of the data set and is filled in: leave it out.")
        if parameter in once:
            raise UserError(f"{here} has no {parameter!r} any more: {once[parameter]}.")
        if parameter not in known:
            if more and not get_close_matches(str(parameter), free, cutoff=ALIKE):
                continue
            raise UserError(no_key(here, str(parameter), free))


def _is_fact(parameter: str, annotation: Any, facts: Facts) -> bool:
    if parameter not in facts:
        return False
    kind = facts[parameter]
    return kind is None or annotation is Any or kind in options(annotation)


def _build(value: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(value, Plan):
        return value.build(scope)
    if isinstance(value, dict):
        return {key: _build(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_build(item, scope) for item in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Plan):
        return value.plain()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
