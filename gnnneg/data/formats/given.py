"""Reads a file of statements without a described layout, by the names of its columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gnnneg.data.decode import ending, lines
from gnnneg.data.formats.files import ENDINGS, read_statements
from gnnneg.data.formats.labelled import Polarity
from gnnneg.data.formats.statements import ROLES, Statements
from gnnneg.data.layout import LABELS, Labels
from gnnneg.errors import UserError

DELIMITERS = {"csv": ",", "tsv": "\t"}
OURS = Labels(stated=("stated",), denied=("denied",))
# the same for files of verdicts
SAID = Labels((*LABELS.stated, *OURS.stated), (*LABELS.denied, *OURS.denied), ("unsure", "unknown"))


def read_given(path: Path, beside: Sequence[str] = ()) -> Statements:
    """Reads the statements of a file. A first line that names head, relation and tail is a header in every table
    format.

    Args:
        path (Path): The file, in any supported format.
        beside (sequence): The columns among ``label``, ``confidence`` and ``source`` that are used if the table has
            them. (default: none; a column that seems to say what is denied is a label)

    Raises:
        UserError: As its reader.
    """
    options: dict[str, Any] = {}
    if ENDINGS.get(ending(path)) in DELIMITERS:
        sign = DELIMITERS[ENDINGS[ending(path)]]
        _, first = next(lines(path), (1, ""))
        names = {cell.strip().strip('"').lower(): cell.strip().strip('"') for cell in first.split(sign)}
        if names.keys() >= set(ROLES):
            options = {"columns": [names[role] for role in ROLES]} | {key: names[key] for key in beside if key in names}
    if "label" in options:
        return read_statements(path, **options, labels=SAID)
    try:
        return read_statements(path, **options)
    except Polarity as found:  # a column that says what is stated and what is denied
        options["label"] = found.column
    try:
        return read_statements(path, **options)
    except UserError as numbers:  # besides 1 and 0, true and false, the words of our own output are accepted
        try:
            return read_statements(path, **options, labels=SAID if beside else OURS)
        except UserError:
            raise numbers from None
