"""TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnneg.documents import dump
from gnnneg.errors import UserError
from gnnneg.trackers.figures import before, final, keep, needs, settings, tags, told
from gnnneg.training import Watcher


class TensorBoard(Watcher):
    """Writes event files for ``tensorboard --logdir``: curves over epochs, the config, and final metrics.

    Args:
        folder (str, optional): The folder to write to. (default: ``tensorboard`` in the run folder)
        tags (dict): Tags in addition to data set and seed. (default: :obj:`None`)

    Raises:
        MissingExtra: If the package ``tensorboard`` is not installed.
    """

    _writer: Any

    def __init__(self, folder: str | None = None, tags: dict[str, str] | None = None):
        needs("tensorboard", "TensorBoard")
        self.folder, self.tags = folder, tags

    def begin(self, setup: Any) -> None:
        if self.folder is None and setup.path is None:
            raise UserError("TensorBoard has no place to write: give it a folder, or the run one.")
        self._place = str(Path(setup.path) / "tensorboard") if self.folder is None else self.folder
        self._writer = None
        self._tree: Mapping[str, Any] = setup.tree
        if before(setup, self) is None:
            self._open(None)
            self._writer.add_text("tags", dump(tags(setup, self.tags or {})))
            self._writer.add_text("config", f"```\n{dump(dict(setup.tree))}```")
            keep(setup, self, self._place)

    def record(self, record: Mapping[str, Any]) -> None:
        if self._writer is None:
            self._open(record["epoch"])
        for name, value in told(record).items():
            self._writer.add_scalar(name, value, record["epoch"])
        self._writer.flush()

    def end(self, result: Mapping[str, Any] | None) -> None:
        if self._writer is None:
            self._open(None)
        if result is not None:
            self._writer.add_hparams(settings(self._tree), final(result), run_name=".")
        self._writer.close()

    def _open(self, purged: int | None) -> None:
        """A writer that discards what an earlier one wrote from an epoch on."""
        import tensorboard  # noqa: F401  # torch's writer needs it
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self._place, purge_step=purged)
