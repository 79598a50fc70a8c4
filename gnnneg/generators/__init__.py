"""Generators: negatives that belong to no entity."""

from gnnneg.former import former_names
from gnnneg.generators.adversary import Adversary, AsReleased
from gnnneg.generators.dans import DANS
from gnnneg.generators.denied import DeniedStatements
from gnnneg.generators.emu import EMU
from gnnneg.generators.gndn import GNDN
from gnnneg.generators.hardest import HardestEMU
from gnnneg.generators.learned import LearnedEMU
from gnnneg.generators.matched import MatchedEMU
from gnnneg.generators.mixup import Mixup
from gnnneg.generators.paced import SelfPacedEMU
from gnnneg.generators.redrawn import Redrawn

__all__ = [
    "DANS",
    "EMU",
    "GNDN",
    "Adversary",
    "AsReleased",
    "DeniedStatements",
    "HardestEMU",
    "LearnedEMU",
    "MatchedEMU",
    "Mixup",
    "Redrawn",
    "SelfPacedEMU",
]

__getattr__ = former_names(__name__)
