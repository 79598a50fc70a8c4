"""Chooses the reader of a file."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gnnneg.data.decode import SUFFIXES, compression, ending
from gnnneg.data.formats.gaf import read_gaf
from gnnneg.data.formats.gpad import read_gpad
from gnnneg.data.formats.hpoa import read_hpoa
from gnnneg.data.formats.labelled import read_labelled
from gnnneg.data.formats.ntriples import read_ntriples
from gnnneg.data.formats.obo import read_obo
from gnnneg.data.formats.owl import read_owl
from gnnneg.data.formats.rdf import read_rdf
from gnnneg.data.formats.seen import SYNTAXES, seen, syntax
from gnnneg.data.formats.statements import Statements
from gnnneg.data.formats.truewalks import read_truewalks
from gnnneg.data.formats.wikidata import read_wikidata
from gnnneg.errors import UserError, nearest

READERS: dict[str, Callable[..., Statements]] = {
    "csv": partial(read_labelled, kind="csv"),
    "tsv": partial(read_labelled, kind="tsv"),
    "jsonl": partial(read_labelled, kind="jsonl"),
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
    **{".csv": "csv", ".tsv": "tsv", ".txt": "tsv", ".tab": "tsv", ".del": "tsv", ".parquet": "parquet"},
    **{".jsonl": "jsonl", ".ndjson": "jsonl"},
    **{ending: "rdf" for ending in SYNTAXES if ending != ".xml"},
    **{".nt": "ntriples", ".owl": "owl", ".ofn": "owl", ".owx": "owl", ".obo": "obo"},
    **{".gaf": "gaf", ".gpad": "gpad", ".gpa": "gpad", ".hpoa": "hpoa", ".json": "wikidata"},
}


class NoOption(UserError):
    """Raised for an option that a format does not have.

    Args:
        message (str): What is wrong.
        option (str): Its name.
    """

    def __init__(self, message: str, option: str):
        super().__init__(message)
        self.option = option


def read_statements(path: str | Path, format: str | None = None, **options: Any) -> Statements:
    """The statements of one file.

    Args:
        path (str or Path): The file.
        format (str, optional): One of :obj:`READERS`. (default: by the file's name)
        **options: Options of the reader of this format; :obj:`None` stands for the default.

    Raises:
        UserError: For an unknown format, an option that the format does not have, and as its reader.
    """
    path = Path(path)
    if format is not None and format not in READERS:
        raise UserError(f"Unknown format {format!r}: {nearest(format, READERS)}")
    format, why = (format, "") if format is not None else told(path)
    reader = READERS[format]
    taken = [name for name in inspect.signature(reader).parameters if name not in ("path", "kind")]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in taken:
            known = f"it has {', '.join(taken)}" if taken else "it has none"
            raise NoOption(f"{path}: the format {format} has no option {name!r}; {known}.", name)
    found = reader(path, **given)
    for remark in filter(None, (why, _packed(path))):
        found.left_out.used(remark)
    if found.labels is not None:
        found.left_out.used("labels and synonyms", found.labels.num_rows)
    if found.definitions is not None:
        found.left_out.used("definitions", found.definitions.num_rows)
    return found


def told(path: Path) -> tuple[str, str]:
    """The format of a file, and a remark if its name suggests another format. The content is trusted more than the
    name.

    Raises:
        UserError: If neither name nor content tells the format.
    """
    suffix = ending(path)
    by_name, found = ENDINGS.get(suffix), seen(path)
    if found is None or by_name is None or found.format == by_name:
        format = by_name or (found.format if found else None)
        if format is None:
            raise UserError(f"{path}: cannot tell the format from the name; say --format {', '.join(READERS)}.")
        if by_name is None and found is not None:
            return format, f"{path.name}, read as {found.what}"
        return format, _syntax(path) if format == "rdf" else ""
    if by_name == "rdf" and (found.what == "RDF/XML" or found.format == "ntriples"):
        return by_name, _syntax(path)
    return found.format, f"{path.name}, read as {found.what}, which it is, in spite of its name"


def _syntax(path: Path) -> str:
    """A remark if an RDF file is in another syntax than its name says."""
    read = syntax(path)
    same = SYNTAXES.get(ending(path)) == read
    return "" if same else f"{path.name}, read as {read}, which it is, in spite of its name"


def _packed(path: Path) -> str:
    """A remark if the compression of a file is not what its name says."""
    kind, said = compression(path), SUFFIXES.get(path.suffix.lower())
    if kind == said:
        return ""
    return f"{path.name}, decompressed ({kind})" if kind else f"{path.name}, which is not compressed"
