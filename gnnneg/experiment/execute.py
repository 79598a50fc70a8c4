"""Trains and evaluates a model in a run folder."""

import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from gnnneg import config, distributed, run_files
from gnnneg.data.facts import Facts
from gnnneg.data.statements import triplets
from gnnneg.errors import UserError
from gnnneg.experiment import folder, restarted, same_model, whereabouts
from gnnneg.experiment.ending import tidy
from gnnneg.experiment.environment import environment
from gnnneg.experiment.graph import write_graph, write_named
from gnnneg.experiment.inductive import refuse_entities
from gnnneg.experiment.lock import held
from gnnneg.experiment.ready import tell_of_confidence
from gnnneg.experiment.result import judged
from gnnneg.experiment.run import Run
from gnnneg.experiment.setup import Setup
from gnnneg.experiment.validation import judges, metrics, offered, validated
from gnnneg.training import Interrupted, Watchers, save_model
from gnnneg.training.atomic import replacing


def execute(setup: Setup, path: Path, named: bool, progress: bool, forget: bool = False) -> Run:
    """Trains and evaluates in a new folder. Statements are kept there, unless they can be loaded by name.

    If ``torchrun`` has restarted the processes that began this run, it continues from its last checkpoint.
    """
    if setup.plan is not None and restarted.begun(path, setup.plan):
        return _go_on(setup, path, progress, forget)
    leads, mark = distributed.rank() == 0, restarted.mark()
    with folder.begun(path) if leads else nullcontext():
        setup.path = path
        if leads:
            _begin(setup, path, named, mark)
        distributed.wait()
        if not (path / run_files.CONFIG).is_file():
            raise UserError(f"{path} is not the same folder for all processes: give --out one that all machines share.")
        return finish(setup, progress, forget=forget)


def _go_on(setup: Setup, path: Path, progress: bool, forget: bool) -> Run:
    """Continues the run in a folder with objects like those that began it."""
    leads = distributed.rank() == 0
    with held(path) if leads else nullcontext():
        if leads:
            tidy(path, "it was not finished")
        distributed.wait()
        setup.path = path
        return finish(setup, progress, resume=True, forget=forget)


def finish(setup: Setup, progress: bool, resume: bool = False, forget: bool = False) -> Run:
    """Trains, evaluates and calls the watchers. With ``resume``, training continues from the last checkpoint.

    With ``forget``, the state of the optimiser is deleted before the evaluation, to free its memory. This needs an
    optimiser that nobody else uses.
    """
    testbed, model = setup.testbed, setup.model
    setup.evaluation.chosen(testbed)  # fails before training
    if setup.test_graph is not None:
        refuse_entities(model)
    if not judges(testbed, setup.fit.metric, setup.evaluation.evaluators) and testbed.has("test") and not resume:
        warnings.warn(
            "The data set has no validation statements: all epochs are trained, whatever fit.patience "
            "says, and the last weights are kept.",
            stacklevel=2,
        )
    if not resume:
        tell_of_confidence(setup.task, setup.data)
    watchers = Watchers(setup.track if distributed.rank() == 0 else ())
    watchers.begin(setup, resume)
    try:
        result = _trained(setup, progress, resume, forget, watchers if setup.track else None)
    except BaseException:
        watchers.end(None)
        raise
    watchers.end(result)
    model.eval()
    return Run(setup, result)


def _trained(setup: Setup, progress: bool, resume: bool, forget: bool, watchers: Watchers | None) -> dict[str, Any]:
    """Trains and evaluates; returns the result."""
    path, testbed, model = setup.path, setup.testbed, setup.model
    given = setup.evaluation.evaluators
    judging = judges(testbed, setup.fit.metric, given)
    setup.fit.refuse_metric(metrics(judging, testbed), offered(given))
    evaluate = partial(validated, judging, model, testbed) if judging else None
    history = setup.fit(
        setup.task,
        lambda: triplets(setup.data, "stated", "train"),
        setup.optimizer,
        setup.scheduler,
        seed=setup.seed,
        evaluate=evaluate,
        metrics=metrics(judging, testbed),
        folder=path,
        progress=progress,
        resume=resume,
        watchers=watchers,
    )
    if forget:
        setup.optimizer.state.clear()
    try:
        tuned = evaluate is not None and setup.task.tune(lambda: evaluate()[setup.fit.metric])
        if tuned and path is not None:
            save_model(path / run_files.MODEL, model, distributed.tables(model))
        return judged(setup, history)
    except KeyboardInterrupt as error:
        if path is None:
            raise
        raise Interrupted(
            f"Interrupted while the trained model was tested: 'gnnneg resume {path}' finishes it."
        ) from error


def _begin(setup: Setup, path: Path, named: bool, mark: dict[str, Any]) -> None:
    """Writes everything that is needed to read or resume a run, before the first step.

    This includes the statements, unless they can be loaded by name, and the ``mark`` of who began it.
    """
    if not named:
        write_graph(path, setup.data)
        if setup.test_graph is not None:
            write_named(path / run_files.TEST_GRAPH, setup.test_graph)
    about = environment(setup.device, setup.seed) | mark
    if setup.warm is not None:
        about["warm"] = setup.warm.to_json()
    about["config"] = setup.tree
    folder.write_names(path / run_files.MODEL, setup.data)
    about[same_model.KEY] = describe_model(setup, path)
    folder.write_json(path / run_files.ENVIRONMENT, about, versioned=True)
    graphs = [graph for graph in (setup.data, setup.test_graph) if graph is not None]
    tree = setup.tree
    kept = whereabouts.about(path, tree["data"]["name"], graphs, named)
    folder.write_json(path / run_files.DATA, kept, versioned=True)
    with replacing(path / run_files.CONFIG) as temporary:  # last: a folder with a config is a run
        temporary.write_text(config.dump(tree), encoding="utf-8")


def describe_model(setup: Setup, path: Path) -> str:
    """Writes the config of the model, and returns its digest."""
    facts, file = Facts(setup.data), path / run_files.MODEL / run_files.MODEL_CONFIG
    sizes = {"num_nodes": facts.num_nodes, "num_relations": facts.num_relations}
    model = config.describe(setup.task.model, facts, "model")
    folder.write_json(file, {**sizes, "model": model}, versioned=True)
    return same_model.digest(folder.read_json(file)["model"])
