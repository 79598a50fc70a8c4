"""Packs a run into one file for others: weights, names, config, metrics and a card; no statements, no code."""

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from gnnneg import config, run_files
from gnnneg.config import Tree
from gnnneg.data.attributes import CALLED
from gnnneg.data.facts import FACTS
from gnnneg.data.statements import assemble
from gnnneg.errors import UserError
from gnnneg.experiment import folder
from gnnneg.experiment.card import model_card
from gnnneg.experiment.graph import write_attributes, write_graph, write_named
from gnnneg.experiment.kept import SIZES, Kept
from gnnneg.experiment.run import Run
from gnnneg.experiment.settings import needed
from gnnneg.experiment.whereabouts import Missing
from gnnneg.interfaces import Model
from gnnneg.records import Triplets
from gnnneg.training.atomic import replacing
from gnnneg.trust import allowing

LOCAL = ("warm", "track")  # settings about other runs and servers, which others do not have
OLDEST = (1980, 1, 1, 0, 0, 0)  # time stamp in the zip archive: the same run gives the same file
NAMED = (*CALLED, "type", "type_names")  # the names and types by which entities are found
KINDS = tuple(f"relation_{kind}" for kind in CALLED)


def pack(run: Run, out: str | Path, statements: bool = False) -> list[str]:
    """Packs a trained model without its data set into a zip archive, for predictions and evaluation.

    The archive contains the weights (safetensors), the names with labels and types, the config, a fingerprint of the
    data set, the metrics, the calibration and a card in Markdown. Paths of this machine are left out.
    :meth:`gnnneg.Run.load` and the command line read it.

    Args:
        run (Run): A run with a folder.
        out (str or Path): The file, with the ending ``.zip``; it must not exist.
        statements (bool): Also packs the statements of the data set. They are always packed for a model that uses its
            graph. (default: :obj:`False`)

    Returns:
        The names of the files in the archive.

    Raises:
        UserError: If the run has no folder, or the file exists.
        Missing: If statements must be packed and cannot be found.
    """
    out, kept = Path(out), run.parts
    if out.suffix.lower() != ".zip":
        raise UserError(f"{out} is a zip archive: give a name with the ending .zip.")
    if out.exists():
        raise UserError(f"{out} exists: choose another name.")
    if run.path is None:
        raise UserError("A run without a folder cannot be packed: train with out=FOLDER, or --out.")
    if not isinstance(kept, Kept):
        run = Run.load(run.path)
        kept = run.parts
        assert isinstance(kept, Kept)
    needs = run.model.uses_graph or bool(_facts(kept) - SIZES)
    along = statements or needs
    with tempfile.TemporaryDirectory(prefix="gnnneg-") as home:
        place = Path(home)
        _write(run, kept, place, along)
        tree, name = _shared(kept)
        (place / run_files.CONFIG).write_text(config.dump(tree), encoding="utf-8")
        about = {**kept.about, "name": name, "folder": None}
        folder.write_json(place / run_files.DATA, about, versioned=True)
        (place / run_files.CARD).write_text(model_card(run, kept, name, along, needs, out.name), encoding="utf-8")
        files = {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}
        files[f"{run_files.MODEL}/{run_files.WEIGHTS}"] = kept.path / run_files.MODEL / run_files.WEIGHTS
        said = {"statements": along, "needed": needs, "files": sorted(files)}
        folder.write_json(place / run_files.PACK, said, versioned=True)
        files[run_files.PACK] = place / run_files.PACK
        with replacing(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for inside, path in sorted(files.items()):
                info = zipfile.ZipInfo(inside, OLDEST)
                packed = path.suffix in (".json", ".yaml", ".md")  # other files contain numbers, which hardly compress
                info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
                info.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    while piece := source.read(1 << 20):
                        target.write(piece)
    return sorted(files)


def _facts(kept: Kept) -> set[str]:
    """The facts of the data set that the model needs, in addition to its own settings."""
    said = folder.read_json(kept.path / run_files.MODEL / run_files.MODEL_CONFIG, versioned=True)
    with allowing(kept.allow):
        return needed(config.resolve(Model, said["model"], "model", FACTS))


def _write(run: Run, kept: Kept, place: Path, along: bool) -> None:
    """Writes everything except the config, the fingerprint of the data set, and the card."""
    model = kept.path / run_files.MODEL
    for name in (run_files.MODEL_CONFIG, run_files.ENTITIES, run_files.RELATIONS):
        target = place / run_files.MODEL / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((model / name).read_bytes())
    environment = folder.read_json(kept.path / run_files.ENVIRONMENT, versioned=True)
    public = {key: environment.get(key) for key in ("versions", "seed", "commit", "started", "model")}
    folder.write_json(place / run_files.ENVIRONMENT, public, versioned=True)
    if run.result:
        folder.write_json(place / run_files.RESULT, run.result)
    try:
        graphs = kept.graphs
    except Missing:
        if along:
            raise
        graphs = []
        warnings.warn(
            "The data set cannot be found, so the pack has only the labels and types that the run folder has.",
            stacklevel=3,
        )
    if graphs and run.calibrates:
        run.calibration  # noqa: B018  (fitted here, because others have no data for it)
    if (kept.path / run_files.CALIBRATION).exists() and run.fitted() is not None:
        (place / run_files.CALIBRATION).write_bytes((kept.path / run_files.CALIBRATION).read_bytes())
    if along:
        write_graph(place, graphs[0])
        for other in graphs[1:]:
            write_named(place / run_files.TEST_GRAPH, other)
    else:
        write_attributes(place, _named(graphs[0] if graphs else kept.silent))


def _named(data: HeteroData) -> HeteroData:
    """A graph of the same entities without statements: names, labels, types."""
    none = Triplets(*(data["entity", "stated", "entity"].edge_type[:0].cpu() for _ in range(3)))
    found = assemble(none, none.rel_type, data["entity"].names, data.relation_names)
    for key in NAMED:
        if key in data["entity"]:
            found["entity"][key] = data["entity"][key]
    for key in KINDS:
        if data.get(key) is not None:
            found[key] = data[key]
    return found


def _shared(kept: Kept) -> tuple[Tree, str]:
    """The config without paths of this machine, and the name of the data set in it."""
    tree = {key: value for key, value in _anywhere(kept.tree).items() if key not in LOCAL}
    name = Path(kept.dataset).name or kept.dataset
    tree["data"] = {key: value for key, value in tree["data"].items() if key != "root"} | {"name": name}
    if isinstance(tree["data"].get("verdicts"), str):
        tree["data"]["verdicts"] = Path(tree["data"]["verdicts"]).name
    return tree, name


def _anywhere(value: Any) -> Any:
    """The same piece of config, with only the file names of weights."""
    if isinstance(value, list):
        return [_anywhere(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _anywhere(item) for key, item in value.items()}
    if isinstance(found.get("weights"), str):
        found["weights"] = Path(found["weights"]).name
    return found
