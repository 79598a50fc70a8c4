"""Which reader reads which file."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gnnneg.data.decode import ending
from gnnneg.data.formats.gaf import read_gaf
from gnnneg.data.formats.gpad import read_gpad
from gnnneg.data.formats.hpoa import read_hpoa
from gnnneg.data.formats.labelled import read_labelled
from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.formats.obo import read_obo
from gnnneg.data.formats.owl import read_owl
from gnnneg.data.formats.rdf import SYNTAXES, read_rdf
from gnnneg.data.formats.statements import Statements
from gnnneg.data.formats.truewalks import read_truewalks
from gnnneg.data.formats.wikidata import read_wikidata
from gnnneg.errors import UserError, nearest

READERS: dict[str, Callable[..., Statements]] = {
    "csv": partial(read_labelled, kind="csv"),
    "tsv": partial(read_labelled, kind="tsv"),
    "parquet": partial(read_labelled, kind="parquet"),
    "ntriples": read_ntriples,
    "rdf": read_rdf,
    "owl": read_owl,
    "obo": read_obo,
    "gaf": read_gaf,
    "gpad": read_gpad,
    "hpoa": read_hpoa,
    "wikidata": read_wikidata,
    "truewalks": read_truewalks,
}
ENDINGS = {
    **{".csv": "csv", ".tsv": "tsv", ".txt": "tsv", ".parquet": "parquet"},
    **{ending: "rdf" for ending in SYNTAXES if ending != ".xml"},
    **{".nt": "ntriples", ".owl": "owl", ".ofn": "owl", ".owx": "owl", ".obo": "obo"},
    **{".gaf": "gaf", ".gpad": "gpad", ".gpa": "gpad", ".hpoa": "hpoa", ".json": "wikidata"},
}


def read_statements(path: str | Path, format: str | None = None, **options: Any) -> Statements:
    """The statements of one file.

    Args:
        path (str or Path): The file.
        format (str, optional): One of :obj:`READERS`. (default: by the file's name)
        **options: What the reader of this format takes; :obj:`None` stands for its default.

    Raises:
        UserError: For an unknown format, an option that the format has not, and as its reader.
    """
    path = Path(path)
    format = format or format_of(path)
    if format not in READERS:
        raise UserError(f"Unknown format {format!r}: {nearest(format, READERS)}")
    reader = READERS[format]
    taken = [name for name in inspect.signature(reader).parameters if name not in ("path", "kind")]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in taken:
            known = f"it has {', '.join(taken)}" if taken else "it has none"
            raise UserError(f"{path}: the format {format} has no option {name!r}; {known}.")
    return reader(path, **given)


def format_of(path: Path) -> str:
    """The format that the name of a file tells.

    Raises:
        UserError: If it tells none.
    """
    suffix = ending(path)
    if suffix not in ENDINGS:
        raise UserError(f"{path}: cannot tell the format from the name; give one of {', '.join(READERS)}.")
    return ENDINGS[suffix]
