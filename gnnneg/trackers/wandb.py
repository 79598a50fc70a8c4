"""Weights & Biases."""

from collections.abc import Mapping
from typing import Any, Literal

from gnnneg.trackers.figures import before, called, final, keep, needs, tags, told
from gnnneg.training import Watcher


class WandB(Watcher):
    """Records a run for Weights & Biases: config, tags, and metrics by epoch and at the end.

    By default, nothing leaves the machine. ``wandb sync`` uploads the recorded files when the user wants it.

    Args:
        project (str): The name of the project. (default: ``"gnnneg"``)
        mode (str): ``"offline"`` only writes files, ``"online"`` uploads at once. (default: ``"offline"``)
        folder (str, optional): The folder that contains ``wandb``. (default: the run folder, or the current folder)
        entity (str, optional): The owner of the project. (default: the user)
        tags (dict): Tags in addition to data set and seed. (default: :obj:`None`)

    Raises:
        MissingExtra: If the package ``wandb`` is not installed.
    """

    def __init__(
        self,
        project: str = "gnnneg",
        mode: Literal["offline", "online"] = "offline",
        folder: str | None = None,
        entity: str | None = None,
        tags: dict[str, str] | None = None,
    ):
        needs("wandb", "WandB")
        self.project, self.mode, self.folder, self.entity, self.tags = project, mode, folder, entity, tags

    def begin(self, setup: Any) -> None:
        import wandb

        known = before(setup, self)
        words = tags(setup, self.tags or {})
        self._run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            dir=self.folder or (None if setup.path is None else str(setup.path)),
            name=called(setup),
            id=known,
            resume=None if known is None else "allow",
            config={**setup.tree, "tags": words},
            tags=[f"{key}:{value}"[:64] for key, value in words.items()],
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )
        if known is None:
            keep(setup, self, self._run.id)

    def record(self, record: Mapping[str, Any]) -> None:
        self._run.log({"epoch": record["epoch"], **told(record)})

    def end(self, result: Mapping[str, Any] | None) -> None:
        if result is not None:
            self._run.summary.update(final(result))
        self._run.finish(exit_code=int(result is None))
