"""Trains and evaluates on a data set in one call, with all sizes filled in."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn
from torch.optim import Adagrad, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch_geometric.data import Data, Dataset, HeteroData

from gnnneg import config
from gnnneg.config import Tree
from gnnneg.config.describe import on_the_spot
from gnnneg.config.names import path as class_path
from gnnneg.data.frames import from_frames
from gnnneg.data.gate import look_over
from gnnneg.data.hetero import from_hetero
from gnnneg.data.statements import completed
from gnnneg.errors import UserError, echo
from gnnneg.experiment.execute import execute, finish
from gnnneg.experiment.from_python import whereabouts
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import DataSource, Evaluation, anchored, plan
from gnnneg.experiment.setup import assemble
from gnnneg.training import Fit, Watcher
from gnnneg.training.watching import listed

Part = Any  # a class, its name, a partial of it or a piece of config; anything else is an error


def pipeline(
    data: Any,
    decoder: Part = None,
    *,
    encoder: Part = None,
    hidden_channels: int | None = None,
    model: Part = None,
    sampler: Part = None,
    loss: Part = None,
    corruption: Part = None,
    task: Part = "LinkPrediction",
    optimizer: Part = None,
    scheduler: Part = None,
    fit: Fit | None = None,
    epochs: int | None = None,
    evaluation: Evaluation | None = None,
    seed: int = 0,
    device: str | None = None,
    out: str | Path | None = None,
    name: str = "data",
    progress: bool = True,
    track: Sequence[Watcher] = (),
    **options: Any,
) -> Run:
    """Trains, validates and tests. It needs only a data set, and the settings that differ from good defaults.

    ::

        run = gnnneg.pipeline("UMLS", "RotatE", epochs=20)
        run = gnnneg.pipeline(frame, partial(TransE, p=1), sampler=partial(Hardest, proposal=...), out="runs/mine")

    A part is a class, its name, a :func:`functools.partial` of a class with some of its arguments, or its piece of
    config. Values that follow from the data set and the encoder (``num_nodes``, ``num_relations``, ``hidden_channels``,
    ``known``) are filled in. For finished parts with their own weights, use :func:`gnnneg.train`.

    Args:
        data: A data set by name or folder, or one of :mod:`gnnneg.datasets`; a ``HeteroData`` or ``Data``; a frame or
            array of heads, relations and tails, split at random by ``seed``; or frames of train, valid and test.
        decoder (Part, optional): Scores triplets. (default: ``ComplEx``)
        encoder (Part, optional): Makes the entity vectors. (default: ``Lookup``)
        hidden_channels (int, optional): Width of the vectors. (default: :obj:`100`, or as the encoder says)
        model (Part, optional): A model, instead of encoder and decoder.
        sampler (Part, optional): Draws negatives. (default: ``Uniform``, 256 for the whole batch)
        loss (Part, optional): The loss. (default: ``InfoNCE``)
        corruption (Part, optional): Which side of a triplet is corrupted. (default: ``Both``)
        task (Part): The task. The defaults of corruption, sampler and loss are only for ``LinkPrediction``.
            (default: ``"LinkPrediction"``)
        optimizer (Part, optional): The optimiser. (default: ``Adagrad`` with step size 0.1)
        scheduler (Part, optional): Changes the learning rate. (default: none)
        fit (Fit, optional): The settings of training.
        epochs (int, optional): The number of epochs, instead of ``fit``.
        evaluation (Evaluation, optional): The settings of the evaluation.
        seed (int): Random seed of initial weights and all draws. (default: :obj:`0`)
        device (str, optional): The device. (default: a GPU if there is one)
        out (str or Path, optional): The run folder, new or empty; :obj:`None` writes nothing.
        name (str): The name of data that have none. (default: ``"data"``)
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        track (list[Watcher]): Watchers of training. (default: none)
        **options: Further arguments of the task, such as ``penalty`` or ``generators``.

    Raises:
        UserError: If an argument is unknown or invalid, the data cannot be read, or training diverges.
    """
    track = listed(track)
    if fit is not None and epochs is not None:
        raise UserError("fit and epochs are both given: write Fit(epochs=...) alone.")
    if model is not None and not (decoder is encoder is hidden_channels is None):
        raise UserError("model and a part of one are both given: leave decoder, encoder and hidden_channels out.")
    say = partial(_piece, kept=out is not None)
    if model is None:
        inside = say("Lookup" if encoder is None else encoder, "encoder")
        if hidden_channels is not None or encoder is None:
            inside["init_args"]["hidden_channels"] = 100 if hidden_channels is None else hidden_channels
        scored = say("ComplEx" if decoder is None else decoder, "decoder")
        model = {"class_path": "KGEModel", "init_args": {"encoder": inside, "decoder": scored}}
    parts = {"model": model, "corruption": corruption, "sampler": sampler, "loss": loss, **options}
    learnt = say(task, "task")
    graph, *others = _graphs(data, seed)
    if learnt["class_path"] == "LinkPrediction":
        shared = {
            "class_path": "Uniform",
            "init_args": {"num_negatives": min(256, graph["entity"].num_nodes), "shared": True},
        }
        for key, usual in (("corruption", "Both"), ("sampler", shared), ("loss", "InfoNCE")):
            parts[key] = usual if parts[key] is None else parts[key]
    learnt["init_args"] |= {key: _value(part, key, out is not None) for key, part in parts.items() if part is not None}
    where, named, called = whereabouts(data, name)
    tree: Tree = {
        "data": where,
        "task": learnt,
        "optimizer": say(partial(Adagrad, lr=0.1) if optimizer is None else optimizer, "optimizer"),
        "fit": config.describe(fit or (Fit() if epochs is None else Fit(epochs=epochs)), {}, "fit"),
        "evaluation": config.describe(evaluation or Evaluation(), {}, "evaluation"),
        "seed": seed,
        "device": device,
        "track": config.describe([one for one in track if not on_the_spot(type(one))], {}, "track"),
    }
    if scheduler is not None:
        tree["scheduler"] = say(scheduler, "scheduler")
    means = plan(anchored(tree))
    look_over(graph, called)
    setup = assemble(means, graph, *others)
    setup.name, setup.track = called, track
    return finish(setup, progress, forget=True) if out is None else execute(setup, Path(out), named, progress, True)


def _graphs(data: Any, seed: int) -> list[HeteroData]:
    """The graph to train on, followed by the one to test on, if that is another."""
    if isinstance(data, str | Path):
        return DataSource(str(data)).graphs()
    if isinstance(data, Dataset):
        return [completed(one) for one in data]
    if isinstance(data, HeteroData) and ("entity", "stated", "entity") in data.edge_types:
        return [completed(data)]
    if isinstance(data, pd.DataFrame | np.ndarray):
        return [from_frames(data, seed=seed)]
    if isinstance(data, Sequence) and data and all(isinstance(one, pd.DataFrame | np.ndarray) for one in data):
        return [from_frames(data, seed=seed)]
    if isinstance(data, Data | HeteroData) or (isinstance(data, Sequence) and data):
        return [from_hetero(data, seed=seed)]
    raise UserError(
        f"data is {echo(data)}: give the name of a data set, a HeteroData, a frame of heads, relations and tails, or "
        "frames of train, valid and test."
    )


def _value(value: Any, key: str, kept: bool) -> Any:
    """A piece of config from a part, a collection of parts, or a plain value."""
    if isinstance(value, list | tuple):
        return [_value(item, key, kept) for item in value]
    if isinstance(value, type | partial):
        return _piece(value, key, kept)
    if isinstance(value, Mapping) and "class_path" not in value:
        return {name: _value(item, f"{key}.{name}", kept) for name, item in value.items()}
    if isinstance(value, Mapping):
        return _piece(value, key, kept)
    if isinstance(value, nn.Module | Optimizer | LRScheduler):
        raise UserError(
            f"{key} is a finished {type(value).__name__}: give the class, or functools.partial with its arguments, and "
            "sizes are filled in from the data; gnnneg.train takes finished parts."
        )
    return value


def _piece(part: Any, key: str, kept: bool) -> dict[str, Any]:
    """The piece of config that makes a part.

    Args:
        part: A class, its name, a partial of one, or a piece of config.
        key (str): Its place in the config, for errors.
        kept (bool): Whether another process must be able to find its class.
    """
    if isinstance(part, str):
        return {"class_path": part, "init_args": {}}
    cls, given = (part.func, part.keywords) if isinstance(part, partial) else (part, {})
    if isinstance(part, partial) and part.args:
        raise UserError(f"{key}: give arguments by name, partial({getattr(cls, '__name__', cls)}, name=value).")
    if isinstance(cls, type):
        if "<locals>" in cls.__qualname__ or (kept and on_the_spot(cls)):
            raise UserError(
                f"{key}: {cls.__name__} was defined on the spot, so that the run could not be read again: put it into "
                "a module of its own and import it from there."
            )
        return {"class_path": class_path(cls), "init_args": _value(given, key, kept)}
    if isinstance(part, Mapping):
        said = part.get("init_args") or {}
        return {**part, "init_args": _value(said, key, kept) if isinstance(said, Mapping) else said}
    plain: dict[str, Any] = _value(part, key, kept)  # which refuses finished parts
    raise UserError(f"{key} is {echo(plain)}: give a class, its name, functools.partial or a piece of config.")
