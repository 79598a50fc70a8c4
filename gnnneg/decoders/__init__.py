"""Decoders: a relation changes its anchor, and a similarity compares the result with candidates."""

from gnnneg.decoders.complex import ComplEx
from gnnneg.decoders.distmult import DistMult
from gnnneg.decoders.ermlpe import ERMLPE
from gnnneg.decoders.hake import HAKE, Polar
from gnnneg.decoders.rescal import RESCAL
from gnnneg.decoders.rotate import RotatE
from gnnneg.decoders.similarity import Distance, Inner, Modulus
from gnnneg.decoders.transd import DynamicMapping, TransD
from gnnneg.decoders.transe import TransE
from gnnneg.decoders.transh import Hyperplane, TransH

__all__ = [
    "ERMLPE",
    "HAKE",
    "RESCAL",
    "ComplEx",
    "DistMult",
    "Distance",
    "DynamicMapping",
    "Hyperplane",
    "Inner",
    "Modulus",
    "Polar",
    "RotatE",
    "TransD",
    "TransE",
    "TransH",
]
