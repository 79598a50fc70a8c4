"""Settings of a config among the words of a command line: ``--fit.epochs 5 --seed=3``."""

import argparse
from collections.abc import Collection, Sequence

KEYS = ("data", "task", "optimizer", "scheduler", "fit", "evaluation", "seed", "device", "track", "warm")


def parted(words: Sequence[str], own: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """The words without the settings, and the settings with their values.

    Args:
        words (list[str]): A command line.
        own (collection): Options of the command itself, such as ``--seed`` of ``data import`` or ``--device`` of
            ``evaluate``. These are no settings.
    """
    known: list[str] = []
    settings: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        key, given, _ = word.partition("=")
        if key in own or not (key.startswith("--") and ("." in key or key[2:] in KEYS)):
            known.append(word)
            continue
        settings.append(word)
        if not given and rest and not rest[0].startswith("--"):
            settings.append(rest.pop(0))
    return known, settings


def options(parser: argparse.ArgumentParser, words: Sequence[str]) -> set[str]:
    """The options of a parser and of the commands within it that the words name."""
    found: set[str] = set()
    rest = list(words)
    while True:
        found |= set(parser._option_string_actions)
        commands = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        inner = next((word for word in rest if any(word in choices for choices in commands)), None)
        if inner is None:
            return found
        rest = rest[rest.index(inner) + 1 :]
        parser = next(choices[inner] for choices in commands if inner in choices)
