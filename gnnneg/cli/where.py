"""Options of every command that reads a run: the device and the place of the data set."""

import argparse
from collections.abc import Sequence


def where(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--device", help="where to work, such as cpu or cuda, whatever the run's config says")
    parser.add_argument(
        "--data.name",
        dest="data",
        metavar="FOLDER",
        help="where the run's data set is now (default: where it was, or beside the run)",
    )


def chosen(settings: Sequence[str]) -> tuple[str | None, str | None, list[str]]:
    """The same options among settings of a config: device, data set, and the other settings."""
    found: dict[str, str | None] = {"--device": None, "--data.name": None}
    left: list[str] = []
    rest = list(settings)
    while rest:
        word = rest.pop(0)
        key, given, value = word.partition("=")
        if key not in found or not (given or rest):
            left.append(word)
            continue
        found[key] = value if given else rest.pop(0)
    return found["--device"], found["--data.name"], left
