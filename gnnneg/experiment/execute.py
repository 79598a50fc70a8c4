"""One call from what is wanted to a judged model in a run folder."""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import HeteroData

from gnnneg import config, datasets
from gnnneg.config import Facts, Plan, Tree
from gnnneg.config.describe import arguments
from gnnneg.config.names import path as class_path
from gnnneg.config.signature import parameters
from gnnneg.data.build import counts
from gnnneg.data.catalogue import CARD
from gnnneg.data.download import cache
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import strata
from gnnneg.experiment import folder
from gnnneg.experiment.environment import environment
from gnnneg.experiment.inductive import refuse_entities
from gnnneg.experiment.judge import Evaluation, Judge
from gnnneg.experiment.ready import refuse_optimizer, refuse_seed
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import Setup, assemble, plan, source
from gnnneg.interfaces import Task
from gnnneg.training import Fit, History, save_model
from gnnneg.training.atomic import replacing
from gnnneg.trust import allowing


def train(
    task: Task,
    data: HeteroData | datasets.Benchmark,
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
) -> Run:
    """Trains a task with validation, tests it and, given a folder, keeps it.

    ::

        data = FB15k237()
        n, r = data[0]["entity"].num_nodes, len(data[0].relation_names)
        model = KGEModel(Lookup(n, 200), ComplEx(r, 200))
        task = LinkPrediction(model, Both(r), Uniform(n, 256, shared=True), InfoNCE())
        run = gnnneg.train(task, data, Adagrad(task.trained(), lr=0.1), Fit(epochs=20), out="runs/complex")
        run.predict(head="/m/027rn", relation="/location/country/form_of_government")

    Args:
        task (Task): What is learnt, on the device where it shall be.
        data (HeteroData or Benchmark): A graph in the convention (:func:`gnnneg.data.from_hetero` makes one of any
            ``HeteroData``), or a data set of :mod:`gnnneg.datasets`.
        optimizer (torch.optim.Optimizer): Owns ``task.trained()``.
        fit (Fit, optional): How to train.
        scheduler (LRScheduler, optional): Changes the learning rate.
        evaluation (Evaluation, optional): How to judge.
        seed (int): Of all draws while training; initial weights are ``torch.manual_seed``'s. (default: :obj:`0`)
        out (str or Path, optional): The run folder, new or empty; :obj:`None` writes nothing.
        name (str): What to call a graph that is no data set of ours. (default: ``"data"``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        test_graph (HeteroData, optional): Another graph, of other entities and the same relations, whose test
            statements are asked instead; an inductive data set brings its own. (default: :obj:`None`)

    Raises:
        UserError: If the folder is in use, the task was made for other data, the model knows nothing of the entities
            that it would be tested on, or training diverges.
    """
    refuse_seed(seed)
    refuse_optimizer(optimizer)
    graph, *others = list(data) if isinstance(data, datasets.Benchmark) else [data]
    if test_graph is not None:
        others = [test_graph]
    if any(("entity", "stated", "entity") not in one.edge_types for one in (graph, *others)):
        raise UserError("The graph has no ('entity', 'stated', 'entity') edges: make it so with from_hetero(data).")
    fit, evaluation = fit or Fit(), evaluation or Evaluation()
    device = next(task.trained()).device
    setup = Setup(graph, task, optimizer, scheduler, fit, evaluation, seed, device, *others)
    _told_of_leaks(task, Facts(graph))
    if out is None:
        return _train(setup, None, None, name, progress, resume=False)

    tree: Tree = {"data": {"name": name}, **_described(setup)}
    changed = isinstance(data, datasets.Benchmark) and (data.transform, data.pre_transform) != (None, None)
    named = isinstance(data, datasets.Benchmark) and not changed and test_graph is None
    if isinstance(data, datasets.Benchmark) and named:
        home = Path(data.root).parent
        tree["data"] = {"name": data.card.name, "root": None if home == Path(cache()) else str(home)}
    means, path = plan(tree), Path(out)
    with folder.begun(path):
        if not named:
            folder.write_statements(path / folder.STATEMENTS, graph)
            for other in others:
                folder.write_names(path / folder.TEST_GRAPH, other)
                folder.write_statements(path / folder.TEST_GRAPH / folder.STATEMENTS, other)
        return _train(setup, means, path, tree["data"]["name"], progress, resume=False)


