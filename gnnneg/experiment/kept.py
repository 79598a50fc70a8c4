"""Reads the parts of a run folder when they are needed."""

import shutil
import warnings
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from gnnneg import config, run_files
from gnnneg.config import Plan, Tree
from gnnneg.data.facts import FACTS, Facts
from gnnneg.data.statements import assemble as assemble_graph
from gnnneg.errors import UserError, echo
from gnnneg.evaluation import Testbed
from gnnneg.experiment import folder, prolonged, same_model, whereabouts
from gnnneg.experiment.fingerprint import names_of, order_of
from gnnneg.experiment.graph import read_graph, read_named, with_attributes
from gnnneg.experiment.settings import needed, outline, plan, source
from gnnneg.experiment.setup import assemble, choose
from gnnneg.experiment.whereabouts import Missing
from gnnneg.interfaces import Model, Task
from gnnneg.records import Triplets
from gnnneg.run_folder import opened
from gnnneg.training import load_model, load_task
from gnnneg.trust import allowing

SIZES = {"num_nodes", "num_relations", "hidden_channels"}  # known from the names of a run and from the model itself


class Kept:
    """A run folder.

    Args:
        path (str or Path): The folder, or a file that :func:`~gnnneg.experiment.pack` made of one.
        device (str, optional): The device of its model, instead of the one in its config.
        place (str, optional): The folder in which its data set is now.
        allow (str or list[str]): Other modules than gnnneg's whose classes it may use.

    Raises:
        UserError: If it is not a run folder, is damaged, or has another version.
    """

    def __init__(self, path: str | Path, device: str | None, place: str | None, allow: str | Sequence[str]):
        if not isinstance(path, str | Path):
            raise UserError(f"The run is {echo(path)}: give its folder.")
        self.path, self.place, self.allow = Path(path), place, allow
        if self.path.is_file():
            from gnnneg.experiment.unpacked import unpacked

            self.path = unpacked(self.path)
            weakref.finalize(self, shutil.rmtree, self.path.parent, ignore_errors=True)  # when it is no longer used
        file = self.path / run_files.CONFIG
        self.tree = opened(self.path)
        with folder.named(file):
            self.outline = outline(self.tree)
        self.device, self.dataset = choose(device), source(self.outline).name

    @cached_property
    def plan(self) -> Plan:
        """The plan of its whole config. Classes of other modules than gnnneg's must be allowed."""
        with allowing(self.allow), folder.named(self.path / run_files.CONFIG):
            return plan(self.tree)

    def asks(self, tree: Tree) -> None:
        """Replaces its config, without writing it."""
        self.tree = tree
        self.__dict__.pop("plan", None)

    @property
    def reordered(self) -> bool:
        """Whether the order of the statements has changed since training; draws by position then differ."""
        then = self.about["graphs"][0].get("order")
        return then is not None and then != order_of(self.graphs[0])

    @cached_property
    def graphs(self) -> list[HeteroData]:
        """The graph that it was trained on, followed by the one that it is tested on, if that is another.

        Raises:
            UserError: If it is not the graph that the model was trained on.
            Missing: If it is neither at its old place nor next to the run.
        """
        if not (self.path / run_files.STATEMENTS).exists():
            if self.place is None and (self.path / run_files.PACK).is_file():
                raise Missing(
                    f"{self.path.name} came without the statements of {self.dataset}: give the name or folder of "
                    "the data set with --data.name."
                )
            return whereabouts.graphs(self.path, source(self.outline), self.about, self.place)
        if self.place is not None:
            raise UserError(f"{self.path} holds its own statements: leave --data.name out.")
        found = [read_graph(self.path, *self._names)]
        home = self.path / run_files.TEST_GRAPH
        if home.is_dir():
            found.append(read_named(home))
        wrong = whereabouts.changed(self.about, found, run_files.STATEMENTS, self.path)
        if wrong is not None:
            raise UserError(wrong)
        return found

    @cached_property
    def _names(self) -> tuple[Sequence[str], list[str]]:
        """The names of entities and relations, in the order of the model's tables."""
        return folder.read_names(self.path / run_files.MODEL)

    @cached_property
    def about(self) -> dict[str, Any]:
        """The fingerprints of its data set; runs of the oldest versions have only those of the names."""
        file, known = self.path / run_files.DATA, names_of(*self._names)
        if not file.exists():
            if prolonged.began_with(self.path) is not None:  # runs of such a version also have fingerprints
                raise UserError(
                    f"{file} is missing, so the data cannot be compared with those that the run was trained on: "
                    "copy the run again."
                )
            return {"graphs": [known]}
        kept = folder.read_json(file, versioned=True)
        try:
            first, *others = kept["graphs"]
            return {**kept, "graphs": [{**first, **known}, *others]}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{file} is damaged ({error}): copy the run again.") from error

    @cached_property
    def model(self) -> Model:
        """The trained model, in evaluation mode."""
        home = self.path / run_files.MODEL
        file = home / run_files.MODEL_CONFIG
        said = folder.read_json(file, versioned=True)
        try:
            tree, sizes = said["model"], (said["num_nodes"], said["num_relations"])
        except KeyError as error:
            raise UserError(f"{file} lacks {error}: copy the run again or train again.") from None
        if sizes != tuple(map(len, self._names)):
            raise UserError(f"{home} is for {sizes[0]} entities and {sizes[1]} relations, unlike the data set.")
        with allowing(self.allow):
            means = config.resolve(Model, tree, "model", FACTS)
            model: Model = means.build(Facts(self.silent if needed(means) <= SIZES else self.graphs[0]))
        load_model(home, model)
        if same_model.another(self.path, tree):
            warnings.warn(
                f"{file} is of another model than the one that {self.path} was trained with: its answers may be wrong. "
                "Copy the run again.",
                stacklevel=2,
            )
        return model.to(self.device).eval()

    @cached_property
    def silent(self) -> HeteroData:
        """A graph of the run's entities and relations without statements. Most models need nothing else.

        In a pack, it also has their labels and types.
        """
        none = torch.empty(0, dtype=torch.long)
        found = assemble_graph(Triplets(none, none, none), none, *self._names)
        return found if (self.path / run_files.STATEMENTS).exists() else with_attributes(self.path, found)

    @cached_property
    def task(self) -> Task:
        """The task after training: its model has the best weights, everything else is from the last checkpoint."""
        task = assemble(self.plan, self.graphs[0], device=self.device, trains=False).task
        load_task(self.path / run_files.CHECKPOINTS, task)
        load_model(self.path / run_files.MODEL, task.model)
        return task

    @cached_property
    def testbed(self) -> Testbed:
        """The testbed of its evaluations, with its own policy."""
        said = self.outline.arguments
        return said["evaluation"].build({}).testbed(said["seed"], self.device, *self.graphs)
