"""The keys of a config, and the objects that they describe."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import HeteroData

# all parts are imported, so that their names are known
import gnnneg.corruption
import gnnneg.decoders
import gnnneg.encoders
import gnnneg.generators
import gnnneg.losses
import gnnneg.models
import gnnneg.penalties
import gnnneg.samplers
import gnnneg.tasks
import gnnneg.trackers
import gnnneg.weighings  # noqa: F401
from gnnneg import datasets
from gnnneg.config import Plan, Tree, long_form, resolve_whole
from gnnneg.config.signature import parameters
from gnnneg.data.facts import FACTS
from gnnneg.data.gate import admit
from gnnneg.data.known import KnownAnswers
from gnnneg.data.ontology import inherited
from gnnneg.data.splits import share_denied
from gnnneg.data.statements import PAIR
from gnnneg.data.words import VERDICTS
from gnnneg.errors import UserError, echo
from gnnneg.evaluation import Evaluator, KnownNegatives, Testbed, TripleClassification
from gnnneg.evaluation.entity_ranking import Split
from gnnneg.evaluation.held_back import SEED, refuse_share
from gnnneg.experiment.ready import refuse_seed
from gnnneg.interfaces import Task
from gnnneg.training import Fit, Watcher
from gnnneg.tree import TUNE


@dataclass(frozen=True)
class DataSource:
    """The choice of a data set.

    Args:
        name (str): One of ``gnnneg data list``, or a folder that ``gnnneg data import`` wrote.
        root (str, optional): The folder for downloads. (default: ``~/.cache/gnnneg``)
        denied_from_valid (float): Share of the denied validation statements that are moved to training, because most
            benchmarks have none there. (default: :obj:`0.0`)
        denied_kept (float): Share of denied training statements that are kept. (default: :obj:`1.0`)
        inherit (str, optional): The relation from class to superclass, such as ``subClassOf``. Statements about a
            class then also hold for its superclasses. (default: :obj:`None`)
        inherit_denied (bool): Whether denied statements about a class also hold for its subclasses; these can be many.
            (default: :obj:`False`)
        wins (str, optional): What is kept if a statement is both stated and denied, as in some published data:
            ``"stated"`` or ``"denied"``; or ``"verdicts"`` if verdicts contradict training statements.
            (default: training on such data is refused)
        verdicts (str, optional): A record of verdicts, or a table of labelled statements. Accepted statements are added
            to the stated training statements, and denied ones to the denied; see :func:`gnnneg.curated`.
            (default: :obj:`None`)
        whose (tuple[str, ...]): People whose verdict counts if people disagree. (default: nobody; such verdicts are
            left out)
    """

    name: str
    root: str | None = None
    denied_from_valid: float = 0.0
    denied_kept: float = 1.0
    inherit: str | None = None
    inherit_denied: bool = False
    wins: str | None = None
    verdicts: str | None = None
    whose: tuple[str, ...] = ()

    former: ClassVar[tuple[str, ...]] = ("Source",)

    def load(self) -> HeteroData:
        """The training graph."""
        return self.graphs()[0]

    def graphs(self) -> list[HeteroData]:
        """The training graph, followed by the one to test on, if that is another.

        Raises:
            UserError: If it cannot be loaded, or there are two graphs and other settings than the name.
        """
        data, *others = datasets.graphs(self.name, self.root)
        if others and DataSource(self.name, self.root) != self:
            raise UserError(f"{self.name} has a graph to train on and one to test on: give its name and nothing else.")
        self._refuse_idle()
        if self.wins not in (None, VERDICTS):
            data = admit(data, self.wins, overlap="keep", apart=True, where=self.name)[0]
        if self.denied_from_valid != 0 or self.denied_kept != 1:
            data = share_denied(data, self.denied_from_valid, self.denied_kept)
        if self.verdicts is not None:
            from gnnneg.verdicts.joined import curated  # imported here, because few commands need it

            data = curated(data, self.verdicts, self.whose, self.wins, Path(self.name).name)
        return [data if self.inherit is None else inherited(data, self.inherit, self.inherit_denied), *others]

    @property
    def again(self) -> bool:
        """Whether the same statements can be loaded again. A record of verdicts may grow."""
        return self.verdicts is None

    def _refuse_idle(self) -> None:
        if self.verdicts is None and (self.wins == VERDICTS or self.whose):
            key = "wins is 'verdicts'" if self.wins == VERDICTS else f"whose is {echo(self.whose)}"
            raise UserError(f"data.{key}, but there are no verdicts: give --data.verdicts FILE, or leave it out.")


@dataclass(frozen=True)
class Evaluation:
    """The settings of the evaluation: the filter of rankings, their memory, and other evaluators.

    Args:
        filter (tuple[str, ...]): The splits whose stated facts are filtered out of other rankings, in validation and
            in test. All splits are the standard; with fewer, true answers count as errors.
            (default: :obj:`("train", "valid", "test")`)
        memory_mib (float): The approximate memory for scores, in MiB. (default: :obj:`256`)
        sampled (int, optional): Adds Hits@10 among this number of random candidates, as ``hits@10_50``. Some papers
            report it; it is not comparable with a ranking of all entities. (default: :obj:`None`)
        test (bool): Whether the test set is used. Otherwise a run has only metrics of validation, and evaluators of
            other splits are left out. (default: :obj:`True`)
        valid_sample (int, optional): The number of validation statements that are ranked during training, drawn once
            with the run's seed. The log then has the standard error ``mrr_se`` of ``mrr``. At the end, all are ranked.
            (default: all)
        evaluators (list[Evaluator], optional): Other evaluators for ``result.json``, in addition to the ranking. In a
            config, a bare list under ``evaluation`` is short for this. (default: if there are denied statements,
            :class:`~gnnneg.evaluation.TripleClassification` and :class:`~gnnneg.evaluation.KnownNegatives`)
        pairs_held_back (float): Share of the labelled pairs of each label that are used for validation:
            ``fit.metric: pair_f1`` validates on them, and test metrics use the others.
            (default: :obj:`0.0`)
        pairs_seed (int): Random seed for the choice of these pairs. It is separate, so that runs of all seeds use the
            same pairs. (default: :obj:`42`)
    """

    filter: tuple[Split, ...] = ("train", "valid", "test")
    memory_mib: float = 256.0
    sampled: int | None = None
    evaluators: Sequence[Evaluator] | None = None
    valid_sample: int | None = None
    test: bool = True
    pairs_held_back: float = 0.0
    pairs_seed: int = SEED

    def __post_init__(self) -> None:
        refuse_share(self.pairs_held_back, self.pairs_seed)
        for name in ("sampled", "valid_sample"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"evaluation.{name} is {value}: give at least 1, or leave it out.")
        if not self.memory_mib > 0:
            raise UserError(f"evaluation.memory_mib is {self.memory_mib}: give a number above 0.")
        places = [(one.split, one.key) for one in self.evaluators or () if one.key]
        for split, key in places:
            if places.count((split, key)) > 1:
                raise UserError(f"evaluation.evaluators finds {key!r} of {split} twice: leave one of the two out.")

    def testbed(
        self,
        seed: int,
        device: torch.device,
        data: HeteroData,
        test_graph: HeteroData | None = None,
        train: KnownAnswers | None = None,
    ) -> Testbed:
        """The testbed of evaluations."""
        policy = self.filter, self.memory_mib, self.sampled
        held_back = self.pairs_held_back, self.pairs_seed
        return Testbed(data, test_graph, *policy, seed, device, self.valid_sample, train, *held_back)

    def chosen(self, testbed: Testbed) -> Sequence[Evaluator]:
        """The evaluators.

        Raises:
            UserError: If the data lack something that an evaluator needs.
        """
        if self.pairs_held_back and PAIR not in testbed.data.edge_types:
            raise UserError(
                f"evaluation.pairs_held_back is {self.pairs_held_back}, and the data set has no labelled pairs: leave "
                "it out."
            )
        if self.evaluators is not None:
            asked = [one for one in self.evaluators if self.test or one.split == "valid"]
            for one in asked:
                one.refuse(testbed)
            return asked
        if not self.test:
            return ()
        usual = TripleClassification(), KnownNegatives()
        with suppress(UserError):
            usual[0].refuse(testbed)
            return usual
        return ()


@dataclass(frozen=True)
class Settings:
    """The keys of a config.

    Args:
        data (DataSource): The data set.
        task (Task): The task.
        optimizer (torch.optim.Optimizer): The optimiser of all parameters that the task trains.
        scheduler (LRScheduler, optional): Changes the learning rate. (default: :obj:`None`)
        fit (Fit): The settings of training.
        evaluation (Evaluation): The settings of the evaluation.
        seed (int): Random seed of initial weights and all draws. (default: :obj:`0`)
        device (str, optional): Such as ``cpu`` or ``cuda``; :obj:`None` takes a GPU if there is one.
            (default: :obj:`None`)
        track (list[Watcher]): Watchers of training. (default: none)
        warm (str, optional): A run, or vectors by name, to initialise the model with: see
            :func:`~gnnneg.experiment.warm_start`. (default: :obj:`None`)
    """

    data: DataSource
    task: Task
    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    fit: Fit = field(default_factory=Fit)
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    device: str | None = None
    track: Sequence[Watcher] = ()
    warm: str | None = None


def plan(tree: Tree) -> Plan:
    """The plan of a config, checked without the data. The section for tuning is ignored.

    Raises:
        UserError: If a key or class is unknown, missing or of another type.
    """
    joining: Mapping[str, Mapping[str, type | None]] = {
        "task": FACTS,
        "optimizer": {"params": None},
        "scheduler": {"optimizer": None},
    }
    trained = {key: value for key, value in long_form(tree).items() if key != TUNE}
    means = resolve_whole(Settings, trained, joining)
    refuse_seed(means.arguments["seed"])
    return means


@dataclass(frozen=True)
class Outline:
    """The keys of a config on which a trained model's answers depend: :class:`Settings` without task and training.

    Args:
        data (DataSource): The data set.
        evaluation (Evaluation): The settings of the evaluation.
        seed (int): Random seed. (default: :obj:`0`)
        device (str, optional): The device of the training. (default: :obj:`None`)
    """

    data: DataSource
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    device: str | None = None


def outline(tree: Tree) -> Plan:
    """The part of a config about data, evaluation, seed and device. No class that it names is imported.

    Raises:
        UserError: If one of these keys is missing, unknown or of another type.
    """
    said = {key: value for key, value in long_form(tree).items() if key in parameters(Outline)}
    if isinstance(said.get("evaluation"), dict):
        said["evaluation"] = {key: value for key, value in said["evaluation"].items() if key != "evaluators"}
    means = resolve_whole(Outline, said, {})
    refuse_seed(means.arguments["seed"])
    return means


def anchored(value: Any) -> Any:
    """The same piece of config with absolute paths for the ``weights`` of parts, valid in every directory."""
    if isinstance(value, list | tuple):
        return [anchored(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: anchored(item) for key, item in value.items()}
    weights = found.get("weights")
    if isinstance(weights, str) and Path(weights).is_file():
        found["weights"] = str(Path(weights).resolve())
    return found


def watchers(plan: Plan) -> list[Watcher]:
    """The watchers of a plan.

    Raises:
        MissingExtra: If the package of a tracker is not installed.
    """
    return [one.build({}) for one in plan.arguments["track"]]


def needed(part: Any) -> set[str]:
    """The facts of the data set that a plan and its parts need."""
    if isinstance(part, Plan):
        return set(part.linked) | needed(list(part.arguments.values()))
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list | tuple) else ()
    return {fact for one in inner for fact in needed(one)}


def source(plan: Plan) -> DataSource:
    """The data set of a plan."""
    made: Any = plan.arguments["data"].build({})
    return made
