"""Generators: negatives that belong to no entity."""

from gnnneg.generators.dans import DANS, Faults
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
    "DeniedStatements",
    "Faults",
    "HardestEMU",
    "LearnedEMU",
    "MatchedEMU",
    "Mixup",
    "Redrawn",
    "SelfPacedEMU",
]
