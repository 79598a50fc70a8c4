"""Checks which settings of a run may change when it is resumed."""

import copy
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.optim.lr_scheduler import ConstantLR, LinearLR

from gnnneg import config, datasets, run_files
from gnnneg.config import Plan, Tree
from gnnneg.errors import UserError, echo
from gnnneg.experiment import folder, whereabouts
from gnnneg.plain import to_json
from gnnneg.training import Fit
from gnnneg.training.atomic import replacing
from gnnneg.training.state import Position

CHANGEABLE = ("fit.epochs", "fit.patience", "fit.max_seconds", "fit.evaluate_every", "fit.checkpoint_seconds")
# the names of scheduler arguments for the number of steps until the schedule ends
TOTAL = ("T_max", "total_iters", "total_steps", "total_epochs", "max_epochs", "num_epochs", "epochs")


def overridden(tree: Tree, overrides: Sequence[str]) -> Tree:
    """A copy of a run's config with some settings replaced."""
    now = copy.deepcopy(tree)
    config.override(now, overrides)
    return now


def refuse_changed(path: Path, then: Plan, now: Plan) -> None:
    """Refuses changes after which it would be another run.

    Args:
        path (Path): The run folder.
        then (Plan): Its settings until now.
        now (Plan): The new settings.

    Raises:
        UserError: If something other than :data:`CHANGEABLE` differs.
    """
    fixed = [key for key in dict.fromkeys(differing(then.plain(), now.plain())) if key not in CHANGEABLE]
    if fixed:
        raise UserError(
            f"{listed(fixed)} cannot be changed when {path} is resumed, only {', '.join(CHANGEABLE)}, --device "
            f"and --data.name can: start a new run, with its weights by 'gnnneg train CONFIG --warm {path}'."
        )


def began_with(path: Path) -> Any:
    """The config with which a run's training began, or :obj:`None`: earlier versions did not keep it."""
    file = path / run_files.ENVIRONMENT
    return folder.read_json(file, versioned=True).get("config") if file.is_file() else None


def listed(keys: Sequence[str]) -> str:
    """The first keys, joined for a sentence."""
    return " and ".join(echo(key)[1:-1] for key in keys[:3])


def since_training(path: Path, tree: Tree) -> list[str]:
    """The keys of a config that were edited after training began, except :data:`CHANGEABLE`, the device, the trackers
    and the place of the data. There are none for runs of earlier versions, which do not keep their first config.
    """
    then = began_with(path)
    if then is None:
        return []
    now = json.loads(to_json(tree))
    free = (*CHANGEABLE, "device", "data.name", "track")
    return [key for key in dict.fromkeys(differing(then, now)) if key not in free and not key.startswith("track.")]


def refuse_edited(path: Path, tree: Tree) -> None:
    """Refuses a config that was edited after training began, if the edit has no effect or makes another run.

    Optimizer and schedule continue from the checkpoint, so a new ``optimizer.lr`` in the file would have no effect.

    Args:
        path (Path): The run folder.
        tree (dict): Its config as it is now.

    Raises:
        UserError: If something other than :data:`CHANGEABLE`, the device, the trackers and the place of the data
            differs. Runs of earlier versions do not keep their first config and are not checked.
    """
    edited = since_training(path, tree)
    if edited:
        raise UserError(
            f"{path / run_files.CONFIG} says another {listed(edited)} than when training began, which cannot "
            "change during a training: put it back, or start a new run, with the weights of this run by 'gnnneg train "
            f"CONFIG --warm {path}'."
        )


