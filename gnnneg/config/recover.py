"""The arguments of a network from PyG or torch, recovered from the network, because it does not keep them."""

import itertools
from typing import Any

import torch
from torch import nn
from torch.nn import Dropout, Module, Parameter

from gnnneg.config.signature import MISSING, hands_on, parameters

TRIES = 64  # so many guesses are made at most
PLAIN = (bool, int, float, str, type(None))


def recovered(module: Module) -> dict[str, Any] | None:
    """Arguments that make the same network with other weights; None if they cannot be found.

    They are attributes with the names of the constructor's parameters. The network is then made again and compared with
    the first, to be sure.

    Cost: memory for a few more networks like it during the comparison.
    """
    given = _arguments(module)
    if given is None or not all(_can_be_said(value) for value in given.values()):
        return None
    # an attribute may say what None stood for, and of a switch there may be no attribute
    unsaid = [name for name, (_, default) in parameters(type(module)).items() if default is None]
    either: dict[str, tuple[Any, Any]] = {name: (given[name], None) for name in unsaid if given[name] is not None}
    either |= {name: (default, not default) for name, default in _unseen(module).items()}
    tries = (given | dict(zip(either, some)) for some in itertools.product(*either.values()))
    return next((one for one in itertools.islice(tries, TRIES) if _makes(one, module)), None)


def _unseen(module: Module) -> dict[str, bool]:
    """Options of the network and its layers that are no attributes, and their defaults."""
    found = {}
    for part in (module, *_layers(module)[:1]):
        for name, (_, default) in parameters(type(part)).items():
            if isinstance(default, bool) and not hasattr(part, name):
                found[name] = default
    return found


def _can_be_said(value: Any) -> bool:
    """Whether a config can say a value."""
    if isinstance(value, dict):
        return all(_can_be_said(inner) for inner in value.values())
    return _is_plain(value) or isinstance(value, Module)


def _makes(given: dict[str, Any], module: Module) -> bool:
    """Whether arguments make such a network."""
    try:
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn, and thrown away
            return _alike(module, type(module)(**given))
    except Exception:  # what a constructor may raise has no end
        return False


def _arguments(module: Module) -> dict[str, Any] | None:
    given: dict[str, Any] = {}
    known = parameters(type(module))
    for name, (_, default) in known.items():
        value = _attribute(module, name, default)
        if value is MISSING:
            return None
        given[name] = value
    if "act" in given and isinstance(getattr(module, "act", None), Module):
        given["act"], found = _activation(module.act)
        if "act_kwargs" in known:
            given["act_kwargs"] = found or None
    return given | {name: value for name, value in _of_layers(module).items() if name not in known}


def _attribute(module: Module, name: str, default: Any) -> Any:
    """The value of a parameter, according to the attribute of that name."""
    value = getattr(module, f"{name}_mode", getattr(module, name, default))
    if isinstance(default, bool) and (value is None or isinstance(value, Parameter)):
        return value is not None  # such as bias
    if isinstance(default, float) and isinstance(value, Dropout):
        return value.p
    return value


def _activation(act: Any) -> tuple[str, dict[str, Any]]:
    """The name of an activation, and its arguments that are not defaults."""
    found = {}
    for name, (_, default) in parameters(type(act)).items():
        value = getattr(act, name, default)
        if value != default:
            found[name] = value
    return type(act).__name__.lower(), found


def _of_layers(module: Module) -> dict[str, Any]:
    """The arguments that a network passes on to its layers and that are not defaults."""
    found = {}
    for layer in _layers(module)[:1]:
        for name, (_, default) in parameters(type(layer)).items():
            value = _attribute(layer, name, default)
            if default is not MISSING and value is not MISSING and isinstance(value, PLAIN) and value != default:
                found[name] = value
    return found


def _layers(module: Module) -> list[Module]:
    """The layers to which a PyG network passes arguments on."""
    layers = getattr(module, "convs", None)
    return list(layers) if isinstance(layers, nn.ModuleList) and hands_on(type(module)) else []


def _alike(one: Module, other: Module) -> bool:
    """Whether two networks differ in their weights alone."""
    states = [{k: (v.shape, v.dtype) for k, v in m.state_dict().items() if hasattr(v, "shape")} for m in (one, other)]
    weights = [[name for name, _ in m.named_parameters()] for m in (one, other)]
    parts = [dict(m.named_modules()) for m in (one, other)]
    return (
        states[0] == states[1]
        and weights[0] == weights[1]
        and repr(one) == repr(other)
        and parts[0].keys() == parts[1].keys()
        and all(_settings(part) == _settings(parts[1][name]) for name, part in parts[0].items())
    )


def _settings(module: Module) -> tuple[type, dict[str, Any]]:
    """The class of a module, and its attributes that are plain values."""
    plain = {key: value for key, value in vars(module).items() if key != "training" and _is_plain(value)}
    return type(module), plain


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, PLAIN)
