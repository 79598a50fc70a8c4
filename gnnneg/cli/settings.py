"""Settings of a config among the words of a command line: ``--fit.epochs 5 --seed=3``."""

from collections.abc import Sequence

KEYS = ("data", "task", "optimizer", "scheduler", "fit", "evaluation", "seed", "device")


def parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without the settings, and the settings with their values."""
    known: list[str] = []
    settings: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        key, given, _ = word.partition("=")
        if not (key.startswith("--") and ("." in key or key[2:] in KEYS)):
            known.append(word)
            continue
        settings.append(word)
        if not given and rest and not rest[0].startswith("--"):
            settings.append(rest.pop(0))
    return known, settings
