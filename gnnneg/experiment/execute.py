"""One call from what is wanted to a judged model in a run folder."""

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import Dataset, HeteroData

from gnnneg import config, datasets, run_files
from gnnneg.config import Plan, Tree
from gnnneg.config.names import path as class_path
from gnnneg.config.signature import parameters
from gnnneg.data import naming
from gnnneg.data.catalogue import CARD, cards
from gnnneg.data.download import cache
from gnnneg.data.facts import Facts
from gnnneg.data.gate import look_over
from gnnneg.data.known import KnownAnswers
from gnnneg.data.statements import POLARITIES, completed, counts, triplets
from gnnneg.errors import UserError
from gnnneg.evaluation import KnownNegatives, Ranking, Ranks, Testbed, strata
from gnnneg.experiment import folder, schedule, whereabouts
from gnnneg.experiment.ending import tidy, unfinished, whole
from gnnneg.experiment.environment import environment
from gnnneg.experiment.graph import write_graph, write_named
from gnnneg.experiment.inductive import refuse_entities
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.lock import held
from gnnneg.experiment.ready import refuse_hidden_features, refuse_optimizer, refuse_seed, tell_of_confidence
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import DataSource, Evaluation, Setup, anchored, assemble, choose, listed, plan, source
from gnnneg.experiment.whereabouts import Missing
from gnnneg.interfaces import Task
from gnnneg.training import Fit, History, Interrupted, save_model
from gnnneg.training.atomic import replacing
from gnnneg.trust import allowing