def differing(then: Any, now: Any, key: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys at which two configs differ."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in {**then, **now}:
            inside = key if name in ("class_path", "init_args") else (*key, str(name))
            yield from differing(then.get(name), now.get(name), inside)
    elif then != now:
        yield ".".join(key)


def refuse_over(path: Path, fit: Fit, at: Position | None) -> None:
    """Refuses new settings that do not let a finished run continue.

    Raises:
        UserError: Always; it says which settings are needed.
    """
    if at is None:
        raise UserError(
            f"{path} cannot be resumed, because its checkpoints are missing: start a new run, with its weights by "
            f"'gnnneg train CONFIG --warm {path}'."
        )
    stops = []
    if at.epoch >= fit.epochs:
        stops.append(f"has trained {at.epoch} {fit.unit}s (give --fit.epochs more than that)")
    if fit.patience is not None and at.waited >= fit.patience:
        waited = f"{at.waited} validations"
        stops.append(f"has had {waited} without an improvement (give --fit.patience more than that, or null)")
    if fit.expired(at):
        spent = at.train_s + at.seconds + at.evaluate_s
        stops.append(f"has taken {spent:.4g} seconds (give --fit.max_seconds more than that, or null)")
    raise UserError(f"{path} is finished and would not continue: it {' and '.join(stops)}.")


def refuse_behind(path: Path, fit: Fit, at: Position | None) -> None:
    """Refuses fewer epochs than were trained already.

    Raises:
        UserError: If more were trained.
    """
    behind = 0 if at is None else at.epoch + bool(at.done)
    if fit.epochs < behind:
        raise UserError(f"{path} is already in {fit.unit} {behind}: give --fit.epochs at least that.")


def refuse_schedule(path: Path, scheduler: Plan | None, before: set[int], fit: Fit) -> None:
    """Refuses more epochs for a schedule that was made for the former number of epochs.

    Args:
        path (Path): The run folder.
        scheduler (Plan, optional): Its scheduler.
        before (set[int]): The former numbers of epochs.
        fit (Fit): The new settings.

    Raises:
        UserError: If the schedule ends where the run was to end.
    """
    for key, end in () if scheduler is None else _ends(scheduler):
        if end in before and fit.epochs > end:
            raise UserError(
                f"{path} cannot continue to {fit.epochs} {fit.unit}s: {key} ends the schedule of its learning rate "
                f"after {end}; start a new run with a longer schedule, with its weights by 'gnnneg train CONFIG --warm "
                f"{path}'."
            )


def _ends(part: Plan, start: int = 0) -> Iterator[tuple[str, int]]:
    """The keys that set the ends of a scheduler's schedules, and these ends."""
    given = part.arguments
    inner = [one for one in given.get("schedulers") or () if isinstance(one, Plan)]
    begins = [0, *(given.get("milestones") or ())] if inner else []
    for place, one in enumerate(inner):
        yield from _ends(one, start + (begins[place] if place < len(begins) else 0))
    if issubclass(part.cls, ConstantLR) or (
        issubclass(part.cls, LinearLR) and given["end_factor"] >= given["start_factor"]
    ):
        return  # a warm-up, after which the rate is constant
    for name in TOTAL:
        if isinstance(given.get(name), int):
            yield f"{part.key}.{name}", start + given[name]


def tell_of_extra(path: Path, then: Fit, fit: Fit, at: Position) -> None:
    """Warns if the former end had a validation that a run of all epochs would not have had."""
    if at.best and at.epoch % fit.evaluate_every and then.evaluate_every == fit.evaluate_every:
        warnings.warn(
            f"{path} was validated at its end, after {fit.unit} {at.epoch}. A run of {fit.epochs} {fit.unit}s would "
            f"have no validation there (fit.evaluate_every is {fit.evaluate_every}), so the best {fit.unit}, patience "
            "and ReduceLROnPlateau may differ from such a run.",
            stacklevel=3,
        )


def placed(tree: Tree, device: str | None, data: str | None) -> Tree:
    """The config of a run with a new device or place of its data."""
    now = copy.deepcopy(tree)
    if device is not None:
        now["device"] = device
    if data is not None:
        place = datasets.folder_of(data)
        now["data"]["name"] = data if place is None else str(place.resolve())
    return now


def record(path: Path, tree: Tree, about: dict[str, Any]) -> None:
    """Writes the config with which a run is resumed.

    Args:
        path (Path): The run folder.
        tree (dict): Its config.
        about (dict): Its entry about the data set, of which only the place changes.
    """
    if about.get("name", tree["data"]["name"]) != tree["data"]["name"]:
        told = {**about, **whereabouts.placed(path, tree["data"]["name"])}
        folder.write_json(path / run_files.DATA, told, versioned=True)
    with replacing(path / run_files.CONFIG) as temporary:
        temporary.write_text(config.dump(tree), encoding="utf-8")