def train_config(
    path: str | Path,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    progress: bool = True,
    allow: str | Sequence[str] = (),
) -> Run:
    """Trains what a config says.

    Args:
        path (str or Path): The YAML.
        overrides (list[str]): Settings over it, ``["--fit.epochs", "5"]``.
        out (str or Path, optional): The run folder. (default: ``runs/<data set>-<config>-<seed>``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        allow (str or list[str]): Modules that are not gnnneg's and whose classes the config may name.
    """
    means = read(path, overrides, allow)
    asked = source(means)
    name = Path(asked.name).name
    home = Path(out) if out is not None else Path("runs") / f"{name}-{Path(path).stem}-{means.arguments['seed']}"
    if home.exists():
        folder.claim(home)  # said before the data are fetched
    setup = assemble(means, *asked.graphs())
    with folder.begun(home):
        return _train(setup, means, home, name, progress, resume=False)


def read(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Plan:
    """What a YAML says, with settings over it; it may name classes of the modules ``allow``."""
    tree = config.read(path)
    config.override(tree, overrides)
    with allowing(allow):
        means = plan(tree)
    asked = source(means)
    if (Path(asked.name).expanduser() / CARD).is_file():  # a path that is right from every working directory
        tree["data"]["name"] = str(Path(asked.name).expanduser().resolve())
        means = plan(tree)
    return means


def untrained(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Run:
    """What a config says, built but not trained; it may name classes of the modules ``allow``."""
    means = read(path, overrides, allow)
    asked = source(means)
    setup = assemble(means, *asked.graphs())
    return _run(setup, means, None, {}, Judge(setup.data, setup.evaluation, setup.device, setup.test_graph))


def _run(setup: Setup, means: Plan | None, path: Path | None, result: dict[str, Any], judge: Judge) -> Run:
    run = Run(path, means, result, setup.device)
    run.data, run.model, run.task, run.judge = setup.data, setup.task.model.eval(), setup.task, judge
    run.test_graph = setup.test_graph
    return run


def resume(path: str | Path, progress: bool = True, allow: str | Sequence[str] = ()) -> Run:
    """Goes on with a run from its last checkpoint, as if it had never been stopped.

    Args:
        path (str or Path): The run folder.
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        allow (str or list[str]): Modules that are not gnnneg's and whose classes the run may name.

    Raises:
        UserError: If it is no run folder, damaged, or of another version.
    """
    run = Run.load(path, allow=allow)
    assert run.path is not None
    assert run.plan is not None
    setup = assemble(run.plan, run.data, run.test_graph)
    return _train(setup, run.plan, run.path, Path(source(run.plan).name).name, progress, resume=True)


def _train(setup: Setup, means: Plan | None, path: Path | None, name: str, progress: bool, resume: bool) -> Run:
    judge, model = Judge(setup.data, setup.evaluation, setup.device, setup.test_graph), setup.task.model
    if setup.test_graph is not None:
        refuse_entities(model)
    if path is not None and means is not None and not resume:
        _begin(setup, means, path)
    history = setup.fit(
        setup.task,
        triplets(setup.data, "stated", "train"),
        setup.optimizer,
        setup.scheduler,
        seed=setup.seed,
        evaluate=(lambda: judge.validate(model)) if judge.asks("valid") else None,
        folder=path,
        progress=progress,
        resume=resume,
    )
    if judge.asks("valid") and setup.task.settle(lambda: judge.validate(model)[setup.fit.metric]) and path is not None:
        save_model(path / folder.MODEL, model)
    result = _result(setup, judge, history, name, path)
    return _run(setup, means, path, result, judge)


def _begin(setup: Setup, means: Plan, path: Path) -> None:
    """Everything that a run needs to be read or gone on with, before the first step."""
    facts = Facts(setup.data)
    about = environment(setup.device, setup.seed)
    folder.write_json(path / folder.ENVIRONMENT, {"format": folder.FORMAT, **about})
    folder.write_names(path / folder.MODEL, setup.data)
    sizes = {"num_nodes": facts.num_nodes, "num_relations": facts.num_relations}
    model = config.describe(setup.task.model, facts, "model")
    folder.write_json(path / folder.MODEL / folder.MODEL_CONFIG, {"format": folder.FORMAT, **sizes, "model": model})
    with replacing(path / folder.CONFIG) as temporary:  # last: a folder with a config is a run
        temporary.write_text(config.dump(means.plain()))


def _result(setup: Setup, judge: Judge, history: History, name: str, path: Path | None) -> dict[str, Any]:
    """Judges the trained model, writes ``ranks.parquet`` and ``result.json``."""
    model, data = setup.task.model, judge.on("test").data
    began = time.perf_counter()
    metrics: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of ties, which the test split tells of
        if judge.asks("valid"):
            metrics["valid"] = judge.summary(judge.ranks(model, "valid"))
    if judge.asks("test"):
        ranks = judge.ranks(model, "test")
        metrics["test"] = judge.summary(ranks)
        if path is not None:
            train, size = triplets(data, "stated", "train"), (data["entity"].num_nodes, len(data.relation_names))
            by = strata(ranks, train, *size)
            ranks.to_parquet(path / folder.RANKS, data["entity"].names, data.relation_names, by)
    else:
        warnings.warn("The data set has no test statements, so nothing was tested.", stacklevel=2)
    if judge.classifies():
        metrics["test"]["classification"] = judge.classification(model)[0]
    result = {
        "dataset": name,
        "seed": setup.seed,
        "best_epoch": history.best_epoch,
        "metrics": metrics,
        "time": {
            "train_s": history.train_s,
            "evaluate_s": history.evaluate_s + time.perf_counter() - began,
            "triples_per_s": history.triples_per_s,
        },
        "memory": {"peak_rss_mib": history.peak_rss_mib, "peak_cuda_mib": history.peak_cuda_mib},
    }
    if setup.test_graph is not None:  # what the figures of test are about
        result["test_graph"] = {what: count for what, count in counts(setup.test_graph).items() if count}
    if path is not None:
        folder.write_json(path / folder.RESULT, result)
    return result


def _described(setup: Setup) -> Tree:
    """The config of objects that were made in Python."""
    optimizer, scheduler = setup.optimizer, setup.scheduler
    settings = {name: optimizer.defaults[name] for name in parameters(type(optimizer)) if name in optimizer.defaults}
    tree: Tree = {
        "task": config.describe(setup.task, Facts(setup.data), "task"),
        "optimizer": {"class_path": class_path(type(optimizer)), "init_args": settings},
    }
    if scheduler is not None:
        own = arguments(scheduler, "scheduler", without=("optimizer", "last_epoch"))
        tree["scheduler"] = {"class_path": class_path(type(scheduler)), "init_args": own}
    tree["fit"] = config.describe(setup.fit, {}, "fit")
    tree["evaluation"] = config.describe(setup.evaluation, {}, "evaluation")
    return {**tree, "seed": setup.seed, "device": str(setup.device)}


def _told_of_leaks(task: Task, facts: Facts) -> None:
    """Warns where a part of the task knows other answers than the training facts."""
    for name, part in task.named_modules():
        if isinstance(part, KnownAnswers):
            ours = facts.known, facts.denied
            if not any(torch.equal(part.key.cpu(), o.key) and torch.equal(part.answer.cpu(), o.answer) for o in ours):
                warnings.warn(
                    f"{name} holds other answers than the training facts: figures may profit from what is asked, and "
                    "a run folder will not say so.",
                    stacklevel=3,
                )
