"""A small DANS, and a model that those who make vectors are tried on."""

from dataclasses import fields

import torch
from examples import CHANNELS, RELATIONS, kge, known, toy

from gnnneg.corruption import Both
from gnnneg.decoders import DistMult
from gnnneg.generators import DANS, Adversary
from gnnneg.records import Negatives

NONE = Negatives(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1))


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dans(**options) -> DANS:
    """One whose adversary's options stand beside its own."""
    learning = {field.name: options.pop(field.name) for field in fields(Adversary) if field.name in options}
    return DANS(known(), CHANNELS, **{"width": 12, **options}, adversary=Adversary(**learning))


def asked(decoder=DistMult, size: float = 1.0):
    torch.manual_seed(0)
    model = kge(decoder)
    model.encoder.weight.data *= size
    query, target = Both(RELATIONS)(toy())
    return model, model.scorer(model.encode(None), query), query, target


def rms(vector: torch.Tensor) -> torch.Tensor:
    return vector.detach().square().mean().sqrt()
