"""Resumes a run."""

import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import torch

from gnnneg import distributed, run_files
from gnnneg.config import Plan
from gnnneg.errors import UserError
from gnnneg.experiment import folder, prolonged, same_model
from gnnneg.experiment.ending import MORE, stand, tidy, unfinished, whole
from gnnneg.experiment.execute import describe_model, finish
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.lock import held
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import watchers
from gnnneg.experiment.setup import assemble, choose
from gnnneg.experiment.warm import begin_again
from gnnneg.experiment.whereabouts import Missing
from gnnneg.training import Fit, Watcher
from gnnneg.training.watching import listed
from gnnneg.trust import allowing


def resume(
    path: str | Path,
    progress: bool = True,
    device: str | None = None,
    data: str | None = None,
    allow: str | Sequence[str] = (),
    track: Sequence[Watcher] = (),
    overrides: Sequence[str] = (),
) -> Run:
    """Resumes a run from its last checkpoint, as if it had never been stopped.

    A finished run stays as it is, with a message. With more epochs it continues: on a CPU with the same number of
    threads, 10 epochs and 10 more give exactly the result of 20 epochs. Its config is updated with the new settings.

    ::

        resume("runs/complex", overrides=["--fit.epochs", "200"])

    Args:
        path (str or Path): The run folder.
        progress (bool): Whether to show progress on standard error. (default: :obj:`True`)
        device (str, optional): The device. (default: the one in its config, or the CPU if it does not exist)
        data (str, optional): The folder in which its data set is now. (default: its old place, or next to the run)
        allow (str or list[str]): Other modules than gnnneg's whose classes the run may use.
        track (list[Watcher]): Watchers in addition to those of its config.
        overrides (list[str]): ``--fit.epochs``, ``--fit.patience``, ``--fit.max_seconds``, ``--fit.evaluate_every`` and
            ``--fit.checkpoint_seconds`` with their new values. Other settings cannot change.

    Raises:
        UserError: If it is not a run folder, is damaged, has another version, is used by another process, was trained
            on other data, or lost its checkpoints before it was finished; if a setting cannot be changed, or does not
            let it continue; if the schedule of its learning rate ends with the former number of epochs.
    """
    if Path(path).is_file():
        raise UserError(f"{path} is a file: only a run folder can be resumed, not a file of 'gnnneg pack'.")
    kept = Kept(path, device, data, allow)
    then, written = kept.plan, kept.tree
    if overrides:
        kept.asks(prolonged.overridden(kept.tree, overrides))
        prolonged.refuse_changed(kept.path, then, kept.plan)
    changed = kept.plan.plain() != then.plain()
    fit = kept.plan.arguments["fit"].build({})
    if unfinished(kept.path, fit) is None:  # nothing is written, so read access is enough
        if changed:
            prolonged.refuse_over(kept.path, fit, stand(kept.path))
        with suppress(Missing):
            kept.graphs  # noqa: B018  # fails if it is not what the run was trained on
        if progress:
            print(f"{path} is finished, and stays as it is.", file=sys.stderr)
        return Run.load(path, device, data, allow)
    prolonged.refuse_edited(kept.path, written)
    folder.refuse_links(kept.path)
    leads = distributed.rank() == 0
    with held(kept.path) if leads else nullcontext():
        reason = unfinished(kept.path, fit)
        if reason is None:  # another process has just finished it
            return Run.load(path, device, data, allow)
        distributed.wait()  # all have seen what is left to do
        if leads:
            tidy(kept.path, reason)
        if changed or reason == MORE:
            _look_ahead(kept, then, fit, reason)
        here, graphs = _here(kept, device), kept.graphs
        kept.asks(prolonged.placed(kept.plan.plain(), device, data))
        with allowing(allow):
            setup = assemble(kept.plan, *graphs, device=here)
            if stand(kept.path) is None:  # it starts again, possibly from warm weights
                begin_again(setup, kept.path, allow)
            setup.path, setup.track = kept.path, [*watchers(kept.plan), *listed(track)]
            if kept.reordered:
                warnings.warn(
                    f"The statements of {kept.dataset} are in another order than before, so {path} will have "
                    "other results than without the interruption.",
                    stacklevel=2,
                )
            if leads and not whole(kept.path / run_files.MODEL / run_files.MODEL_CONFIG):
                same_model.keep(kept.path, describe_model(setup, kept.path))
            if leads and kept.plan.plain() != then.plain():
                prolonged.record(kept.path, kept.tree, kept.about)
            if leads:
                for name in (run_files.CALIBRATION, run_files.NEGATIVES):  # of the weights until now
                    (kept.path / name).unlink(missing_ok=True)
            return finish(setup, progress, resume=True, forget=True)


def _look_ahead(kept: Kept, then: Plan, fit: Fit, reason: str) -> None:
    """Checks that a longer run is the same as one that was this long from the start; warns of what may differ."""
    at, before = stand(kept.path), {then.arguments["fit"].arguments["epochs"]}
    prolonged.refuse_behind(kept.path, fit, at)
    if at is None:
        return
    if reason == MORE:  # it was finished, and its config may have been edited since
        before.add(at.epoch)
        prolonged.tell_of_extra(kept.path, then.arguments["fit"].build({}), fit, at)
    prolonged.refuse_schedule(kept.path, kept.plan.arguments["scheduler"], before, fit)


def _here(kept: Kept, asked: str | None) -> torch.device:
    """The device to resume on: the given one, otherwise that of the run, otherwise the CPU."""
    if asked is not None:
        return kept.device
    before = kept.plan.arguments["device"]
    try:
        return choose(before)
    except UserError:
        warnings.warn(f"{kept.path} was trained on {before}, which is not here: it uses the CPU.", stacklevel=3)
        return torch.device("cpu")
