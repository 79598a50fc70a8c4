"""Unpacks a run safely: only known files, with a limit on their size, into a temporary folder."""

import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

from gnnneg import run_files
from gnnneg.documents import read_json
from gnnneg.errors import UserError, echo

GRAPH = (run_files.STATEMENTS, run_files.ATTRIBUTES)
NAMES = (run_files.ENTITIES, run_files.RELATIONS)
FILES = {
    *(run_files.CONFIG, run_files.ENVIRONMENT, run_files.RESULT, run_files.CALIBRATION, run_files.DATA),
    *(run_files.PACK, run_files.CARD, *GRAPH),
    *(f"{run_files.MODEL}/{name}" for name in (run_files.MODEL_CONFIG, run_files.WEIGHTS, *NAMES)),
    *(f"{run_files.TEST_GRAPH}/{name}" for name in (*GRAPH, *NAMES)),
}
LARGEST = 1 << 28  # unpacked bytes that are always allowed
RATIO = 20  # beyond that, the largest ratio to the packed size: weights hardly compress


def unpacked(path: Path) -> Path:
    """The run in a new temporary folder, in a folder with the name of the file. The caller removes it.

    Only the files of a pack are written, each under its own name. Archives with other places, links or other files are
    refused, and so are encrypted archives and those that would become too large.

    Raises:
        UserError: If it is not a pack, or is damaged.
    """
    home = Path(tempfile.mkdtemp(prefix="gnnneg-"))
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse(path, archive, home)
            for info in archive.infolist():
                target = home / path.name / info.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
        _refuse_parts(path, home / path.name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(home, ignore_errors=True)
        raise UserError(f"{path} is neither a run folder nor a whole file of 'gnnneg pack': {error}.") from None
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    return home / path.name


def _refuse_parts(path: Path, home: Path) -> None:
    """Refuses a pack with a missing file. Packs of earlier versions do not list their files and pass."""
    try:
        listed = read_json(home / run_files.PACK).get("files", [])
        lost = [name for name in listed if not (home / str(name)).is_file()]
    except (UserError, AttributeError, TypeError):
        raise UserError(f"{path} is damaged in its {run_files.PACK}: copy it again, or pack the run again.") from None
    if lost:
        raise UserError(f"{path} lacks {echo(lost[0])}, which was packed: copy it again, or pack the run again.")


def _refuse(path: Path, archive: zipfile.ZipFile, place: Path) -> None:
    names = [info.filename for info in archive.infolist()]
    strange = [name for name in names if name not in FILES]
    if strange or len(set(names)) < len(names):
        which = echo(strange[0]) if strange else "a file twice"
        raise UserError(f"{path} holds {which}, which 'gnnneg pack' never packs: it is not unpacked.")
    if run_files.PACK not in names:
        raise UserError(f"{path} is not what 'gnnneg pack' made: it has no {run_files.PACK}.")
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise UserError(f"{path} is encrypted, which 'gnnneg pack' never does: decrypt it first.")
    size = sum(info.file_size for info in archive.infolist())
    if size > max(LARGEST, RATIO * path.stat().st_size):
        raise UserError(f"{path} would become {size >> 20:,} MiB, which no pack of its size does: it is not unpacked.")
    if size > shutil.disk_usage(place).free:
        raise UserError(
            f"{path} becomes {size >> 20:,} MiB, for which {place} has no room: set TMPDIR to another disk."
        )
