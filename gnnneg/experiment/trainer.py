"""Trains several configs one after the other, as ordinary runs."""

from collections.abc import Sequence
from pathlib import Path

from torch_geometric.data import HeteroData

from gnnneg import config, run_files
from gnnneg.config import Plan, Tree
from gnnneg.data.gate import look_over
from gnnneg.errors import UserError
from gnnneg.experiment.execute import execute
from gnnneg.experiment.prolonged import differing
from gnnneg.experiment.resumed import resume
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import DataSource, plan, source, watchers
from gnnneg.experiment.setup import assemble
from gnnneg.experiment.warm import begin
from gnnneg.training import Watcher


class Other(UserError):
    """A folder has a run of another config."""


class Trainer:
    """Trains configs, and loads their data set only once."""

    def __init__(self) -> None:
        self._graphs: tuple[DataSource, list[HeteroData]] | None = None

    def graphs(self, asked: DataSource) -> list[HeteroData]:
        """The data set; the last one is kept."""
        if self._graphs is None or self._graphs[0] != asked:
            self._graphs = None  # frees its memory before the next one is loaded
            found = asked.graphs()
            look_over(found[0], Path(asked.name).name)
            self._graphs = asked, found
        return self._graphs[1]

    def __call__(self, tree: Tree, path: Path, watch: Sequence[Watcher] = ()) -> Run:
        """The run in a folder: started, resumed, or unchanged if it is finished.

        Args:
            tree (dict): The config.
            path (pathlib.Path): The run folder.
            watch (list[Watcher]): Watchers in addition to those of the config.

        Raises:
            Other: If the folder has a run of another config.
        """
        means = plan(tree)
        if (path / run_files.CONFIG).is_file():
            refuse_other(path, means)
            return resume(path, progress=False, track=watch)
        setup = assemble(means, *self.graphs(source(means)))
        begin(setup)
        setup.track = [*watchers(means), *watch]
        return execute(setup, path, source(means).again, progress=False, forget=True)


def refuse_other(path: Path, means: Plan) -> None:
    """Refuses a folder with a run of another config, whose metrics would be taken for those of this one.

    Raises:
        Other: If more than the device and the place of the data differs.
    """
    there = plan(config.read(path / run_files.CONFIG)).plain()
    free = ("device", "data.name")
    keys = [key for key in dict.fromkeys(differing(there, means.plain())) if key not in free]
    if keys:
        raise Other(
            f"{path} holds a run of another config, by {', '.join(keys[:3])}, though it has the name of this one: "
            "begin anew in another folder."
        )
