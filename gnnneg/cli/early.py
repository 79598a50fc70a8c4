"""Errors that a command finds before it imports torch: wrong paths, unknown data sets, misspelt names.

Nothing right is refused here. Uncertain cases are left to the later checks.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnneg import run_folder, sources, tree
from gnnneg.data import options
from gnnneg.data.catalogue import CARD, card, folder_of, read_card, with_split_nodes
from gnnneg.errors import UserError, echo, nearest
from gnnneg.run_files import CONFIG, ENVIRONMENT, STATEMENTS

RUNS = ("resume", "evaluate", "predict", "negatives", "nearest", "export", "pack")  # whose path is a run folder
CONFIGS = ("train", "tune", "plan")
FILLED = {"num_nodes", "num_relations", "known", "denied", "types", "graph", "params"}  # in by the data set
LATE = "torch"  # once this is imported there is nothing to be gained


def refuse(args: argparse.Namespace) -> None:
    """Checks the arguments of a command.

    Raises:
        UserError: If one is wrong.
    """
    if LATE in sys.modules:
        return
    if args.command in CONFIGS and args.config is not None:
        new = args.command == "train" and args.seeds is None and not args.print_config
        config(args.config, args.settings, args.out if new else None, new, args.command != "plan")
    elif args.command in RUNS and (args.command == "resume" or not Path(args.path).is_file()):  # a pack, or a config
        run_folder.opened(Path(args.path))
    elif args.command == "serve":
        for path in map(Path, args.paths):
            if not path.is_file():  # a pack
                run_folder.opened(path)
    elif args.command == "negatives":
        config(args.path, args.settings)
    elif args.command == "data" and args.action in ("info", "check"):
        dataset(args.name)
    elif args.command == "data" and args.action == "fetch":
        for name in args.name:
            card(name)
    elif args.command == "data" and args.action == "import":
        options.refuse(Path(args.path), Path(args.out), args.denied, args.seed, args.mirrored)
    name = getattr(args, "evaluator", None)
    if name is not None:
        _part("Evaluator", name, "EVALUATOR")


def dataset(name: str) -> None:
    """Refuses a name or a folder that is no data set.

    Raises:
        UserError: If it is wrong.
    """
    folder = folder_of(name)
    if folder is not None:
        read_card(folder / CARD)
    else:
        card(name)


def config(path: str, settings: Sequence[str], out: str | None = None, new: bool = False, data: bool = True) -> None:
    """Refuses a config if its file, a key, a class or its data set is unknown, or if the folder holds another run.

    Args:
        path (str): The YAML.
        settings (list[str]): Settings that override it.
        out (str, optional): The folder of the new run.
        new (bool): Whether there is a new run. (default: :obj:`False`)
        data (bool): Whether the command loads the data set. (default: :obj:`True`)

    Raises:
        UserError: If it is wrong.
    """
    said = tree.long_form(tree.read(path))
    tree.override(said, settings)
    said = tree.long_form(said)  # a setting may be a bare list too
    if not _others(said):
        asked = {key: value for key, value in said.items() if key != tree.TUNE}
        _arguments(sources.classes()["Settings"], asked, "", False)
    source = said.get("data")
    source = source if isinstance(source, dict) else {}
    name = source.get("name")
    own = all((Path(path).parent / file).is_file() for file in (CONFIG, ENVIRONMENT, STATEMENTS))
    if isinstance(name, str) and data and not own:
        if name not in with_split_nodes():
            dataset(name)
        if isinstance(source.get("verdicts"), str):
            from gnnneg.verdicts.judged import refuse_absent

            refuse_absent(Path(source["verdicts"]).expanduser())
    if new and isinstance(name, str) and "WORLD_SIZE" not in os.environ:  # torchrun may have restarted its own run
        home = run_folder.chosen(out, name, path, said.get("seed", 0))
        if not (home / run_folder.LOCK).exists():  # who holds it, or was killed in it, is found out later
            run_folder.refuse_used(home)


def _others(part: Any) -> bool:
    """Whether classes of other modules are named. These may have any parts."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    dotted = isinstance(part, str) and re.fullmatch(r"[^\W\d]\w*(\.\w+)+", part)
    return bool(dotted) or any(_others(one) for one in inner)


def _part(annotation: str, value: Any, key: str) -> None:
    """Checks a piece of config against ``annotation``."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            _part(annotation, item, f"{key}.{place}")
        return
    asked = {word for word in re.findall(r"\w+", annotation) if word in sources.classes() or word in sources.ELSEWHERE}
    if len(asked) != 1:
        return
    family = asked.pop()
    written = value.get("class_path") if isinstance(value, dict) else value
    found = sources.members(family)
    plain = re.search(r"\b(str|Any|Literal)\b", annotation)
    if isinstance(written, str) and found and not plain:
        if "." in written or written in sources.former():
            return
        if written not in found:
            raise UserError(f"{key}: there is no {family} called {echo(written)}; {nearest(written, found)}")
        _arguments(found[written], value.get("init_args") if isinstance(value, dict) else None, key, True)
    elif isinstance(value, dict) and "class_path" not in value and not found and family in sources.classes():
        _arguments(sources.classes()[family], value, key, False)


def _arguments(cls: sources.Source, given: Any, key: str, named: bool) -> None:
    """Checks the arguments of a class."""
    known = cls.parameters
    if known is None or not isinstance(given, dict):
        return
    here = f"{key} ({cls.name})" if named else key or "The config"
    free = [name for name in known if name not in FILLED]
    for name, value in given.items():
        if name in known:
            _part(known[name], value, f"{key}.{name}" if key else name)
        elif not cls.mentions(str(name)):
            raise UserError(tree.no_key(here, str(name), free))
