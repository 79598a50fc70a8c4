"""Going on with a run."""

import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import torch

from gnnneg import distributed, run_files
from gnnneg.errors import UserError
from gnnneg.experiment import folder
from gnnneg.experiment.ending import tidy, unfinished, whole
from gnnneg.experiment.execute import describe_model, finish
from gnnneg.experiment.kept import Kept
from gnnneg.experiment.lock import held
from gnnneg.experiment.run import Run
from gnnneg.experiment.setup import assemble, choose
from gnnneg.experiment.whereabouts import Missing
from gnnneg.trust import allowing


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
    leads = distributed.rank() == 0
    with held(kept.path) if leads else nullcontext():
        reason = unfinished(kept.path, fit)
        if reason is None:  # another process has finished it in between
            return Run.load(path, device, data, allow)
        distributed.wait()  # all have seen what is left to do
        if leads:
            tidy(kept.path, reason)
        with allowing(allow):
            setup = assemble(kept.plan, *kept.graphs, device=_here(kept, device))
            setup.path = kept.path
            if kept.reordered:
                warnings.warn(
                    f"The statements of {kept.dataset} are in another order than before, so that {path} goes "
                    "on to other numbers than if it had never been stopped.",
                    stacklevel=2,
                )
            if leads and not whole(kept.path / run_files.MODEL / run_files.MODEL_CONFIG):
                describe_model(setup, kept.path)
            return finish(setup, progress, resume=True, forget=True)


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
