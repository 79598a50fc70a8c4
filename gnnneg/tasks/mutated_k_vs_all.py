"""A name of an earlier version."""

from gnnneg.former import warn
from gnnneg.tasks.k_vs_all import KvsAll
from gnnneg.tasks.shared_mask import SharedMask


def MutatedKvsAll(plain: KvsAll, share: float, label: float = 0.0, scale: float = 1.0) -> KvsAll:
    """What ``KvsAll(..., mutation=SharedMask(share, label), scale=scale)`` was called, whose other options are those of
    ``plain``.
    """
    warn("MutatedKvsAll", "KvsAll(..., mutation=SharedMask(...), scale=...)")
    args, given = plain.made_with
    return KvsAll(*args, **{**given, "mutation": SharedMask(share, label), "scale": scale})
