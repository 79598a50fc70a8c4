"""Whether parts go together, tried for one step on a small world."""

import warnings
from functools import cache
from typing import Any

import torch

from gnnneg import decoders, world
from gnnneg.config import resolve
from gnnneg.config.signature import MISSING, options, parameters
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError
from gnnneg.interfaces import Decoder, Task

FILLED: dict[type, Any] = {int: 4, float: 0.5, bool: False, str: ""}
NEGATIVES = {"class_path": "Uniform", "init_args": {"num_negatives": 8}}
CHANNELS = 8


@cache
def refused(generator: type) -> tuple[str, ...]:
    """The decoders with which a generator makes no step."""
    return tuple(name for name in _decoders() if not _steps(generator, name))


def _decoders() -> list[str]:
    found = [getattr(decoders, name) for name in decoders.__all__]
    return [one.__name__ for one in found if isinstance(one, type) and issubclass(one, Decoder)]


@cache
def _small() -> tuple[Any, Facts]:
    data = world(40).data
    return data, Facts(data)


def _steps(generator: type, decoder: str) -> bool:
    data, facts = _small()
    made = {"class_path": "Lookup", "init_args": {"hidden_channels": CHANNELS}}
    tree = {
        "class_path": "LinkPrediction",
        "init_args": {
            "model": {"class_path": "KGEModel", "init_args": {"encoder": made, "decoder": decoder}},
            "corruption": "Both",
            "sampler": NEGATIVES,
            "loss": "InfoNCE",
            "generators": [_filled(generator)],
        },
    }
    torch.manual_seed(0)
    task = resolve(Task, tree, "task", FACTS).build(facts)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = type(examples := task.examples(triplets(data, "stated", "train")))(*(part[:4] for part in examples))
            task(batch, torch.Generator().manual_seed(0)).backward()
    except UserError:
        return False
    return True


def _filled(generator: type) -> dict[str, Any]:
    """A piece of config with some value for every key that must be given."""
    given: dict[str, Any] = {}
    for key, (annotation, default) in parameters(generator).items():
        if default is not MISSING or key in FACTS:
            continue
        if key == "hidden_channels":
            given[key] = CHANNELS
            continue
        kind = options(annotation)[0]
        given[key] = {"Sampler": NEGATIVES, "Generator": "Mixup"}.get(kind.__name__, FILLED.get(kind))
    return {"class_path": generator.__name__, **({"init_args": given} if given else {})}
