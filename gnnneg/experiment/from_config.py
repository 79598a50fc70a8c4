"""Training what a config says."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from gnnneg import config, datasets, distributed, run_files
from gnnneg.config import Plan, Tree
from gnnneg.data.catalogue import CARD, cards
from gnnneg.data.gate import look_over
from gnnneg.experiment import folder
from gnnneg.experiment.execute import execute
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.resumed import resume
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import TUNE, anchored, outline, plan, source, watchers
from gnnneg.experiment.setup import Setup, assemble
from gnnneg.experiment.warm import begin, found
from gnnneg.plain import visible
from gnnneg.run_folder import chosen
from gnnneg.training import Watcher
from gnnneg.trust import allowing

WARM = "warm"


def train_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    progress: bool = True,
    allow: str | Sequence[str] = (),
    track: Sequence[Watcher] = (),
) -> Run:
    """Trains what a config says; by a process that ``torchrun`` has started again, goes on with it.

    Args:
        path (str or Path): The YAML.
        overrides (list[str]): Settings over it, ``["--fit.epochs", "5"]``.
        out (str or Path, optional): The run folder. (default: ``runs/<data set>-<config>-<seed>``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        allow (str or list[str]): Modules that are not gnnneg's and whose classes the config may name.
        track (list[Watcher]): Who watches beside those that the config names; the run's config does not name them.
    """
    means, own = read(path, overrides, allow), holder(path, overrides)
    home = chosen(out, source(means).name, path, means.arguments["seed"])
    if distributed.restarted() and (home / run_files.CONFIG).is_file():
        return resume(home, progress, allow=allow, track=track)
    if home.exists() and distributed.rank() == 0:
        folder.claim(home)  # said before the data are fetched
    watching = [*watchers(means), *track]
    setup = _assembled(means, own, allow)
    setup.track = watching
    if setup.warm is not None and progress and distributed.rank() == 0:
        print(visible(str(setup.warm)), file=sys.stderr)
    return execute(setup, home, own is None and source(means).again, progress, forget=True)


def untrained(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Run:
    """What a config says, built but not trained; it may name classes of the modules ``allow``."""
    setup = _assembled(read(path, overrides, allow), holder(path, overrides), allow)
    setup.model.eval()
    return Run(setup, {})


def _assembled(means: Plan, own: Path | None, allow: str | Sequence[str]) -> Setup:
    """What it means on its data set, or on the statements that the run of the folder ``own`` holds."""
    asked = source(means)
    graphs = asked.graphs() if own is None else Kept(own, None, None, allow).graphs
    look_over(graphs[0], Path(asked.name).name)
    setup = assemble(means, *graphs)
    begin(setup, allow)
    return setup


def read(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Plan:
    """What a YAML says, with settings over it; it may name classes of the modules ``allow``.

    What it says of tuning is left aside, which is told.
    """
    tree = told(path, overrides)
    if TUNE in tree:
        warnings.warn(
            f"The {TUNE} section of {path} is left aside, and the values that it has beside it are taken: "
            f"'gnnneg tune {path}' chooses among them.",
            stacklevel=2,
        )
    with allowing(allow):
        return plan(tree)


def told(path: str | Path, overrides: Sequence[str] = ()) -> Tree:
    """What a YAML says, with settings over it, as a tree; paths in it are right from every working directory."""
    tree = config.long_form(config.read(path))
    config.override(tree, overrides)
    tree = anchored(tree)
    tree = warmed(tree)
    asked = source(outline(tree))
    place = None if holder(path, overrides) else _place(asked.name)
    if place is not None:
        tree["data"]["name"] = str(place.resolve())
    if asked.verdicts is not None:
        tree["data"]["verdicts"] = str(Path(asked.verdicts).expanduser().resolve())
    if asked.root is not None:
        tree["data"]["root"] = str(Path(asked.root).expanduser().resolve())
    return tree


def warmed(tree: Tree) -> Tree:
    """The same config with the whole paths of what its model begins with, also where tuning chooses among several.

    Raises:
        UserError: If there is nothing at one.
    """
    tree = dict(tree)
    if isinstance(tree.get(WARM), str):
        tree[WARM] = found(tree[WARM])
    tuned = tree.get(TUNE)
    if isinstance(tuned, dict) and WARM in tuned:
        said = tuned[WARM]
        values = said.get("choices") if isinstance(said, dict) else said
        if isinstance(values, list):
            here = [found(value) if isinstance(value, str) else value for value in values]
            tree[TUNE] = {**tuned, WARM: {**said, "choices": here} if isinstance(said, dict) else here}
    return tree


def holder(path: str | Path, overrides: Sequence[str]) -> Path | None:
    """The run folder that a config lies in, if the run holds its own statements and no others are asked for."""
    others = ("--data.name", "--data.verdicts", "--data.whose")
    home = Path(path).parent
    here = all((home / file).is_file() for file in (run_files.STATEMENTS, run_files.ENVIRONMENT))
    if here and not any(word.partition("=")[0] in others for word in overrides):
        return home
    return None


def _place(name: str) -> Path | None:
    """The folder that a data set's name means; told is where a built-in one comes before a folder of that name."""
    place = datasets.folder_of(name)
    if place is None and (Path(name) / CARD).is_file() and (Path(name) / CARD).resolve().parent.parent != cards():
        warnings.warn(f"{name} is the built-in data set, not the folder here: write ./{name} for that.", stacklevel=4)
    return place