SOURCES = 5  # so many of where statements come from are told of


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
        data (HeteroData or Dataset): A graph in the convention (:func:`gnnneg.data.from_hetero` makes one of any
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
    graph, *others = list(data) if isinstance(data, Dataset) else [data]
    if test_graph is not None:
        others = [test_graph]
    graph, *others = [completed(one) for one in (graph, *others)]
    refuse_hidden_features(task, graph)
    fit, evaluation = fit or Fit(), evaluation or Evaluation()
    device = next(task.trained()).device
    setup = Setup(graph, task, optimizer, scheduler, fit, evaluation, seed, device, *others)
    _told_of_leaks(task, Facts(graph))
    look_over(graph, name if isinstance(data, HeteroData) else "the data set")
    if out is None:
        return _train(setup, name, progress)

    tree: Tree = {"data": {"name": name}, **_described(setup)}
    changed = isinstance(data, datasets.Benchmark) and (data.transform, data.pre_transform) != (None, None)
    named = isinstance(data, datasets.Benchmark) and not changed and test_graph is None
    if isinstance(data, datasets.Benchmark) and named:
        home = Path(data.root).parent
        tree["data"] = {"name": data.card.name, "root": None if home == Path(cache()) else str(home.resolve())}
    return _begun(setup, plan(anchored(tree)), Path(out), named, tree["data"]["name"], progress)


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
    name = Path(source(means).name).name
    home = Path(out) if out is not None else Path("runs") / f"{name}-{Path(path).stem}-{means.arguments['seed']}"
    if home.exists():
        folder.claim(home)  # said before the data are fetched
    own = _own(path, overrides)
    graphs = source(means).graphs() if own is None else Kept(own, None, None, allow).graphs
    look_over(graphs[0], name)
    setup = assemble(means, *graphs)
    return _begun(setup, means, home, own is None, name, progress)


def _own(path: str | Path, overrides: Sequence[str]) -> Path | None:
    """The run folder that a config lies in, if the run holds its own statements and no others are asked for."""
    home = Path(path).parent
    here = all((home / file).is_file() for file in (run_files.STATEMENTS, run_files.ENVIRONMENT))
    if here and not any(word.partition("=")[0] == "--data.name" for word in overrides):
        return home
    return None


def read(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Plan:
    """What a YAML says, with settings over it; it may name classes of the modules ``allow``."""
    tree = listed(config.read(path))
    config.override(tree, overrides)
    tree = listed(anchored(tree))  # paths that are right from every working directory
    with allowing(allow):
        means = plan(tree)
        asked = source(means)
        place = None if _own(path, overrides) else _place(asked.name)
        if place is not None:
            tree["data"]["name"] = str(place.resolve())
        if asked.root is not None:
            tree["data"]["root"] = str(Path(asked.root).expanduser().resolve())
        if place is not None or asked.root is not None:
            means = plan(tree)
    return means


def _place(name: str) -> Path | None:
    """The folder that a data set's name means; told is where a built-in one comes before a folder of that name."""
    place = datasets.folder_of(name)
    if place is None and (Path(name) / CARD).is_file() and (Path(name) / CARD).resolve().parent.parent != cards():
        warnings.warn(f"{name} is the built-in data set, not the folder here: write ./{name} for that.", stacklevel=4)
    return place


def untrained(path: str | Path, overrides: Sequence[str] = (), allow: str | Sequence[str] = ()) -> Run:
    """What a config says, built but not trained; it may name classes of the modules ``allow``."""
    means = read(path, overrides, allow)
    own = _own(path, overrides)
    graphs = source(means).graphs() if own is None else Kept(own, None, None, allow).graphs
    look_over(graphs[0], source(means).name)
    setup = assemble(means, *graphs)
    setup.model.eval()
    return Run(setup, {})


def resume(
    path: str | Path,
    progress: bool = True,
    device: str | None = None,
    data: str | None = None,
    allow: str | Sequence[str] = (),
) -> Run:
    """Goes on with a run from its last checkpoint, as if it had never been stopped.

    A finished run stays as it is, which is told. One whose config asks for more epochs since goes on.

    Args:
        path (str or Path): The run folder.
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        device (str, optional): Where to go on. (default: what its config says, or the CPU if there is no such device)
        data (str, optional): The folder in which its data set is now. (default: where it was, or beside the run)
        allow (str or list[str]): Modules that are not gnnneg's and whose classes the run may name.

    Raises:
        UserError: If it is no run folder, damaged, of another version, in use by another process, trained on other
            data, or has lost its checkpoints before it was finished.
    """
    kept = Kept(path, device, data, allow)
    fit = kept.plan.arguments["fit"].build({})
    if unfinished(kept.path, fit) is None:  # nothing will be written, so that whoever may read it may ask
        with suppress(Missing):
            kept.graphs  # noqa: B018  # told if it is no longer what the run was trained on
        if progress:
            print(f"{path} is finished, and stays as it is.", file=sys.stderr)
        return Run.load(path, device, data, allow)
    folder.refuse_links(kept.path)
    with held(kept.path):
        reason = unfinished(kept.path, fit)
        if reason is None:  # another process has finished it in between
            return Run.load(path, device, data, allow)
        tidy(kept.path, reason)
        with allowing(allow):
            setup = assemble(kept.plan, *kept.graphs, device=_here(kept, device))  # type: ignore[misc]
            setup.path = kept.path
            if kept.reordered:
                warnings.warn(
                    f"The statements of {kept.dataset} are in another order than before, so that {path} goes "
                    "on to other numbers than if it had never been stopped.",
                    stacklevel=2,
                )
            if not whole(kept.path / run_files.MODEL / run_files.MODEL_CONFIG):
                _describe(setup, kept.path)
            return _train(setup, Path(kept.dataset).name, progress, resume=True)


def _here(kept: Kept, asked: str | None) -> torch.device:
    """Where to go on with a run: where it is asked for, else where it was, else on the CPU."""
    if asked is not None:
        return kept.device
    before = kept.plan.arguments["device"]
    try:
        return choose(before)
    except UserError:
        warnings.warn(f"{kept.path} was trained on {before}, which is not here: it goes on on the CPU.", stacklevel=3)
        return torch.device("cpu")


def _train(setup: Setup, name: str, progress: bool, resume: bool = False) -> Run:
    path, testbed, model, validation = setup.path, setup.testbed, setup.model, Ranking("valid")
    setup.evaluation.chosen(testbed)  # refused before anything is trained
    if setup.test_graph is not None:
        refuse_entities(model)
    if not testbed.has("valid") and testbed.has("test") and not resume:
        warnings.warn(
            "The data set has no validation statements: all epochs are trained, whatever fit.patience "
            "says, and the last weights are kept.",
            stacklevel=2,
        )
    if not resume:
        tell_of_confidence(setup.task, setup.data)
    history = setup.fit(
        setup.task,
        triplets(setup.data, "stated", "train"),
        setup.optimizer,
        setup.scheduler,
        seed=setup.seed,
        evaluate=(lambda: validation.validate(model, testbed)) if testbed.has("valid") else None,
        metrics=validation.metrics(testbed),
        folder=path,
        progress=progress,
        resume=resume,
    )
    try:
        tuned = testbed.has("valid") and setup.task.tune(lambda: validation.validate(model, testbed)[setup.fit.metric])
        if tuned and path is not None:
            save_model(path / run_files.MODEL, model)
        result = _result(setup, history, name)
    except KeyboardInterrupt as error:
        if path is None:
            raise
        raise Interrupted(f"Interrupted while the trained model was tested: 'gnnneg resume {path}' ends it.") from error
    model.eval()
    return Run(setup, result)


def _begun(setup: Setup, means: Plan, path: Path, named: bool, name: str, progress: bool) -> Run:
    """Trains in a new folder."""
    setup.plan, setup.path = means, path
    with folder.begun(path):
        _begin(setup, source(means), path, named)
        return _train(setup, name, progress)


def _begin(setup: Setup, where: DataSource, path: Path, named: bool) -> None:
    """Everything that a run needs to be read or gone on with, before the first step.

    That is the statements, too, unless they can be had by name.
    """
    if not named:
        write_graph(path, setup.data)
        if setup.test_graph is not None:
            write_named(path / run_files.TEST_GRAPH, setup.test_graph)
    about = environment(setup.device, setup.seed)
    folder.write_json(path / run_files.ENVIRONMENT, about, versioned=True)
    folder.write_names(path / run_files.MODEL, setup.data)
    _describe(setup, path)
    graphs = [graph for graph in (setup.data, setup.test_graph) if graph is not None]
    kept = whereabouts.about(path, where, graphs, named)
    folder.write_json(path / run_files.DATA, kept, versioned=True)
    with replacing(path / run_files.CONFIG) as temporary:  # last: a folder with a config is a run
        temporary.write_text(config.dump(setup.tree), encoding="utf-8")


def _describe(setup: Setup, path: Path) -> None:
    """Keeps how the model is made."""
    facts = Facts(setup.data)
    sizes = {"num_nodes": facts.num_nodes, "num_relations": facts.num_relations}
    model = config.describe(setup.task.model, facts, "model")
    folder.write_json(path / run_files.MODEL / run_files.MODEL_CONFIG, {**sizes, "model": model}, versioned=True)


def _result(setup: Setup, history: History, name: str) -> dict[str, Any]:
    """Judges the trained model, writes ``ranks.parquet`` and ``result.json``."""
    model, testbed, path = setup.model, setup.testbed, setup.path
    began = time.perf_counter()
    metrics: dict[str, Any] = {}
    ranks: dict[str, Ranks] = {}
    for split in ("valid", "test"):
        if testbed.has(split):
            ranks[split] = Ranking(split).ranks(model, testbed)
            with _ties_untold() if split == "valid" else nullcontext():
                metrics[split] = Ranking(split).findings(ranks[split], testbed).figures
    with _ties_untold():
        for one in setup.evaluation.chosen(testbed):
            if isinstance(one, Ranking) and one.split in ranks:
                found = one.findings(ranks[one.split], testbed)
            else:
                found = one(model, testbed)
            metrics.setdefault(one.split, {}).update({one.key: found.kept()} if one.key else found.kept())
    if "test" not in ranks:
        warnings.warn("The data set has no test statements, so nothing was tested.", stacklevel=2)
    elif path is not None:
        _write_ranks(ranks["test"], testbed.on("test"), path)
    result = {
        "dataset": name,
        "seed": setup.seed,
        "best_epoch": history.best_epoch,
        "data": _about(setup.data),
        "metrics": metrics,
        "time": {
            "train_s": history.train_s,
            "evaluate_s": history.evaluate_s + time.perf_counter() - began,
            "triples_per_s": history.triples_per_s,
        },
        "memory": {"peak_rss_mib": history.peak_rss_mib, "peak_cuda_mib": history.peak_cuda_mib},
    }
    verified = metrics.get("test", {}).pop(KnownNegatives.key, None)
    if verified is not None:  # it stood beside the metrics before evaluations were chosen
        result[KnownNegatives.key] = verified
    if setup.test_graph is not None:  # what the figures of test are about
        result["test_graph"] = {what: count for what, count in counts(setup.test_graph).items() if count}
    if path is not None:
        folder.write_json(path / run_files.RESULT, result)
    return result


@contextmanager
def _ties_untold() -> Iterator[None]:
    """Of ties the ranking of test tells, and nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Ties decide", UserWarning)
        yield


def _write_ranks(ranks: Ranks, testbed: Testbed, path: Path) -> None:
    """Writes where each test target came in, with names, labels and strata."""
    data = testbed.data
    by = strata(ranks, testbed.statements("train"), testbed.num_nodes, testbed.num_relations)
    for what, called in (
        ("anchor_label", naming.called(data, ranks.anchor)),
        ("target_label", naming.called(data, ranks.target)),
        ("relation_label", naming.relations_called(data, ranks.rel_type)),
    ):
        if called is not None:
            by[what] = called
    ranks.to_parquet(path / run_files.RANKS, data["entity"].names, data.relation_names, by)


def _about(data: HeteroData) -> dict[str, Any]:
    """What a report tells of a data set: how many statements there are of each kind, and where most come from."""
    about: dict[str, Any] = {what: count for what, count in counts(data).items() if isinstance(count, int)}
    if "source_names" in data:
        stores = (data["entity", polarity, "entity"] for polarity in POLARITIES)
        index = torch.cat([store.source for store in stores if "source" in store])
        many = torch.bincount(index[index >= 0], minlength=len(data.source_names)).sort(descending=True, stable=True)
        rows = zip(many.indices[:SOURCES].tolist(), many.values[:SOURCES].tolist())
        about["sources"] = {data.source_names[row]: count for row, count in rows if count}
        about["sources_in_all"] = len(data.source_names)
    return about


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
    return {**tree, "seed": setup.seed, "device": str(setup.device)}


def _settings(optimizer: Optimizer, trained: list[Parameter], scheduler: LRScheduler | None) -> Tree:
    """What an optimiser was made with.

    Raises:
        UserError: If a config could not make it again: it has several groups, or other parameters than the task's.
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
