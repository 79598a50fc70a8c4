"""Trains a config."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from gnnneg import config, datasets, distributed, run_files
from gnnneg.config import Plan, Tree
from gnnneg.data.catalogue import CARD, cards
from gnnneg.data.gate import look_over
from gnnneg.experiment import folder, restarted
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
from gnnneg.training.watching import listed
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
    """Trains a config. If ``torchrun`` has restarted the processes that began this run, it is resumed.

    Args:
        path (str or Path): The YAML.
        overrides (list[str]): Settings that replace its own, such as ``["--fit.epochs", "5"]``.
        out (str or Path, optional): The run folder. (default: ``runs/<data set>-<config>-<seed>``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        allow (str or list[str]): Other modules than gnnneg's whose classes the config may use.
        track (list[Watcher]): Watchers in addition to those of the config. The run's config does not name them.
    """
    means, own = read(path, overrides, allow), holder(path, overrides)
    home = chosen(out, source(means).name, path, means.arguments["seed"])
    with allowing(allow):
        begun = restarted.begun(home, means)
    if begun:
        return resume(home, progress, allow=allow, track=track)
    if home.exists() and distributed.rank() == 0:
        folder.claim(home)  # fails before the data are downloaded
    watching = [*watchers(means), *listed(track)]
    setup = _assembled(means, own, allow)
    setup.track = watching
    if setup.warm is not None and progress and distributed.rank() == 0:
        print(visible(str(setup.warm)), file=sys.stderr)
    return execute(setup, home, own is None and source(means).again, progress, forget=True)


def untrained(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Run:
    """Builds a config without training. It may use classes of the modules ``allow``."""
    setup = _assembled(read(path, overrides, allow), holder(path, overrides), allow)
    setup.model.eval()
    return Run(setup, {})


def _assembled(means: Plan, own: Path | None, allow: str | Sequence[str]) -> Setup:
    """Builds a plan on its data set, or on the statements in the run folder ``own``."""
    asked = source(means)
    graphs = asked.graphs() if own is None else Kept(own, None, None, allow).graphs
    look_over(graphs[0], Path(asked.name).name)
    setup = assemble(means, *graphs)
    begin(setup, allow)
    return setup


def read(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Plan:
    """Reads a YAML file, with some settings replaced. It may use classes of the modules ``allow``.

    Its section for tuning is ignored with a warning.
    """
    tree = told(path, overrides)
    if TUNE in tree:
        warnings.warn(
            f"The {TUNE} section of {path} is ignored, and the other values of the config are used: "
            f"'gnnneg tune {path}' tunes them.",
            stacklevel=2,
        )
    with allowing(allow):
        return plan(tree)


def told(path: str | Path, overrides: Sequence[str] = ()) -> Tree:
    """A YAML file as a tree, with some settings replaced. Its paths are valid in every working directory."""
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
    """The same config with absolute paths for ``warm``, also in the choices of tuning.

    Raises:
        UserError: If a path does not exist.
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
    """The run folder of a config, if it has its own statements and no other data are asked for."""
    others = ("--data.name", "--data.verdicts", "--data.whose")
    home = Path(path).parent
    here = all((home / file).is_file() for file in (run_files.STATEMENTS, run_files.ENVIRONMENT))
    if here and not any(word.partition("=")[0] in others for word in overrides):
        return home
    return None


def _place(name: str) -> Path | None:
    """The folder of a data set. Warns if a built-in data set hides a folder with the same name."""
    place = datasets.folder_of(name)
    if place is None and (Path(name) / CARD).is_file() and (Path(name) / CARD).resolve().parent.parent != cards():
        warnings.warn(f"{name} is the built-in data set, not the folder here: write ./{name} for that.", stacklevel=4)
    return place
