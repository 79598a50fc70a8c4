"""Samplers: which entities are offered as wrong answers."""

from gnnneg.former import former_names
from gnnneg.samplers.all import All
from gnnneg.samplers.cached import Cached
from gnnneg.samplers.child import Child
from gnnneg.samplers.corrected import Corrected
from gnnneg.samplers.corrupt import Corrupt
from gnnneg.samplers.curriculum import Curriculum
from gnnneg.samplers.denied import Denied
from gnnneg.samplers.discounted import Discounted
from gnnneg.samplers.diverse import Diverse
from gnnneg.samplers.filtered import Filtered
from gnnneg.samplers.hard_draw import HardDraw
from gnnneg.samplers.hardest import Hardest
from gnnneg.samplers.in_batch import InBatch
from gnnneg.samplers.influence import Influence
from gnnneg.samplers.k_hop import KHop
from gnnneg.samplers.kbgan import KBGAN
from gnnneg.samplers.kmas import KMAS
from gnnneg.samplers.mcns import MCNS
from gnnneg.samplers.mixture import Mixture
from gnnneg.samplers.nearest import Nearest
from gnnneg.samplers.noise_contrastive import NoiseContrastive
from gnnneg.samplers.padded import Padded
from gnnneg.samplers.popular import Popular
from gnnneg.samplers.pre_batch import PreBatch
from gnnneg.samplers.projected import Projected
from gnnneg.samplers.random_walk import RandomWalk
from gnnneg.samplers.relational import Relational
from gnnneg.samplers.self_paced import SelfPaced
from gnnneg.samplers.typed import Typed
from gnnneg.samplers.uniform import Uniform
from gnnneg.samplers.with_critic import WithCritic

__all__ = [
    "KBGAN",
    "KMAS",
    "MCNS",
    "All",
    "Cached",
    "Child",
    "Corrected",
    "Corrupt",
    "Curriculum",
    "Denied",
    "Discounted",
    "Diverse",
    "Filtered",
    "HardDraw",
    "Hardest",
    "InBatch",
    "Influence",
    "KHop",
    "Mixture",
    "Nearest",
    "NoiseContrastive",
    "Padded",
    "Popular",
    "PreBatch",
    "Projected",
    "RandomWalk",
    "Relational",
    "SelfPaced",
    "Typed",
    "Uniform",
    "WithCritic",
]

__getattr__ = former_names(__name__)
