"""A folder of statements with a card. It is written completely or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from gnnneg.data.catalogue import CARD
from gnnneg.data.coded import compacted
from gnnneg.data.definitions import write_definitions
from gnnneg.data.download import sha256
from gnnneg.data.formats.statements import ROLES
from gnnneg.data.gathered import Gathered
from gnnneg.data.labels import write_labels
from gnnneg.data.parts import Parts, distinct
from gnnneg.data.statements import POLARITIES
from gnnneg.documents import dump

CLOSED = "closed.parquet"
ENTRIES = 500  # of an account that a card keeps, which must stay small


def write(
    out: Path, path: Path, parts: Parts, closed: pa.Table | None, read: Gathered, about: str, numbers: dict[str, int]
) -> None:
    """Writes the folder under another name and renames it, so that a folder with a card is always complete."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        files: dict[str, dict[str, str]] = {polarity: {} for polarity in POLARITIES}
        for (polarity, split), table in parts.tables.items():
            files[polarity][split] = f"{split}.parquet" if polarity == "stated" else f"{split}_denied.parquet"
            _write_statements(table, new / files[polarity][split])
        written = [name for by_split in files.values() for name in by_split.values()]
        if closed is not None:
            pa.parquet.write_table(closed, new / CLOSED)
            written.append(CLOSED)
            about += f" {CLOSED} lists the {closed.num_rows:,} questions (head, relation) that have no answer at all."
        names = distinct(parts.each(*ROLES)) if read.labels is not None or read.definitions is not None else []
        made = {
            "labels": None if read.labels is None else write_labels(new, read.labels, names),
            "definitions": None if read.definitions is None else write_definitions(new, read.definitions, names),
        }
        beside = {what: name for what, name in made.items() if name is not None}
        written += beside.values()
        card = {
            "name": out.name,
            "title": f"Imported from {path.name}",
            "task": "link prediction",
            "notes": about,
            "layout": {"columns": parts.tables["stated", "train"].column_names},
            **files,
            **beside,
            "published": numbers,
            "files": {n: {"sha256": sha256(new / n), "bytes": (new / n).stat().st_size} for n in written},
            "account": read.account.as_dict(ENTRIES),
        }
        (new / CARD).write_text(dump(card), encoding="utf-8")
        os.chmod(new, 0o777 & ~_umask())
        if out.exists():  # it is somebody's working directory, perhaps: it stays, and the card comes last
            for name in [*written, CARD]:
                os.replace(new / name, out / name)
        else:
            os.replace(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write_statements(table: pa.Table, path: Path) -> None:
    """Writes statements so that each name stands once in a column, followed by numbers, and is read as it was written.

    To who reads the file with other software they are columns of text.
    """
    for i, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(i, table.column_names[i], compacted(column))
    pa.parquet.write_table(
        table, path, row_group_size=max(1, table.num_rows), dictionary_pagesize_limit=1 << 30, store_schema=False
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
