"""Settings of a config among the words of a command line: ``--fit.epochs 5 --seed=3``."""

from collections.abc import Sequence

KEYS = ("data", "task", "optimizer", "scheduler", "fit", "evaluation", "seed", "device")


def parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without the settings, and the settings with their values."""
    known: list[str] = []
    settings: list[str] = []
    rest = iter(words)
    for word in rest:
        key, given, _ = word.partition("=")
        if not (key.startswith("--") and ("." in key or key[2:] in KEYS)):
            known.append(word)
            continue
        settings.append(word)
        if not given:
            settings.extend(value for value in [next(rest, None)] if value is not None)
    return known, settings
