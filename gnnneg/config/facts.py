"""The former place of :mod:`gnnneg.data.facts`; the next version does not have it."""

from gnnneg.data import facts
from gnnneg.former import warn


def __getattr__(name: str) -> object:
    if name not in ("FACTS", "Facts"):
        raise AttributeError(f"module 'gnnneg.config' has no attribute {name!r}")
    warn(f"gnnneg.config.{name}", f"gnnneg.data.facts.{name}")
    return getattr(facts, name)
