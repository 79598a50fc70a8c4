"""Trains objects that were made in Python, and describes them as a config."""

import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import Dataset, HeteroData

from gnnneg import config, datasets, distributed
from gnnneg.config import Tree
from gnnneg.config.describe import on_the_spot
from gnnneg.config.names import path as class_path
from gnnneg.config.signature import parameters
from gnnneg.data.download import cache
from gnnneg.data.facts import Facts
from gnnneg.data.gate import look_over
from gnnneg.data.statements import completed
from gnnneg.errors import UserError
from gnnneg.experiment import schedule
from gnnneg.experiment.execute import execute, finish
from gnnneg.experiment.ready import refuse_hidden_features, refuse_optimizer, refuse_seed, tell_of_leaks
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import Evaluation, anchored, plan
from gnnneg.experiment.setup import Setup, index_at
from gnnneg.experiment.warm import found, warm_start
from gnnneg.interfaces import Task
from gnnneg.plain import visible
from gnnneg.training import Fit, Watcher
from gnnneg.training.watching import listed


def train(
    task: Task,
    data: HeteroData | Dataset,
    optimizer: Optimizer,
    fit: Fit | None = None,
    *,
    scheduler: LRScheduler | None = None,
    evaluation: Evaluation | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    name: str = "data",
    progress: bool = True,
    test_graph: HeteroData | None = None,
    track: Sequence[Watcher] = (),
    warm: str | Path | None = None,
) -> Run:
    """Trains a task with validation, tests it and, if a folder is given, writes a run folder.

    ::

        data = FB15k237()
        n, r = data[0]["entity"].num_nodes, len(data[0].relation_names)
        model = KGEModel(Lookup(n, 200), ComplEx(r, 200))
        task = LinkPrediction(model, Both(r), Uniform(n, 256, shared=True), InfoNCE())
        run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=20), out="runs/complex")
        run.predict(head="/m/027rn", relation="/location/country/form_of_government")

    Args:
        task (Task): The task, already on its device.
        data (HeteroData or Dataset): A graph in gnnneg's layout (:func:`gnnneg.data.from_hetero` makes one from any
            ``HeteroData``), or a data set of :mod:`gnnneg.datasets`.
        optimizer (torch.optim.Optimizer): Owns ``task.trained()``.
        fit (Fit, optional): The settings of training.
        scheduler (LRScheduler, optional): Changes the learning rate.
        evaluation (Evaluation, optional): The settings of the evaluation.
        seed (int): Random seed of training. Initial weights depend on ``torch.manual_seed``. (default: :obj:`0`)
        out (str or Path, optional): The run folder, new or empty; :obj:`None` writes nothing. If ``torchrun`` has
            restarted the processes that began the run in it, training continues from its last checkpoint.
        name (str): The name of a graph that is not one of :mod:`gnnneg.datasets`. (default: ``"data"``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        test_graph (HeteroData, optional): Another graph to test on, with other entities and the same
            relations. An inductive data set has its own. (default: :obj:`None`)
        track (list[Watcher]): Watchers of training, such as ``[TensorBoard()]``. ``gnnneg resume`` continues without
            watchers that are defined in a script. (default: none)
        warm (str or Path, optional): A run, or vectors by name, to initialise the model with: see
            :func:`~gnnneg.experiment.warm_start`. (default: :obj:`None`)

    Raises:
        UserError: If the folder is in use, the task was made for other data, the model does not know the entities that
            it would be tested on, or training diverges.
    """
    track = listed(track)
    refuse_seed(seed)
    refuse_optimizer(optimizer, scheduler is not None)
    graph, *others = list(data) if isinstance(data, Dataset) else [data]
    if test_graph is not None:
        others = [test_graph]
    graph, *others = [completed(one) for one in (graph, *others)]
    refuse_hidden_features(task, graph)
    fit, evaluation = fit or Fit(), evaluation or Evaluation()
    device = next(task.trained()).device
    setup = Setup(graph, task, optimizer, scheduler, fit, evaluation, seed, device, *others)
    setup.name, setup.track = name, track
    facts = Facts(graph)
    tell_of_leaks(task, facts)
    setup.train = index_at(device, facts)
    look_over(graph, name if isinstance(data, HeteroData) else "the data set")
    if warm is not None:
        setup.warm = warm_start(task.model, graph, warm)
        if progress and distributed.rank() == 0:
            print(visible(str(setup.warm)), file=sys.stderr)
    if out is None:
        return finish(setup, progress)

    where, named, setup.name = whereabouts(data if test_graph is None else graph, name)
    setup.plan = plan(anchored({"data": where, **_described(setup), "warm": None if warm is None else found(warm)}))
    return execute(setup, Path(out), named, progress)


def whereabouts(data: object, name: str) -> tuple[Tree, bool, str]:
    """The entry for data in a config, whether the data can be loaded again from it, and their name."""
    if isinstance(data, str | Path):
        folder = datasets.folder_of(data)
        said = str(data) if folder is None else str(folder.resolve())
        return {"name": said}, True, Path(said).name
    changed = isinstance(data, datasets.Benchmark) and (data.transform, data.pre_transform) != (None, None)
    if isinstance(data, datasets.Benchmark) and not changed:
        home = Path(data.root).parent
        root = None if home == Path(cache()) else str(home.resolve())
        return {"name": data.card.name, "root": root}, True, data.card.name
    return {"name": name}, False, name


def _described(setup: Setup) -> Tree:
    """The config of objects that were made in Python."""
    optimizer, scheduler = setup.optimizer, setup.scheduler
    settings = _settings(optimizer, list(setup.task.trained()), scheduler)
    tree: Tree = {
        "task": config.describe(setup.task, Facts(setup.data), "task"),
        "optimizer": {"class_path": class_path(type(optimizer)), "init_args": settings},
    }
    if scheduler is not None:
        tree["scheduler"] = schedule.written(scheduler, optimizer, settings)
    tree["fit"] = config.describe(setup.fit, {}, "fit")
    tree["evaluation"] = config.describe(setup.evaluation, {}, "evaluation")
    tree |= {"seed": setup.seed, "device": str(setup.device)}
    if setup.track:
        tree["track"] = config.describe([one for one in setup.track if not on_the_spot(type(one))], {}, "track")
    return tree


def _settings(optimizer: Optimizer, trained: list[Parameter], scheduler: LRScheduler | None) -> Tree:
    """The settings of an optimiser.

    Raises:
        UserError: If a config cannot express it: it has several groups, or other parameters than the task's.
    """
    name, groups = type(optimizer).__name__, optimizer.param_groups
    remedy = "give it task.trained(), or train without a run folder"
    if len(groups) > 1:
        raise UserError(f"{name} has {len(groups)} groups of parameters, which a config cannot say: {remedy}.")
    owned = groups[0]["params"]
    if [id(one) for one in owned] != [id(one) for one in trained]:
        raise UserError(
            f"{name} owns other parameters than the task trains ({len(owned)} and {len(trained)}), or in another "
            f"order, which a config cannot say: {remedy}."
        )
    cycled = ("momentum", "betas") if scheduler is not None and schedule.cycles(scheduler) else ()
    settings = {}
    for key in parameters(type(optimizer)):
        if key not in optimizer.defaults:
            continue
        value = optimizer.defaults[key] if key in cycled else groups[0].get(key, optimizer.defaults[key])
        if key == "lr":  # a scheduler has changed it by now
            value = groups[0].get("initial_lr", value)
        settings[key] = value.item() if isinstance(value, Tensor) else value
    return settings
