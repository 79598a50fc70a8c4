"""Samplers made of samplers."""

from abc import ABC

from torch.nn import ModuleList

from gnnneg.interfaces import Sampler


class Composed(Sampler, ABC):
    """Is corrected if the samplers in it are."""

    @property
    def is_corrected(self) -> bool | None:
        parts = [part for child in self.children() for part in (child if isinstance(child, ModuleList) else [child])]
        said = {part.is_corrected for part in parts if isinstance(part, Sampler)}
        return said.pop() if len(said) == 1 else None
