"""Samplers: which entities are offered as wrong answers."""

from gnnneg.samplers.all import All
from gnnneg.samplers.filtered import Filtered
from gnnneg.samplers.in_batch import InBatch
from gnnneg.samplers.uniform import Uniform

__all__ = ["All", "Filtered", "InBatch", "Uniform"]
